"""How does the parser learn what melted hands look like? One linear direction in features that no made picture has touched.

    python -m limbfix.training.appearance --shards DIR [...] --parser FILE --out digit_parser.safetensors [--bodies FILE]

A trunk that is trained to tell made defects from their twins learns the making: hand by hand on AI pictures its AUROC fell from 0.73 to
0.59 while its own validation rose (benchmarks/results/training.csv). So the trunk stays as ImageNet left it up to stride 16, and what is
fitted is the direction in which a pair's worse hand differs from its twin, measured in the spread that normal hands have anyway: a ridge
linear discriminant (J. Friedman, "Regularized discriminant analysis", 1989). Pairs come from the stream `failures` and are melted anew.
With `--bodies` the trunk of that body parser, which no made hand has touched either, is pooled beside it, and the direction lies in both.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from limbfix.errors import ModelCorrupt
from limbfix.nets.digit_parser import DigitParser, moved_look
from limbfix.nets.efficientnet_lite import normalised
from limbfix.nets.move_trunk import MoveTrunk
from limbfix.synthesis.seeds import rng_for
from limbfix.training.parser_examples import ParserExamples, drawn, load_examples
from limbfix.training.quick_melts import quick_melt

RIDGE = 3.0
"""Added to the standardised covariances. Anything from 1 to 10 gives AI hands the same AUROC within 0.01."""

SCENES = 0.3
"""Weight of the spread between scenes beside the spread of the pairs' differences."""

_AT_ONCE = 16


@dataclass(slots=True)
class PairFeatures:
    """Features of many drawn pairs.

    Attributes:
        worse, better: (n, k) float32 rows, see `looker`.
        weights: how well each defect is seen, 0-1.
    """

    worse: list[np.ndarray] = field(default_factory=list)
    better: list[np.ndarray] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)


Look = Callable[[torch.Tensor], torch.Tensor]
"""Normalised crops (b, 3, s, s) to what the score reads, (b, k)."""


def looker(network: DigitParser, bodies: Path | None) -> Look:
    """Returns what sees a hand's look: 304 numbers, and with a body parser 288 more, in the order of `appearance` and `moved`.

    Raises:
        ModelCorrupt: the file holds no body parser.
    """
    if bodies is None:
        return network.look
    trunk = move_trunk_of(bodies)
    return lambda x: torch.cat([network.look(x), moved_look(trunk, x)], 1)


def move_trunk_of(bodies: Path) -> MoveTrunk:
    """Returns the trunk of a body parser's file.

    Raises:
        ModelCorrupt: the file cannot be read or holds none.
    """
    trunk, place = MoveTrunk().eval(), "trunk."
    try:
        tensors = load_file(bodies)
        trunk.load_state_dict({n.removeprefix(place): t.float() for n, t in tensors.items() if n.startswith(place)})
    except (OSError, SafetensorError, RuntimeError) as error:
        raise ModelCorrupt(
            f"expected weights of a body parser at {bodies}, got: {error}; name what limbfix.training.bodies wrote"
        ) from error
    return trunk


