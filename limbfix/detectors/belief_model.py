"""How surely is a proposal a hand? A logistic model of the crop's look, the finder's score and the bodies around it, kept as JSON.

Fitted by `python -m limbfix.training.presence --bodies FILE` on proposals in made pictures, photographs and places. Its bias is set so that `SURE` and `DOUBTED` of
`limbfix.detectors.hand_belief` mean what they meant for the rule that does without bodies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache

import numpy as np

from limbfix.clipped_linear import ClippedLinear, numbers_from
from limbfix.detectors.hand_surroundings import NAMES
from limbfix.errors import AssetMissing, ModelCorrupt
from limbfix.shipped import shipped_file

FILE = "hand_beliefs.json"

FEATURES = ("presence", "finder", *NAMES)


class BeliefModel(ClippedLinear):
    """The surety that a box shows a hand, from its `FEATURES`."""

    __slots__ = ()

    def surety(self, presence: float, finder: float, around: np.ndarray) -> float:
        """Returns how surely a box shows a hand, a logit.

        Args:
            presence: of the crop, see `limbfix.nets.digit_parser.ParserOutput`.
            finder: logit of the finder's score.
            around: (24,), see `limbfix.detectors.hand_surroundings.surroundings`.
        """
        return float(self.logits(np.concatenate([[presence, finder], around])))


def model_from(data: Mapping) -> BeliefModel:
    """Returns the model of a JSON value.

    Raises:
        KeyError, TypeError, ValueError: it is none, or one for other features.
    """
    return BeliefModel(**numbers_from(data, FEATURES))


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
