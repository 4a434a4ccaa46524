"""What do the answers imply for all pictures, and how surely? Precision and recall from a stratified sample.

For each verdict h with N pictures, of which n were answered and d were defective:

    share   p_h = d / n          defective pictures   D_h = N * d / n
    precision of rejecting       D_reject / N_reject
    recall of rejecting          D_reject / (D_pass + D_flag + D_reject)

and the same with flagged pictures beside the rejected ones ("stopped"). The intervals come from 10,000 draws of what the
unseen pictures may be: share ~ Beta(d + 1/2, n - d + 1/2) (Jeffreys' prior), then D_h ~ d + Binomial(N - n, share), each
verdict for itself; the middle 95 % of a ratio over the draws is its interval, widened to hold the estimate itself. A
verdict of which every picture was answered adds no doubt. The draws are seeded: the same answers give the same interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from limbfix.review.auditing import STRATA, Stratum

_DRAWS = 10_000
_SEED = 20261128


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A share, 0-1, with its 95 % interval; all None where nothing can be said yet, and `lacking` says why."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    lacking: str = ""

    @property
    def words(self) -> str:
        """`92 % (81 to 97 %)`, `92 % (counted, not estimated)`, or what is lacking."""
        if self.value is None or self.low is None or self.high is None:
            return self.lacking
        if self.low == self.high:
            return f"{100 * self.value:.0f} % (counted, not estimated)"
        return f"{100 * self.value:.0f} % ({100 * self.low:.0f} to {100 * self.high:.0f} %)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimates:
    """Precision: of those stopped, how many are wrong. Recall: of those that are wrong, how many are stopped.

    Attributes:
        reject_precision, reject_recall: rejecting alone.
        stop_precision, stop_recall: rejecting or flagging.
    """

    reject_precision: Estimate
    reject_recall: Estimate
    stop_precision: Estimate
    stop_recall: Estimate


def estimate(strata: Mapping[str, Stratum]) -> Estimates:
    """Returns what the answers imply.

    Args:
        strata: of each verdict in STRATA.
    """
    rng = np.random.default_rng(_SEED)
    drawn = {verdict: _draw(strata[verdict], rng) for verdict in STRATA}
    points = {verdict: _point(strata[verdict]) for verdict in STRATA}

    def ratio(above: tuple[str, ...], below: tuple[str, ...] | None) -> Estimate:
        return _ratio(strata, points, drawn, above, below)

    return Estimates(
        reject_precision=ratio(("reject",), None),
        reject_recall=ratio(("reject",), STRATA),
        stop_precision=ratio(("flag", "reject"), None),
        stop_recall=ratio(("flag", "reject"), STRATA),
    )


def _ratio(
    strata: Mapping[str, Stratum],
    points: Mapping[str, float | None],
    drawn: Mapping[str, np.ndarray],
    above: tuple[str, ...],
    below: tuple[str, ...] | None,
) -> Estimate:
    """Returns defective pictures of some verdicts per defective pictures of others, or (None) per pictures of the same."""
    missing = [verdict for verdict in below or above if points[verdict] is None]
    if missing:
        names = {"pass": "passed", "flag": "flagged", "reject": "rejected"}
        return Estimate(
            lacking=f"no {' or '.join(names[verdict] for verdict in missing)} picture of the audit is answered yet"
        )
    top = sum(points[verdict] or 0.0 for verdict in above)
    tops = sum((drawn[verdict] for verdict in above), np.zeros(_DRAWS))
    if below is None:
        bottom = float(sum(strata[verdict].size for verdict in above))
        bottoms = np.full(_DRAWS, bottom)
    else:
        bottom = sum(points[verdict] or 0.0 for verdict in below)
        bottoms = sum((drawn[verdict] for verdict in below), np.zeros(_DRAWS))
    if bottom == 0:
        return Estimate(lacking="no defective picture was seen yet" if below else "there are no such pictures")
    shares = tops[bottoms > 0] / bottoms[bottoms > 0]
    low, high = np.quantile(shares, (0.025, 0.975))
    value = top / bottom
    return Estimate(value=value, low=min(float(low), value), high=max(float(high), value))


def _point(stratum: Stratum) -> float | None:
    if not stratum.size:
        return 0.0
    return stratum.size * stratum.defective / stratum.seen if stratum.seen else None


def _draw(stratum: Stratum, rng: np.random.Generator) -> np.ndarray:
    """Returns defective pictures of one verdict, (draws,)."""
    shares = rng.beta(stratum.defective + 0.5, stratum.seen - stratum.defective + 0.5, _DRAWS)
    return stratum.defective + rng.binomial(stratum.size - stratum.seen, shares).astype(float)
