"""How is the hand judge trained? On made hands, a wrong one beside its twin, and on hands in photographs that are melted as they are drawn.

    python -m limbfix.training.hand_judge --made SHARDS [...] --photographs DIR [...] --places DIR [...] --out DIR --minutes N (--imagenet DIR | --start FILE)

Runs on a CPU or on CUDA. It may be stopped at any time: the same command goes on where the last checkpoint was. Minutes are training time over all runs,
and the learning rate follows them. Writes `hand_judge.safetensors` (half precision, running mean of the weights), `hand_judge.json` (facts) and a curve
below --out. Shards are of `python -m limbfix.synthesis hands --no-degrade`; photographs are looked at by MediaPipe once (20 a second, then kept).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from limbfix.nets.efficientnet_lite import normalised
from limbfix.nets.hand_judge import HandJudge
from limbfix.nets.hand_maps import JUDGE_SIDE
from limbfix.synthesis.seeds import rng_for
from limbfix.training.hand_judge_crops import JudgedCrop, drawn_way, seen, wrong_pixels
from limbfix.training.judge_setup import JudgeTraining, add_arguments, learn, ranked_loss, ready
from limbfix.training.parser_examples import LEAST_DIGITS, ParserExamples, ShardReader
from limbfix.training.parser_losses import count_loss, judgement_loss, pair_loss
from limbfix.training.parser_targets import StoredHand, main_hand, store_pair
from limbfix.training.quick_melts import quick_melt
from limbfix.training.small_pictures import small_jpegs

NAME = "hand_judge"

WRONG_PLACE = 3.0
"""Weight of a cell that shows what is wrong: they are seldom."""

TERM_WEIGHTS = {"judged": 3.0, "places": 3.0, "pairs": 1.5, "any": 1.0, "counts": 1.2}
"""Chosen so that judgements, places and pairs are about as large at the beginning."""

LEAST_HAND_PX = 40
"""Smaller hands of photographs are left out: melting them shows nothing."""

Pair = tuple[StoredHand, StoredHand]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandJudgeTraining(JudgeTraining):
    """Settings of one training.

    Attributes:
        made, photographs: pairs of made hands, and of hands in photographs, in a step.
        melts, photograph_melts: share of them that are a normal hand melted anew beside its twin.
    """

    made: int = 8
    photographs: int = 4
    melts: float = 0.15
    photograph_melts: float = 0.85


@dataclass(slots=True, kw_only=True)
class HandStock:
    """All stored hands.

    Attributes:
        made: pairs, the worse one first; or two normal ones.
        photographs: a normal hand, twice.
        places: JPEGs of places without people.
    """

    made: list[Pair] = field(default_factory=list)
    photographs: list[Pair] = field(default_factory=list)
    places: list[bytes] = field(default_factory=list)

    def add_photographs(self, folder: Path, most: int, seed: int) -> None:
        """Stores the hands of at most so many photographs of a folder, of people with normal anatomy; see `limbfix.synthesis.photographs`."""
        from limbfix.synthesis.photo_samples import photo_sample
        from limbfix.synthesis.photographs import open_hand_photos

        photos, rng = open_hand_photos(folder, size_px=256), rng_for(seed, folder.name)
        for index in rng.permutation(len(photos))[:most]:
            photo = photos[int(index)]
            if photo.mask_source != "segmentation":
                continue
            sample = photo_sample(photo, rng, key="", group="", stream="failures")
            hand = main_hand(sample)
            if hand is None or sample.digits_visible(hand.id) < LEAST_DIGITS:
                continue
            pair = store_pair(sample, hand, sample, hand)
            if pair[0].hand_px >= LEAST_HAND_PX:
                self.photographs.append(pair)


def drawn_batch(stock: HandStock, settings: HandJudgeTraining, step: int) -> list[JudgedCrop]:
    """Returns the crops of a step, pairs, the wrong one before its twin."""
    rng = rng_for(settings.seed, NAME, step)
    crops: list[JudgedCrop] = []
    kinds = ((stock.made, settings.made, settings.melts),)
    if stock.photographs:
        kinds = (*kinds, (stock.photographs, settings.photographs, settings.photograph_melts))
    for pairs, count, melts in kinds:
        for _ in range(count):
            pair = pairs[int(rng.integers(len(pairs)))]
            if rng.random() < melts:
                pair = quick_melt(pair[1], rng) or pair
            if rng.random() < settings.apart:
                ways = [drawn_way(hand, stock.places, rng) for hand in pair]
            else:
                ways = 2 * [drawn_way(pair[int(rng.integers(2))], stock.places, rng)]
            wrong = (wrong_pixels(*pair), None)
            crops += [seen(hand, where, way) for hand, where, way in zip(pair, wrong, ways, strict=True)]
    return crops


def hand_judge_loss(network: HandJudge, crops: Sequence[JudgedCrop]) -> dict[str, Tensor]:
    """Returns the terms of the loss, weighted. Crops are pairs, see `drawn_batch`."""
    device = next(network.parameters()).device

    def stacked(name: str) -> Tensor:
        return torch.from_numpy(np.stack([np.asarray(getattr(crop, name)) for crop in crops])).to(device)

    found, wrong, weights = network(normalised(stacked("pixels"))), stacked("judged"), stacked("weight").float()
    judged = found.judged.float()
    worse = (wrong[0::2].any(1) & ~wrong[1::2].any(1)).float() * weights[0::2]
    terms = {
        "judged": judgement_loss(judged, wrong, weights),
        "places": _place_loss(found.places.float(), stacked("places"), stacked("dense").float()),
        "pairs": ranked_loss(judged, wrong, weights[0::2, None]),
        "any": pair_loss(judged, worse),
        "counts": count_loss(found.counts, stacked("counts")),
    }
    return {name: TERM_WEIGHTS[name] * value for name, value in terms.items()}


def _place_loss(places: Tensor, truth: Tensor, dense: Tensor) -> Tensor:
    """Where the hand lies is believed as far as its labels are; where it is wrong is known of melted photographs too."""
    seldom = torch.tensor([1.0, 1.0, 1.0, WRONG_PLACE], device=places.device).view(1, -1, 1, 1)
    cells = functional.binary_cross_entropy_with_logits(places, truth, reduction="none", pos_weight=seldom).mean((2, 3))
    return torch.cat([cells[:, :3].mean(1, keepdim=True) * dense[:, None], cells[:, 3:]], 1).mean()


def read_stock(options: argparse.Namespace) -> HandStock:
    """Reads all shards, photographs and places."""
    examples = ParserExamples(JUDGE_SIDE, options.seed)
    ShardReader(options.made, examples, lambda text: print(text, flush=True)).read_new()
    stock = HandStock(made=examples.pairs)
    for folder in options.photographs:
        stock.add_photographs(folder, options.most, options.seed)
        print(f"{folder}: {len(stock.photographs)} hands so far", flush=True)
    for folder in options.places:
        stock.places += small_jpegs(folder)
    return stock


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains; returns the exit code."""
    options = _parser().parse_args(arguments)
    settings = HandJudgeTraining(seed=options.seed, rate=options.rate)
    network = ready(HandJudge, options)
    stock = read_stock(options)
    if not stock.made:
        raise SystemExit(f"--made: expected shards that show hands, found none in {', '.join(map(str, options.made))}")
    counted = {name: len(getattr(stock, name)) for name in ("made", "photographs", "places")}
    learn(
        network,
        lambda step: hand_judge_loss(network, drawn_batch(stock, settings, step)),
        options.out / f"{NAME}.safetensors",
        settings,
        minutes=options.minutes,
        side=JUDGE_SIDE,
        counted={"stock": counted},
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m limbfix.training.hand_judge", description=(__doc__ or "").splitlines()[0]
    )
    add_arguments(parser, HandJudgeTraining())
    parser.add_argument("--photographs", type=Path, nargs="*", default=[], help="folders of normal hands")
    parser.add_argument("--most", type=int, default=500, help="photographs of each folder at most")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
