"""Is a box that the finder proposes a hand? One linear direction in what the parser sees there, fitted on the finder's own mistakes.

    python -m limbfix.training.presence --finder FILE --parser FILE --out FILE --made DIR [...] --photographs DIR --places DIR [--bodies FILE]

The finder looks at a hand with few pixels and proposes too much: ears, mouths, elbows, food. The parser looks at the same place enlarged. What
tells a hand from a proposal that is none is fitted as a logistic regression on its pooled features; the finder's own logit is added to it.
With `--bodies` a second model weighs both with what the body parser's trunk sees in the crop and around the box, and with the joints there
(`limbfix.training.beliefs`), beside --out.
Proposals come from whole pictures and from close windows, so that parts of faces are among the mistakes.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from limbfix.detectors.belief_model import FILE as BELIEFS
from limbfix.detectors.belief_model import Around
from limbfix.detectors.body_sight import VIEW_PX, stages_of
from limbfix.detectors.hand_belief import SURE
from limbfix.detectors.hand_context import around_of
from limbfix.detectors.hand_places import SCORE, hand_places
from limbfix.detectors.hand_proposals import proposals
from limbfix.detectors.hand_windows import View, hand_view, letterboxed
from limbfix.geometry import Box
from limbfix.nets.digit_parser import DigitParser, moved_look
from limbfix.nets.hand_maps import CLOSE_LEVELS
from limbfix.runtime.sessions import Network, body_network, finder_network, presence_network
from limbfix.synthesis.seeds import rng_for
from limbfix.training.appearance import Look, features, move_trunk_of
from limbfix.training.beliefs import fit_beliefs
from limbfix.training.finder_stock import MadeReader, Stock, read_photos, read_places

IS_HAND, IS_NONE = 0.35, 0.1
"""Intersection over union with a labelled hand from which a proposal is one, and below which it is none; between them it teaches nothing."""

LEAST_SCORE = 0.12
"""Of proposals: lower than at run time, for there the good ones are."""

STRENGTH = 0.003
"""Inverse strength of the ridge. Ten times more or less moved the recall on AI hands by less than 0.02."""

_MOST = 15
"""Proposals of one window, the best ones."""

_LEAST_PX = 16.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Place:
    """Where boxes lie: pixels of picture number `picture` (see `Examples`) or of a window of it, and what the body parser sees there, if it looks."""

    picture: int
    pixels: np.ndarray
    seen: tuple[View, dict[str, np.ndarray]] | None

    def around(self, box: Box) -> Around | None:
        """Returns what lies around a box."""
        if self.seen is None:
            return None
        view, found = self.seen
        return around_of(found["points"], stages_of(found), view, box)

    def places(self, known: Sequence[Box]) -> list[Box]:
        """Returns where the body parser, if it looks, sees hands that nobody proposed."""
        if self.seen is None:
            return []
        view, found = self.seen
        height, width = self.pixels.shape[:2]
        return hand_places(found["parts"], view, (width, height), known)


@dataclass(slots=True)
class Examples:
    """Proposals, and labelled hands.

    Attributes:
        crops: (s, s, 3) uint8 of each.
        truth: whether it shows a hand.
        pictures: number of the picture that it lies in; pictures that are alike (`Stock.group`) have one number.
        scores: of the finder, 0-1; nan for labelled hands.
        around: what lies around each; empty without a body parser.
    """

    crops: list[np.ndarray] = field(default_factory=list)
    truth: list[bool] = field(default_factory=list)
    pictures: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    around: list[Around] = field(default_factory=list)

    def add(self, place: Place, box: Box, side: int, *, truth: bool, score: float = math.nan) -> None:
        """Adds one box of a place, its crop of `side` px."""
        self.crops.append(hand_view(place.pixels, box, side).pixels)
        self.truth.append(truth)
        self.pictures.append(place.picture)
        self.scores.append(score)
        around = place.around(box)
        if around is not None:
            self.around.append(around)


def windows(stock: Stock, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yields the whole picture and a close window of it: pixels, boxes of hands (n, 4), and boxes where nothing is asked (m, 4)."""
    hands = np.array([_box(outline) for outline in stock.hands]).reshape(-1, 4)
    vague = np.array([_box(outline) for outline in stock.vague]).reshape(-1, 4)
    yield stock.pixels, hands, vague
    height, width = stock.pixels.shape[:2]
    side = int(min(height, width) / rng.uniform(1.8, 4.0))
    if side < 64:
        return
    left, top = int(rng.integers(0, width - side + 1)), int(rng.integers(0, height - side + 1))
    shift = np.array([left, top, left, top])
    near = [boxes[_inside(boxes - shift, side) > 0] - shift for boxes in (hands, vague)]
    # a hand that the window cuts shows too little to ask for it
    whole = _inside(near[0], side) > 0.6
    yield stock.pixels[top : top + side, left : left + side], near[0][whole], np.concatenate([near[1], near[0][~whole]])


