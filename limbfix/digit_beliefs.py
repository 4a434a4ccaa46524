"""Which of the assembled lines are digits, and how surely are there so many? Small trees judge each line, kept as JSON.

Assembly is generous: it joins faint peaks too. What tells a digit from a knuckle, a fold or a second sight of the same finger is judged
here, line by line, from heat, fields, parts and neighbours; nothing in it knows how many digits a hand has. The parser's counting head,
which looks at the crop as a whole, is heard as a second witness: how much likelier it finds a number here than on made hands at large, so that
the usual five has no start over six. The model is fitted on made hands that the
parser was not trained on, and on photographs (`python -m limbfix.training.digit_lines`).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from limbfix.boosted_trees import BoostedTrees, trees_from
from limbfix.digit_assembly import DigitLine, agreement
from limbfix.digit_neighbours import NEIGHBOUR_FEATURES, neighbour_features
from limbfix.nets.hand_maps import JOINTS, MOST_DIGITS, PARTS, PHALANGES
from limbfix.nets.part_chances import part_chances
from limbfix.shipped import read_model, shipped_file

FILE = "digit_lines.json"

UNHEARD = 0.01
"""Added to the head's chances, here and usual ones: of numbers that made hands hardly ever show it has learnt nothing."""

SAME_END = 0.03
"""Of the crop's side: two lines that end closer together than this are one digit seen twice."""

NEIGHBOUR = 0.09
"""Of the crop's side: about a finger's breadth of a hand that fills two thirds of the crop."""

LINE_FEATURES = (
    "heat", "end_heat", "is_tip", "joints", "agreement", "least_agreement", "length", "nearest_end", "on_fingers", "end_on_finger",
    "on_background", "forked", "lines", "score", "hotter_neighbour", "tip_heat", "off_centre", "finger_area", "parts_agree",
    *NEIGHBOUR_FEATURES,
)  # fmt: skip

_FINGERS = tuple(PARTS.index(name) for name in ("proximal", "middle", "distal", "thumb", "nail"))
_ENDS = tuple(PARTS.index(name) for name in ("distal", "nail", "thumb"))
_BACKGROUND = PARTS.index("background")
_STEPS = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LineModel:
    """The chance that a line is a digit, from its `LINE_FEATURES`.

    Attributes:
        trees: their sum is the logit.
        usual_counts: (`MOST_DIGITS` + 1,), the counting head's mean chances of 0, 1, ... visible digits on made hands.
    """

    trees: BoostedTrees
    usual_counts: tuple[float, ...]

    def chances(self, rows: np.ndarray) -> np.ndarray:
        """Returns (n,) 0-1 of features (n, k)."""
        return self.trees.chances(rows)


def model_from(data: Mapping) -> LineModel:
    """Returns the model of a JSON value.

    Raises:
        KeyError, TypeError, ValueError: it is none, or one for other features.
    """
    usual = tuple(float(value) for value in data["usual_counts"])
    if len(usual) != MOST_DIGITS + 1:
        raise ValueError(f"expected {MOST_DIGITS + 1} usual chances of counts, got {len(usual)}")
    return LineModel(trees=trees_from(data, LINE_FEATURES), usual_counts=usual)


@cache
def shipped_model() -> LineModel:
    """Returns the model that comes with the package.

    Raises:
        AssetMissing, ModelCorrupt: see `limbfix.shipped.shipped_file`; ModelCorrupt also where the file holds something else.
    """
    return read_model(shipped_file(FILE), model_from, "a model of lines")


