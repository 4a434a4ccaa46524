"""How is the limb judge trained? On people of made pictures, a wrong one beside its twin, and on real people with sound limbs.

    python -m limbfix.training.limb_judge --made DIR [DIR ...] --photographs DIR --places DIR --out DIR --minutes N (--imagenet DIR | --start FILE)

Runs on a CPU or on CUDA. It may be stopped at any time: the same command goes on where the last checkpoint was. Minutes are training time over all runs,
and the learning rate follows them. Writes `limb_judge.safetensors` (half precision, running mean of the weights), `limb_judge.json` (facts) and a curve
below --out. Best are shards of `python -m limbfix.synthesis bodies` made with `--operators limbs.third --operators limbs.missing --operators limbs.forearm`.
Pairs that always share a view teach it views after 1,500 steps, however many there are; `apart` is against that (DESIGN.md, 2026-11-30).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from limbfix.nets.efficientnet_lite import normalised
from limbfix.nets.limb_judge import LimbJudge
from limbfix.nets.limb_maps import SIDE
from limbfix.synthesis.seeds import rng_for
from limbfix.synthesis.shards import read_shard
from limbfix.training.body_examples import Light, drawn_light
from limbfix.training.judge_setup import JudgeTraining, add_arguments, learn, ranked_loss, ready
from limbfix.training.limb_crops import LimbCut, cut_person, cut_photograph, drawn_ground, drawn_view
from limbfix.training.limb_stock import LimbStock, StoredPicture
from limbfix.training.parser_losses import count_loss

NAME = "limb_judge"

PLACE_WEIGHTS = (1.0, 1.0, 4.0, 4.0)
"""Of a cell that shows an arm, a leg, a limb too many, or the place of one that is gone: the last two are seldom."""

TERM_WEIGHTS = {"judged": 3.0, "places": 4.0, "pairs": 1.0, "counts": 1.2}
"""Chosen so that judgements, places and pairs are about as large at the beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimbTraining(JudgeTraining):
    """Settings of one training.

    Attributes:
        wrong, usual, photographs: pairs with and without a defect, and real people, in a step.
    """

    wrong: int = 6
    usual: int = 2
    photographs: int = 4


_Way = tuple[np.ndarray, Light, np.ndarray | None]
"""How a person is seen: view, light, ground; see `cut_person`."""


def drawn_batch(stock: LimbStock, settings: LimbTraining, step: int) -> list[LimbCut]:
    """Returns the crops of a step: pairs first, the wrong one before its twin, then photographs."""
    rng = rng_for(settings.seed, NAME, step)
    cuts: list[LimbCut] = []
    for kind, count in ((stock.wrong, settings.wrong), (stock.usual or stock.wrong, settings.usual)):
        for _ in range(count):
            one, other, person = kind[int(rng.integers(len(kind)))]
            if rng.random() < settings.apart:
                ways = [_drawn_way(stock, picture, person, rng) for picture in (one, other)]
            else:
                ways = 2 * [_drawn_way(stock, one if rng.random() < 0.5 else other, person, rng)]
            cuts += [cut_person(picture, person, *way) for picture, way in zip((one, other), ways, strict=True)]
    for _ in range(settings.photographs if stock.photographs else 0):
        jpeg, box = stock.photographs[int(rng.integers(len(stock.photographs)))]
        cuts.append(cut_photograph(jpeg, drawn_view(box, rng), drawn_light(rng)))
    return cuts


def _drawn_way(stock: LimbStock, picture: StoredPicture, person: int, rng: np.random.Generator) -> _Way:
    """Returns the view around a person of a picture, the light and the ground of a crop."""
    return drawn_view(picture.people[person].box, rng), drawn_light(rng), drawn_ground(stock, rng)


def limb_loss(network: LimbJudge, cuts: Sequence[LimbCut], pairs: int) -> dict[str, Tensor]:
    """Returns the terms of the loss, weighted.

    Args:
        network: in training.
        cuts: see `drawn_batch`.
        pairs: how many of them, at the beginning, are pairs.
    """
    device = next(network.parameters()).device

    def stacked(name: str) -> Tensor:
        return torch.from_numpy(np.stack([getattr(cut, name) for cut in cuts])).to(device)

    found = network(normalised(stacked("pixels")))
    judged, wrong, known = found.judged.float(), stacked("wrong"), stacked("known")
    each = functional.binary_cross_entropy_with_logits(judged, wrong, reduction="none")
    weights = torch.tensor([cut.place_weight for cut in cuts], device=device).view(-1, 1, 1, 1)
    seldom = torch.tensor(PLACE_WEIGHTS, device=device).view(1, -1, 1, 1)
    cells = functional.binary_cross_entropy_with_logits(
        found.places.float(), stacked("places"), reduction="none", pos_weight=seldom
    )
    paired = slice(2 * pairs)
    terms = {
        "judged": (each * known).sum() / known.sum().clamp(min=1),
        "places": (cells * weights).mean(),
        "pairs": ranked_loss(judged[paired], wrong[paired]),
        "counts": count_loss(found.counts, stacked("counts")),
    }
    return {name: TERM_WEIGHTS[name] * value for name, value in terms.items()}


def read_stock(options: argparse.Namespace) -> LimbStock:
    """Reads all shards and photographs."""
    stock = LimbStock()
    for shard in sorted(
        path for folder in options.made for path in folder.rglob("*.tar") if ".scratch" not in path.parts
    ):
        stock.add(read_shard(shard))
        print(f"{shard}: {len(stock.wrong)} wrong people and {len(stock.usual)} others so far", flush=True)
    for folder in options.photographs:
        stock.add_photographs(folder)
    for folder in options.places:
        stock.add_places(folder)
    return stock


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains; returns the exit code."""
    options = _parser().parse_args(arguments)
    settings = LimbTraining(seed=options.seed, rate=options.rate)
    network = ready(LimbJudge, options)
    stock = read_stock(options)
    if not stock.wrong:
        raise SystemExit(
            f"--made: expected shards that show wrong limbs, found none in {', '.join(map(str, options.made))}"
        )
    pairs = settings.wrong + settings.usual
    learn(
        network,
        lambda step: limb_loss(network, drawn_batch(stock, settings, step), pairs),
        options.out / f"{NAME}.safetensors",
        settings,
        minutes=options.minutes,
        side=SIDE,
        counted={name: len(getattr(stock, name)) for name in ("wrong", "usual", "photographs", "places")},
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m limbfix.training.limb_judge", description=(__doc__ or "").splitlines()[0]
    )
    add_arguments(parser, LimbTraining())
    parser.add_argument(
        "--photographs", type=Path, nargs="*", default=[], help="folders of pictures of one real person"
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
