"""How sure is a rate? The Wilson interval, which stays honest for few pictures and at 0 and 1."""

from __future__ import annotations

import math
from dataclasses import dataclass

_Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Some of all, with the 95 % interval of the rate; rates are None where there is nothing to count."""

    hits: int
    of: int

    def __post_init__(self) -> None:
        if not 0 <= self.hits <= self.of:
            raise ValueError(f"Share: expected 0 <= hits <= of, got {self.hits} of {self.of}")

    @property
    def rate(self) -> float | None:
        """0-1."""
        return self.hits / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Low and high, 0-1."""
        if not self.of:
            return None
        rate, n = self.hits / self.of, self.of
        middle = rate + _Z95**2 / (2 * n)
        half = _Z95 * math.sqrt(rate * (1 - rate) / n + _Z95**2 / (4 * n * n))
        scale = 1 + _Z95**2 / n
        low = 0.0 if self.hits == 0 else (middle - half) / scale
        return low, 1.0 if self.hits == n else (middle + half) / scale

    @property
    def words(self) -> str:
        """`12.5 % (3.5 to 36.0 %)`, or a dash."""
        if self.rate is None or self.interval is None:
            return "-"
        low, high = self.interval
        return f"{100 * self.rate:.1f} % ({100 * low:.1f} to {100 * high:.1f} %)"