def line_features(lines: Sequence[DigitLine], heat: np.ndarray, fields: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Returns (n, k) float64: `LINE_FEATURES` of each line.

    Args:
        lines: of `limbfix.digit_assembly.assemble_digits`.
        heat: (5, s, s) 0-1; fields: (8, s, s).
        parts: (11, s, s) logits.
    """
    side = heat.shape[1]
    chances = part_chances(parts)
    ends = np.array([line.polyline[-1] for line in lines]).reshape(-1, 2)
    area = float(chances[list(_FINGERS)].sum()) / side**2
    rows = []
    for index, line in enumerate(lines):
        heats = [float(_at(heat[JOINTS.index(name)], xy)) for name, xy in line.joints.items()]
        bones = [
            agreement(fields[2 * row : 2 * row + 2], line.joints[a], line.joints[b])
            for row, (a, b) in enumerate(PHALANGES)
            if a in line.joints and b in line.joints
        ]
        on = np.array([_at(chances, xy) for xy in _along(line.polyline)])
        end = _at(chances, ends[index])
        gaps = np.linalg.norm(np.delete(ends, index, 0) - ends[index], axis=1) / side
        beside = [float(_at(heat[-1], xy)) for xy in np.delete(ends, index, 0)[gaps < NEIGHBOUR]]
        rows.append(
            [
                np.mean(heats), heats[-1], "tip" in line.joints, len(heats), np.mean(bones or [0.0]), min(bones or [0.0]),
                np.linalg.norm(np.diff(line.polyline, axis=0), axis=1).sum() / side, min(gaps, default=1.0),
                on[:, _FINGERS].sum(1).mean(), end[list(_ENDS)].sum(), on[:, _BACKGROUND].mean(), line.forked, len(lines), line.score,
                max(beside, default=heats[-1] - 1) - heats[-1], _at(heat[-1], ends[index]), np.abs(ends[index] / side - 0.5).max(), area,
                on[:, _FINGERS].sum(1).min(),
            ]
        )  # fmt: skip
    alone = np.array(rows, np.float64).reshape(-1, len(LINE_FEATURES) - len(NEIGHBOUR_FEATURES))
    return np.hstack([alone, neighbour_features(lines, side)])


def _at(values: np.ndarray, xy: Sequence[float] | np.ndarray) -> np.ndarray:
    column, row = np.clip(np.round(xy).astype(int), 0, values.shape[-1] - 1)
    return values[..., row, column]


def _along(polyline: np.ndarray) -> np.ndarray:
    if len(polyline) == 1:
        return polyline
    return np.concatenate([np.linspace(a, b, _STEPS) for a, b in itertools.pairwise(polyline)])


def distinct_lines(lines: Sequence[DigitLine], chances: np.ndarray, side: int) -> list[int]:
    """Returns the indices, in order, of lines that are no second sight of a surer one; `side`: of the maps, cells."""
    kept: list[int] = []
    for index in map(int, np.argsort(-chances, kind="stable")):
        ends = [lines[other].polyline[-1] for other in kept]
        if all(np.linalg.norm(lines[index].polyline[-1] - end) >= SAME_END * side for end in ends):
            kept.append(index)
    return sorted(kept)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Belief:
    """Which lines are digits.

    Attributes:
        chosen: their indices, in order: as many of the surest lines as is likeliest.
        counts: (n + 1,) how probably 0, 1, ... of n lines are digits.
        surety: 0-1, chance that every line was judged rightly.
    """

    chosen: tuple[int, ...]
    counts: np.ndarray
    surety: float


def belief(lines: Sequence[DigitLine], chances: np.ndarray, head: np.ndarray, model: LineModel, side: int) -> Belief:
    """Says how many of the lines are digits, and which.

    Args:
        lines: as they were assembled.
        chances: (n,) 0-1, of each by itself.
        head: (`MOST_DIGITS` + 1,) chances of 0, 1, ... visible digits, of the parser's counting head.
        model: with the usual chances.
        side: of the maps, cells.
    """
    kept = distinct_lines(lines, chances, side)
    alone = count_chances(chances[kept])
    counts = witnessed(alone, head, np.array(model.usual_counts))
    number = int(counts.argmax())
    surest = sorted(kept, key=lambda index: (-chances[index], index))
    these = float(chances[surest[:number]].prod() * (1 - chances[surest[number:]]).prod())
    surety = float(counts[number]) * min(1.0, these / max(float(alone[number]), 1e-12))
    return Belief(chosen=tuple(sorted(surest[:number])), counts=counts, surety=surety)


def witnessed(alone: np.ndarray, head: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Returns (n + 1,): chances of numbers by the lines alone, and by the head (k,) as a second witness.

    The head's chances are divided by its usual ones (k,): what is left says what this crop shows, and not how many digits most hands have. Its
    last number stands for all above it.
    """
    number = np.minimum(np.arange(len(alone)), len(head) - 1)
    both = alone * (head[number] + UNHEARD) / (usual[number] + UNHEARD)
    return both / both.sum()


def count_chances(chances: Sequence[float] | np.ndarray) -> np.ndarray:
    """Returns (n + 1,): how probably 0, 1, ... n of n lines are digits, as if they were independent (Poisson binomial)."""
    found = np.ones(1)
    for chance in chances:
        found = np.convolve(found, [1 - chance, chance])
    return found
