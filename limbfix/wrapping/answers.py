"""What does the caller of a function get back? The best pictures, in the type that the function returned, and the reports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from limbfix.wrapping.attempts import Ledger
from limbfix.wrapping.function_calls import FunctionCall
from limbfix.wrapping.gate_reports import GatedList, GatedTuple
from limbfix.wrapping.options import WrapOptions
from limbfix.wrapping.sessions import CallNotes, Gated, GateSession
from limbfix.wrapping.values import give_back


def finished(
    session: GateSession, options: WrapOptions, call: FunctionCall, ledgers: list[Ledger], result: Any
) -> Gated:
    """Returns the value for the caller and the reports; raises where the caller wants errors."""
    done = answer_of(session, options, call, ledgers, result)
    session.finish(done.value, done.reports, options)
    return done


def answer_of(
    session: GateSession, options: WrapOptions, call: FunctionCall, ledgers: list[Ledger], result: Any
) -> Gated:
    """Returns the value for the caller and the reports."""
    values = [give_back(ledger.native, ledger.repaired, ledger.notes) for ledger in ledgers]
    because = call.why_not_reproducible
    notes = CallNotes(
        generator={"kind": "function", "name": _name_of(session.generator)},
        call=call.record()[0],
        not_reproducible_because=lambda ledger: because,
    )
    reports = session.reports(ledgers, notes, options)
    value: Any = values[0]
    if isinstance(result, list | tuple):
        value = GatedTuple(values) if isinstance(result, tuple) else GatedList(values)
        value.reports = reports
    return Gated(value=value, reports=reports)


def _name_of(function: Callable[..., Any]) -> str:
    owner = function if hasattr(function, "__qualname__") else type(function)
    return f"{getattr(owner, '__module__', '?')}:{getattr(owner, '__qualname__', '?')}"