def collect(finder: Path, bodies: Path | None, stock: Sequence[Stock], side: int, seed: int) -> Examples:
    """Returns labelled hands, a little beside their boxes, and all proposals of the finder that are surely hands or surely none."""
    network, found = finder_network(finder), Examples()
    body = None if bodies is None else body_network(bodies)
    alike: dict[str, int] = {}
    for number, one in enumerate(stock):
        rng = rng_for(seed, "presence", number)
        picture = alike.setdefault(one.group or f"#{number}", len(alike))
        for pixels, hands, vague in windows(one, rng):
            pixels = np.ascontiguousarray(pixels)
            place = Place(picture=picture, pixels=pixels, seen=None if body is None else _seen(body, pixels))
            for box in hands:
                size = float(max(box[2:] - box[:2]))
                shaken = Box(*(box + rng.normal(0, 0.07 * size, 4)))
                if size >= _LEAST_PX and min(shaken.width, shaken.height) > _LEAST_PX / 3:
                    found.add(place, shaken, side, truth=True)
            proposed = proposals(network, pixels, "full", LEAST_SCORE)[:_MOST]
            proposed += [(box, SCORE) for box in place.places([box for box, _ in proposed])]
            for box, score in proposed:
                overlap = max((box.iou(Box(*map(float, hand))) for hand in hands), default=0.0)
                unclear = any(box.overlap_of_smaller(Box(*map(float, other))) > IS_NONE for other in vague)
                if overlap >= IS_HAND or (overlap < IS_NONE and not unclear):
                    found.add(place, box, side, truth=overlap >= IS_HAND, score=score)
    return found


def _seen(body: Network, pixels: np.ndarray) -> tuple[View, dict[str, np.ndarray]]:
    height, width = pixels.shape[:2]
    view = letterboxed(pixels, 0, 0, width, height, VIEW_PX)
    return view, {name: values[0] for name, values in body.run(view.pixels[None]).items()}


def close_look(bodies: Path) -> Look:
    """Returns what the body parser's trunk sees in crops, (b, 1248): `close` of `limbfix.runtime.look_graph`.

    Raises:
        ModelCorrupt: the file holds no body parser.
    """
    trunk = move_trunk_of(bodies)
    return lambda x: moved_look(trunk, x, CLOSE_LEVELS)


