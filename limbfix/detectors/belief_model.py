"""How surely is a proposal a hand? A logistic model of the crop's look, the finder's score and the bodies around it, kept as JSON.

Fitted by `python -m limbfix.training.presence --bodies FILE` on proposals in made pictures, photographs and places. Its bias is set so that
`SURE` of `limbfix.detectors.hand_belief` is the bar here as it is for the rule that does without bodies.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from limbfix.clipped_linear import ClippedLinear, numbers_from
from limbfix.detectors.hand_surroundings import NAMES
from limbfix.errors import AssetMissing
from limbfix.shipped import read_model, shipped_file

FILE = "hand_beliefs.json"

DIRECTIONS = {"close": 1248, "context": 1296}
"""What is first summed up to one number each, and of how many: the body parser's trunk on the crop (`limbfix.runtime.look_graph`), and on the picture around
the box (`limbfix.detectors.hand_context`)."""

FEATURES = ("presence", "finder", *DIRECTIONS, *NAMES)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Around:
    """What lies around a box.

    Attributes:
        joints: (24,), see `limbfix.detectors.hand_surroundings.surroundings`.
        context: (1296,), see `limbfix.detectors.hand_context.context`.
    """

    joints: np.ndarray
    context: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """A sum of many features."""

    weights: tuple[float, ...]
    bias: float

    def of(self, features: np.ndarray) -> float:
        """Returns the sum of features (k,)."""
        return float(np.asarray(features, np.float64) @ np.array(self.weights)) + self.bias


@dataclass(frozen=True, slots=True, kw_only=True)
class BeliefModel:
    """The surety that a box shows a hand.

    Attributes:
        weighing: of `FEATURES`.
        directions: by the names of `DIRECTIONS`.
    """

    weighing: ClippedLinear
    directions: Mapping[str, Direction]

    def surety(self, presence: float, finder: float, around: Around, close: np.ndarray | None = None) -> float:
        """Returns how surely a box shows a hand, a logit.

        Args:
            presence: of the crop, see `limbfix.nets.digit_parser.ParserOutput`.
            finder: logit of the finder's score.
            around: the box.
            close: (1248,), what the body parser's trunk sees in the crop; None: the highest surety that it could lead to.
        """
        if close is None:
            nearness = math.copysign(math.inf, self.weighing.weights[FEATURES.index("close")])
        else:
            nearness = self.directions["close"].of(close)
        context = self.directions["context"].of(around.context)
        return float(self.weighing.logits(np.concatenate([[presence, finder, nearness, context], around.joints])))


def model_from(data: Mapping) -> BeliefModel:
    """Returns the model of a JSON value.

    Raises:
        KeyError, TypeError, ValueError: it is none, or one for other features.
    """
    weighing = ClippedLinear(**numbers_from(data, FEATURES))
    return BeliefModel(
        weighing=weighing, directions={name: _direction(data["directions"], name) for name in DIRECTIONS}
    )


def _direction(data: Mapping[str, Any], name: str) -> Direction:
    weights: Sequence[float] = data[name]["weights"]
    if len(weights) != DIRECTIONS[name]:
        raise ValueError(f"expected {DIRECTIONS[name]} weights of {name}, got {len(weights)}")
    return Direction(weights=tuple(map(float, weights)), bias=float(data[name]["bias"]))


@cache
def shipped_belief() -> BeliefModel | None:
    """Returns the model that comes with the package; None where none does.

    Raises:
        ModelCorrupt: the file is not what the manifest says, or holds something else.
    """
    try:
        path = shipped_file(FILE)
    except AssetMissing:
        return None
    return read_model(path, model_from, "a model of beliefs")
