"""How surely is a proposal a hand? A logistic model of the crop's look, the finder's score and the bodies around it, kept as JSON.

Fitted by `python -m limbfix.training.beliefs` on proposals in made pictures, photographs and places. Its bias is set so that `SURE` and `DOUBTED` of
`limbfix.detectors.hand_belief` mean what they meant for the rule that does without bodies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from limbfix.detectors.hand_surroundings import NAMES
from limbfix.errors import AssetMissing, ModelCorrupt
from limbfix.shipped import shipped_file

FILE = "hand_beliefs.json"

FEATURES = ("presence", "finder", *NAMES)


@dataclass(frozen=True, slots=True, kw_only=True)
class BeliefModel:
    """`surety = bias + sum(weights * (x - mean) / scale)`, each x clipped to 4 scales around its mean.

    Attributes:
        mean, scale, weights: one number for each of `FEATURES`.
        bias: of the surety.
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float

    def surety(self, presence: float, finder: float, around: np.ndarray) -> float:
        """Returns how surely a box shows a hand, a logit.

        Args:
            presence: of the crop, see `limbfix.nets.digit_parser.ParserOutput`.
            finder: logit of the finder's score.
            around: (24,), see `limbfix.detectors.hand_surroundings.surroundings`.
        """
        row = np.concatenate([[presence, finder], around])
        z = np.clip((row - np.array(self.mean)) / np.array(self.scale), -4, 4)
        return float(self.bias + z @ np.array(self.weights))


def model_from(data: Mapping) -> BeliefModel:
    """Returns the model of a JSON value.

    Raises:
        KeyError, TypeError, ValueError: it is none, or one for other features.
    """
    if tuple(data["features"]) != FEATURES:
        raise ValueError(f"expected the features {', '.join(FEATURES)}, got {', '.join(data['features'])}")
    rows = {name: tuple(float(value) for value in data[name]) for name in ("mean", "scale", "weights")}
    if any(len(row) != len(FEATURES) for row in rows.values()):
        raise ValueError(f"expected {len(FEATURES)} numbers in each row")
    return BeliefModel(**rows, bias=float(data["bias"]))


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
    try:
        return model_from(json.loads(path.read_text(encoding="utf-8")))
    except (KeyError, TypeError, ValueError) as error:
        raise ModelCorrupt(f"expected a model of beliefs in {path}, got: {error}; install limbfix again") from error
