"""From where on does a hand score flag, and reject? Read off hands of real people: so many of them may lie above, whatever made hands say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from limbfix.hand_scores import ANY

FLAGGED, REJECTED = 0.1, 0.01
"""Shares of real hands that may score above 0.5, and above 0.8, over all codes together, in the hardest folder; in the others fewer do. Pictures show
two hands, so one in fifty of them is rejected. With 0.02 two of 40 pictures of `epsrc` were, and of the 33 AI pictures with a severe hand no more than with
0.01 (2026-11-29)."""

CODE_SHARE = 0.2
"""Of those shares, what each code with a model of its own may take; whether anything is wrong at all gets the rest. A sixth digit is hardly ever seen on
real hands: of 440 the highest stays below half of 141 six-fingered photographs, and below 0.70 of 105 others. Given as much as the rest, its model only moved the other bars up (2026-11-29)."""


FEWEST_TELLING = 5
"""Hands of a folder above a threshold from which on they tell where it lies: of the 150 of the smallest folder, 2 % are three, and one more or less moves it by a
third of the way from flagged to rejected (2026-12-01)."""


def code_thresholds(numbers: Mapping[str, np.ndarray], sources: Sequence[str], share: float) -> dict[str, float]:
    """Returns the threshold of each code: of all real hands, and of the folder that is hardest for it, `CODE_SHARE` of the share lies above.

    A folder of which that is less than `FEWEST_TELLING` hands says nothing, and all together speak for it; but where no folder is large enough, the bar lies
    just below the highest hand of the hardest one (between its two highest), so that what rejects is not guessed.

    Args:
        numbers: (n,) of each code's model, of real hands; without `any`.
        sources: (n,) their folders.
        share: 0-1.
    """
    folders = _folders(sources)
    telling = [own for own in folders if own.sum() * CODE_SHARE * share >= FEWEST_TELLING]
    # where a folder tells, the higher neighbour: of a hundred hands, two in a thousand are none
    read, how = ([*telling, np.ones(len(sources), bool)], "higher") if telling else (folders, "linear")
    return {
        code: max(float(np.quantile(values[own], 1 - CODE_SHARE * share, method=how)) for own in read)
        for code, values in numbers.items()
    }


def any_threshold(
    numbers: Mapping[str, np.ndarray], sources: Sequence[str], share: float, codes: Mapping[str, float]
) -> float:
    """Returns the threshold of `any` so that in every folder a share of real hands at most lies above it or one of the codes': it gets what they leave.

    But at least what they should leave (`CODE_SHARE`): read off others, a code's threshold may let some hands more through here, which is not for `any` to pay.

    Args:
        numbers: (n,) of each code's model, of real hands; with `any`.
        sources: (n,) their folders.
        share: 0-1.
        codes: thresholds of the others, see `code_thresholds`. They may have been read off more hands.
    """
    taken = np.any([np.zeros(len(sources), bool), *(numbers[code] > bar for code, bar in codes.items())], axis=0)
    least = share * (1 - CODE_SHARE * len(codes))
    return max(_left(numbers[ANY][own], taken[own], max(share, taken[own].mean() + least)) for own in _folders(sources))


def _folders(sources: Sequence[str]) -> list[np.ndarray]:
    return [np.array(sources) == source for source in sorted(set(sources))]


def _left(values: np.ndarray, taken: np.ndarray, share: float) -> float:
    """Returns the threshold above which a share of hands lies together with those that are taken; found by halving its quantile."""
    low, high = 1 - share, 1.0
    for _ in range(40):
        quantile = (low + high) / 2
        above = taken | (values > np.quantile(values, quantile))
        low, high = (quantile, high) if above.mean() > share else (low, quantile)
    return float(np.quantile(values, high))


def knots_of(values: np.ndarray, flag: float, reject: float, *, steep: bool = False) -> list[list[float]]:
    """Returns (logit, defect score) knots through the two thresholds, and 0.95 and 1 well beyond.

    Below them 0.1 lies at the real hands' median; or where it is `steep`, the score falls to 0 sooner than it rose between them: what is no sixth digit says nothing about
    a hand. With a slope down to the median of the odds of one, hand by hand on AI pictures the AUROC was 0.764, with one as between the thresholds 0.803, so 0.809 (2026-11-29).
    """
    middle = min(float(np.median(values)), flag - 0.2)
    reject = max(reject, flag + 0.05)
    gap = reject - flag
    below = [[flag - gap, 0.0], [flag - gap / 2, 0.05]] if steep else [[middle - 4, 0.0], [middle, 0.1]]
    knots = [*below, [flag, 0.5], [reject, 0.8], [reject + 1.5, 0.95], [reject + 5, 1.0]]
    return [[round(at, 4), score] for at, score in knots]