def direction(rows: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, float]:
    """Returns weights and bias of the logistic regression, on rows as they are; hands and others weigh the same."""
    from sklearn.linear_model import LogisticRegression

    mean, scale = rows.mean(0), rows.std(0) + 1e-6
    model = LogisticRegression(C=STRENGTH, max_iter=400, class_weight="balanced").fit((rows - mean) / scale, truth)
    weights = model.coef_[0] / scale
    return weights, float(model.intercept_[0] - mean @ weights)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fits and writes; returns the exit code."""
    options = _parser().parse_args(arguments)
    if options.keep_presence and options.bodies is None:
        raise SystemExit(
            "--keep-presence: expected --bodies, for which beliefs are fitted; got none, so nothing was left to fit"
        )
    torch.set_num_threads(options.threads)
    say = lambda text: print(text, flush=True)  # noqa: E731
    made = MadeReader(options.made, options.most, say)
    made.read_new()
    stock = [
        *read_photos(options.photographs, say)[:: options.every],
        *read_places(options.places, say)[:: max(1, options.every // 2)],
        *(one for folder in made.stock for one in folder),
    ]
    found = collect(options.finder, options.bodies, stock, options.size, options.seed)
    truth, seen, given = np.array(found.truth), {}, {}
    if options.keep_presence:
        given["presence"] = _presences(options.parser, found.crops)
    else:
        seen["presence"] = _fit_presence(options, found.crops, truth)
    if options.bodies is not None:
        seen["close"] = features(close_look(options.bodies), found.crops)
        belief = fit_beliefs(seen, found, direction, sure_at=options.sure_at, given=given)
        (options.out.parent / BELIEFS).write_text(json.dumps(belief, indent=1) + "\n", encoding="utf-8")
    facts = {"proposals": len(truth), "hands": int(truth.sum()), "pictures": len(stock), "size": options.size}
    options.out.with_suffix(".presence.json").write_text(json.dumps(facts) + "\n", encoding="utf-8")
    say(json.dumps(facts))
    return 0


def _fit_presence(options: argparse.Namespace, crops: Sequence[np.ndarray], truth: np.ndarray) -> np.ndarray:
    """Writes the parser's weights with a presence fitted on crops; returns what it reads of them, (n, k)."""
    tensors = load_file(options.parser)
    network = DigitParser().eval()
    network.load_state_dict({name: value.float() for name, value in tensors.items()}, strict=False)
    rows = features(network.seen, crops)
    weights, bias = direction(rows, truth)
    tensors["presence.weight"] = torch.tensor(weights[None], dtype=torch.float32)
    tensors["presence.bias"] = torch.tensor([bias], dtype=torch.float32)
    save_file({name: value.contiguous() for name, value in tensors.items()}, options.out, {"size": str(options.size)})
    return rows


def _presences(parser: Path, crops: Sequence[np.ndarray]) -> np.ndarray:
    """Returns what the presence of a parser's file, as it stands, says of crops, (n,)."""
    network = presence_network(parser)
    batches = (np.stack(crops[start : start + 16]) for start in range(0, len(crops), 16))
    return np.concatenate([network.run(batch)["presence"][:, 0] for batch in batches])


def _box(outline: np.ndarray) -> np.ndarray:
    return np.concatenate([outline.min(0), outline.max(0)])


def _inside(boxes: np.ndarray, side: int) -> np.ndarray:
    """Returns the share of each box that lies in the square (0, 0, side, side)."""
    cut = np.clip(boxes, 0, side)
    areas = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6), axis=1)
    return np.prod(cut[:, 2:] - cut[:, :2], axis=1) / areas


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m limbfix.training.presence", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--finder", type=Path, required=True, help="weights of the trained finder")
    parser.add_argument("--parser", type=Path, required=True, help="weights of the trained parser, with its look")
    parser.add_argument("--bodies", type=Path, help="weights of the body parser; then beliefs are fitted too")
    parser.add_argument("--sure-at", type=float, default=SURE, help="surety of the fit that shall count as sure")
    parser.add_argument(
        "--keep-presence",
        action="store_true",
        help="write no parser; fit beliefs on what its presence says of pictures that its own fit did not see",
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="the parser's weights with the presence; beliefs go beside them"
    )
    parser.add_argument("--made", type=Path, nargs="*", default=[], help="folders of shards, searched below too")
    parser.add_argument("--photographs", type=Path, required=True, help="folders of normal hands, with labels.csv")
    parser.add_argument("--places", type=Path, required=True, help="pictures without people")
    parser.add_argument("--most", type=int, default=60, help="pictures taken from each shard")
    parser.add_argument("--every", type=int, default=8, help="take one photograph in so many, and twice as many places")
    parser.add_argument("--size", type=int, default=128, help="px of the parser's crops")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
