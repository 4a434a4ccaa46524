"""How shall a wrapped generator go on? The options of `limbfix.wrap`, checked before the first picture is made."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from limbfix.errors import UsageError

OnFail = Literal["regenerate", "repair", "repair_then_regenerate", "flag", "raise"]
FailOn = Literal["reject", "flag"]
Preview = Callable[[Any, Any], "list[np.ndarray]"]
"""(pipeline, latents) -> one uint8 (h, w, 3) picture for each image of the batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyStop:
    """Looks at a render before it is done, and stops it if every image of the batch is already lost.

    Attributes:
        at: share of the steps, 0-1, after which the preview is judged.
        preview: what decodes it, such as a TAESD of your own; None decodes with the pipeline's own VAE.
    """

    at: float = 0.6
    preview: Preview | None = None

    def __post_init__(self) -> None:
        if not 0 < self.at < 1:
            raise UsageError(f"early_stop: expected a share of the steps between 0 and 1, got {self.at}; 0.6 is usual")


@dataclass(frozen=True, slots=True, kw_only=True)
class WrapOptions:
    """What a wrapped generator does with what it makes.

    Attributes:
        max_attempts: renders of one image at most, the first one included.
        max_seconds: no new attempt begins after so many seconds of a call; None = no limit. The first render is always finished.
        on_fail: `regenerate`, `repair`, `repair_then_regenerate`, `flag` (only say so) or `raise`.
        fail_on: the verdict from which an image fails: `reject`, or `flag`.
        seed: base of all seeds, into which a seed that the caller gives with a call is mixed; None takes the caller's own, or
            a new one, which is recorded.
        early_stop: None renders every attempt to its end.
        records: a JSON Lines file to which one record for each image is added; see `limbfix replay`.

    Raises:
        UsageError: an impossible value.
    """

    max_attempts: int = 3
    max_seconds: float | None = None
    on_fail: OnFail = "regenerate"
    fail_on: FailOn = "reject"
    seed: int | None = None
    early_stop: EarlyStop | None = None
    records: Path | None = None

    def __post_init__(self) -> None:
        _require(
            _is_whole(self.max_attempts) and self.max_attempts >= 1, "max_attempts", "1 or more", self.max_attempts
        )
        is_time = self.max_seconds is None or (_is_number(self.max_seconds) and self.max_seconds > 0)
        _require(is_time, "max_seconds", "more than 0, or None", self.max_seconds)
        _require(self.on_fail in get_args(OnFail), "on_fail", ", ".join(get_args(OnFail)), self.on_fail)
        _require(self.fail_on in get_args(FailOn), "fail_on", ", ".join(get_args(FailOn)), self.fail_on)
        _require(self.seed is None or _is_whole(self.seed), "seed", "a whole number, or None", self.seed)
        if isinstance(self.early_stop, bool):
            object.__setattr__(self, "early_stop", EarlyStop() if self.early_stop else None)
        _require(
            self.early_stop is None or isinstance(self.early_stop, EarlyStop),
            "early_stop",
            "EarlyStop",
            self.early_stop,
        )
        if self.records is not None:
            object.__setattr__(self, "records", Path(self.records))

    @property
    def repairs(self) -> bool:
        """Whether a failing image is repaired first."""
        return self.on_fail in ("repair", "repair_then_regenerate")

    @property
    def regenerates(self) -> bool:
        """Whether a failing image is made again."""
        return self.on_fail in ("regenerate", "repair_then_regenerate") and self.max_attempts > 1

    @property
    def failing(self) -> frozenset[str]:
        """The verdicts with which an image fails."""
        return frozenset({"reject"} if self.fail_on == "reject" else {"reject", "flag"})

    def with_changes(self, changes: Mapping[str, Any] | None) -> WrapOptions:
        """Returns the options of one call, `gated(..., limbfix={"max_attempts": 5})`.

        Raises:
            UsageError: an unknown key, or an impossible value.
        """
        if not changes:
            return self
        known = {field.name for field in fields(self)}
        given = set(changes) if isinstance(changes, Mapping) else {type(changes).__name__}
        if wrong := given - known:
            names = ", ".join(sorted(map(str, wrong)))
            raise UsageError(f"limbfix=: expected a dict with some of {', '.join(sorted(known))}, got {names}")
        return replace(self, **changes)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _require(is_fine: bool, name: str, expected: str, actual: object) -> None:
    if not is_fine:
        raise UsageError(f"wrap: {name}: expected {expected}, got {actual!r}")