@torch.inference_mode()
def features(look: Look, pixels: np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
    """Returns (n, k) float32 of n crops (s, s, 3) uint8."""
    batches = (np.asarray(pixels[start : start + 32]) for start in range(0, len(pixels), 32))
    parts = [look(normalised(torch.from_numpy(batch))) for batch in batches]
    return torch.cat(parts).numpy()


def collect(look: Look, examples: ParserExamples, rounds: int, seed: int) -> PairFeatures:
    """Draws every pair that has an order `rounds` times, and as often its better hand melted anew."""
    found, waiting = PairFeatures(), []
    for turn in range(rounds):
        for index, pair in enumerate(examples.pairs):
            rng = rng_for(seed, "appearance", turn, index)
            for chosen in (pair if pair[0].judgements.any() else None, quick_melt(pair[1], rng)):
                if chosen is None:
                    continue
                waiting.append(drawn(chosen, examples.size, rng, degrade=True))
                found.weights.append(chosen[0].weight)
                if len(waiting) == _AT_ONCE:
                    _flush(look, waiting, found)
        print(f"round {turn + 1} of {rounds}: {len(found.weights)} pairs", flush=True)
    _flush(look, waiting, found)
    return found


def _flush(look: Look, waiting: list, found: PairFeatures) -> None:
    if waiting:
        rows = features(look, np.stack([np.ascontiguousarray(cut.pixels) for pair in waiting for cut in pair]))
        found.worse.append(rows[0::2])
        found.better.append(rows[1::2])
        waiting.clear()


def discriminant(found: PairFeatures) -> tuple[np.ndarray, np.ndarray]:
    """Returns the direction (k,), on which normal made hands have standard deviation 1, and their mean (k,)."""
    worse, better = np.concatenate(found.worse).astype(np.float64), np.concatenate(found.better).astype(np.float64)
    weights = np.array(found.weights)
    mean: np.ndarray = better.mean(axis=0)
    scale = better.std(0) + 1e-6
    gaps = (worse - better) / scale
    shift = (gaps * weights[:, None]).sum(0) / weights.sum()
    spread = SCENES * np.cov((better - mean).T / scale[:, None]) + np.cov(gaps.T)
    direction = np.linalg.solve(spread + RIDGE * np.eye(len(mean)), shift) / scale
    direction /= float(((better - mean) @ direction).std()) + 1e-9
    return direction, mean


def ranked(found: PairFeatures, direction: np.ndarray) -> float:
    """Returns the share of pairs whose worse hand scores higher; on the pairs of the fit, hence optimistic."""
    gaps = (np.concatenate(found.worse) - np.concatenate(found.better)) @ direction
    return float((gaps > 0).mean())


def layers_of(direction: np.ndarray, mean: np.ndarray, network: DigitParser) -> dict[str, torch.Tensor]:
    """Returns weights and biases of the network's `appearance` and `moved`, whose sum is the score; `moved` is zero without a body parser.

    Each layer says 0 of normal made hands by itself, so that where no body parser looks the score keeps its zero.
    """
    tensors, start = {}, 0
    for name in ("appearance", "moved"):
        count = getattr(network, name).in_features
        weights, middle = np.zeros(count), np.zeros(count)
        own = slice(start, start + count)
        weights[: len(direction[own])], middle[: len(mean[own])] = direction[own], mean[own]
        tensors[f"{name}.weight"] = torch.tensor(weights[None], dtype=torch.float32)
        tensors[f"{name}.bias"] = torch.tensor([-weights @ middle], dtype=torch.float32)
        start += count
    return tensors


def main(arguments: Sequence[str] | None = None) -> int:
    """Fits and writes; returns the exit code."""
    options = _parser().parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
        cv2.setNumThreads(options.threads)
    network = DigitParser().eval()
    tensors = load_file(options.parser)
    network.load_state_dict({name: value.float() for name, value in tensors.items()}, strict=False)
    examples = load_examples(options.shards, options.size, options.seed, lambda text: print(text, flush=True))
    found = collect(looker(network, options.bodies), examples, options.rounds, options.seed)
    direction, mean = discriminant(found)
    tensors |= layers_of(direction, mean, network)
    save_file({name: value.contiguous() for name, value in tensors.items()}, options.out, {"size": str(options.size)})
    facts = {"pairs": len(found.weights), "ranked_in_fit": round(ranked(found, direction), 4), "size": options.size}
    options.out.with_suffix(".appearance.json").write_text(json.dumps(facts) + "\n", encoding="utf-8")
    print(json.dumps(facts))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m limbfix.training.appearance", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--shards", type=Path, nargs="+", required=True, help="folders of shards of `failures`")
    parser.add_argument("--parser", type=Path, required=True, help="weights of a trained parser (.safetensors)")
    parser.add_argument("--out", type=Path, required=True, help="the same weights with the appearance score")
    parser.add_argument("--bodies", type=Path, help="weights of the body parser whose trunk is looked through too")
    parser.add_argument("--size", type=int, default=160, help="px of the crops, at run time too")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--seed", type=int, default=7)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
