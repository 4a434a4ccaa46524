"""What stays between two calls of a wrapped generator? The gate, the options, and the reports of the last call."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from limbfix.errors import OutputError
from limbfix.wrapping.attempts import Ledger
from limbfix.wrapping.gate_reports import (
    GateReport,
    add_records,
    expect_records,
    make_report,
    raise_if_asked,
)
from limbfix.wrapping.options import WrapOptions
from limbfix.wrapping.repairing import Repairer
from limbfix.wrapping.rounds import GateLike, Means, Rounds, rounds

LOG = logging.getLogger("limbfix")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gated:
    """A value together with what limbfix says of it.

    Attributes:
        value: what the wrapped generator returns.
        reports: one for each image.
    """

    value: Any
    reports: Sequence[GateReport]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CallNotes:
    """What a report says about how one call was made.

    Attributes:
        generator, call: plain JSON values.
        not_reproducible_because: image index -> one sentence, empty where the call can be repeated.
        notes: for every report of the call.
    """

    generator: Mapping[str, Any]
    call: Mapping[str, Any]
    not_reproducible_because: Callable[[Ledger], str]
    notes: Sequence[str] = ()


class GateSession:
    """The `limbfix` attribute of a wrapped generator.

    Attributes:
        generator: what was wrapped, untouched.
        gate: who judges.
        repairer: who repairs, in the calls whose options want it.
        options: of every call that does not bring its own.
        last_reports: of the last call that ended, or of the stream that gave a picture last, as they grow; with threads, use
            the reports that a call returns instead.
        last_ledgers: of the last call that began, for a look after an interruption.
    """

    def __init__(self, generator: Any, gate: GateLike, repairer: Repairer, options: WrapOptions) -> None:
        self.generator, self.gate, self.repairer, self.options = generator, gate, repairer, options
        self.last_reports: Sequence[GateReport] = ()
        self.last_ledgers: list[Ledger] = []
        if options.records is not None:
            expect_records(options.records)

    def rounds(
        self,
        options: WrapOptions,
        *,
        base_seed: Callable[[int], int | None],
        prompt_of: Callable[[int], str],
        offset: int = 0,
    ) -> Rounds:
        """Returns the loop of one call."""
        means = Means(
            gate=self.gate,
            repairer=self.repairer,
            base_seed=base_seed,
            prompt_of=prompt_of,
            offset=offset,
            keep=self._keep,
        )
        return rounds(options, means)

    def _keep(self, ledgers: list[Ledger]) -> None:
        self.last_ledgers = ledgers

    def reports(self, ledgers: Sequence[Ledger], notes: CallNotes, options: WrapOptions) -> tuple[GateReport, ...]:
        """Returns the reports of ended images, and writes their records where they are wanted."""
        reports = tuple(
            make_report(
                ledger,
                not_reproducible_because=notes.not_reproducible_because(ledger),
                notes=notes.notes,
                generator=notes.generator,
                call=notes.call,
            )
            for ledger in ledgers
        )
        if options.records is not None:
            try:
                add_records(options.records, reports)
            except OutputError as error:  # pictures that are made are worth more than their records; both say so
                LOG.error("%s", error)
                reports = tuple(replace(one, notes=(*one.notes, f"Not recorded: {error}")) for one in reports)
        self.last_reports = reports
        return reports

    def finish(self, value: Any, reports: Sequence[GateReport], options: WrapOptions) -> None:
        """Raises AnatomyRejected where the caller wants errors."""
        raise_if_asked(options.on_fail, reports, value)

    def told(self, done: Gated, *, instead: str) -> Any:
        """Returns the value for a caller who asked for no reports; where a picture failed and the value cannot say so, the log does, once.

        Args:
            done: value and reports of one call.
            instead: what gives the reports, for the message.
        """
        failed = [report for report in done.reports if report.has_failed]
        if failed and not hasattr(done.value, "reports"):
            worst = failed[0]
            LOG.warning("the picture that is returned failed (%s): %s %s", worst.verdict, worst.reason, instead)
        return done.value

    def __repr__(self) -> str:
        return f"<limbfix gate: {self.options.on_fail}, {self.options.max_attempts} attempts at most>"
