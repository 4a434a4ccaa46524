"""How large is a share, a ratio or an AUROC, and how sure is the number? Pure functions on numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Z95 = 1.959963984540054
"""Two-sided 95 % point of the normal distribution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with its 95 % interval; None where there is nothing to estimate it from."""

    n: int
    value: float | None
    low: float | None
    high: float | None


def nothing(n: int = 0) -> Estimate:
    """Returns an estimate without a value: absent, not 0."""
    return Estimate(n=n, value=None, low=None, high=None)


def share(hits: int, n: int) -> Estimate:
    """Returns hits / n with the Wilson score interval, which stays honest at 0 and at 1."""
    if not 0 <= hits <= n:
        raise ValueError(f"share: expected 0 <= hits <= n, got {hits} of {n}")
    if n == 0:
        return nothing()
    fraction, z2 = hits / n, Z95**2
    middle = (fraction + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 * np.sqrt(fraction * (1 - fraction) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    # At 0 and at n the exact bound is 0 or 1; rounding must not move it past the value.
    low = 0.0 if hits == 0 else float(middle - half)
    return Estimate(n=n, value=fraction, low=low, high=1.0 if hits == n else float(middle + half))


def rate(events: int, n: int) -> Estimate:
    """Returns events / n with the exact Poisson interval (Garwood 1936), whose upper end is not 0 at 0 events."""
    from scipy.stats import chi2

    if n == 0:
        return nothing()
    low = 0.0 if events == 0 else float(chi2.ppf(0.025, 2 * events)) / 2
    return Estimate(n=n, value=events / n, low=low / n, high=float(chi2.ppf(0.975, 2 * events + 2)) / 2 / n)


def ratio(parts: Sequence[float], wholes: Sequence[float], *, replicates: int = 2000, seed: int = 0) -> Estimate:
    """Returns sum(parts) / sum(wholes) with the bootstrap interval over pictures, which holds hands of one picture together.

    Args:
        parts, wholes: one number each per picture.
        replicates: pictures drawn with replacement this many times.
        seed: of the draws, so that the same records give the same interval.
    """
    above, below = np.asarray(parts, dtype=float), np.asarray(wholes, dtype=float)
    if above.shape != below.shape:
        raise ValueError(f"ratio: expected as many parts as wholes, got {above.shape} and {below.shape}")
    if below.sum() <= 0:
        return nothing()
    draws = np.random.default_rng(seed).integers(0, len(above), size=(replicates, len(above)))
    totals = below[draws].sum(axis=1)
    values = above[draws].sum(axis=1)[totals > 0] / totals[totals > 0]
    low, high = np.percentile(values, [2.5, 97.5])
    return Estimate(n=int(below.sum()), value=float(above.sum() / below.sum()), low=float(low), high=float(high))


def auroc(positives: Sequence[float], negatives: Sequence[float]) -> Estimate:
    """Returns the chance that a positive scores above a negative (ties count half), with DeLong's interval (1988).

    Args:
        positives, negatives: scores; higher = more surely defective. Absent scores are the caller's business.

    Returns:
        n is the number of both; no value where one side is empty; no interval where one has fewer than two.
    """
    ups, downs = np.asarray(positives, dtype=float), np.asarray(negatives, dtype=float)
    if not np.isfinite(ups).all() or not np.isfinite(downs).all():
        raise ValueError("auroc: expected finite scores, got nan or infinity")
    n = len(ups) + len(downs)
    if not len(ups) or not len(downs):
        return nothing(n)
    wins = (ups[:, None] > downs[None, :]) + 0.5 * (ups[:, None] == downs[None, :])  # (positives, negatives)
    value = float(wins.mean())
    if min(len(ups), len(downs)) < 2:
        return Estimate(n=n, value=value, low=None, high=None)
    variance = wins.mean(axis=1).var(ddof=1) / len(ups) + wins.mean(axis=0).var(ddof=1) / len(downs)
    half = Z95 * float(np.sqrt(variance))
    return Estimate(n=n, value=value, low=max(0.0, value - half), high=min(1.0, value + half))
