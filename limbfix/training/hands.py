"""How is the digit parser trained? On pairs of hands from shards of the data engine: a defect and its benign twin side by side.

    python -m limbfix.training.hands --shards DIR [DIR ...] --out DIR --minutes N [--bundle FILE] [--held-out DIR ...]

The trunk starts as MediaPipe's hand landmark network left it (`--bundle`, Apache-2.0), which knows real hands and their joints.

Runs on a CPU or on CUDA. It may be stopped at any time: the same command goes on where the last checkpoint was. Minutes are
training time over all runs, and the learning rate follows them. Writes `digit_parser.safetensors` (half precision, running mean of
the weights), `digit_parser.json` (facts) and a curve below --out, and says what the held-out shards say.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from limbfix.model_files import model_folder
from limbfix.nets.digit_parser import JUDGEMENTS, DigitParser
from limbfix.nets.efficientnet_lite import load_convolutions, load_imagenet, normalised
from limbfix.training.checkpoints import RunningMean, halved
from limbfix.training.generator import Phase, train
from limbfix.training.generator_settings import GeneratorTraining
from limbfix.training.parser_examples import ParserBatch, ParserExamples, ShardReader, load_examples
from limbfix.training.parser_losses import defect_logit, parser_loss
from limbfix.training.pretrained import imagenet_tensors
from limbfix.training.quick_depthwise import quicken
from limbfix.training.tflite_weights import BUNDLE, LANDMARKS, read_layers

_FOLLOW_STEPS = 100

HELD = ("looks.", "appearance.", "moved.", "presence.")
"""What other scripts train (`limbfix.training.appearance`, `presence`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParserTraining:
    """Settings of one training.

    Attributes:
        seed: of weights, crops and batches.
        size: px of the crops; a multiple of 32.
        pairs: pairs in a batch; twice as many crops.
        melts: share of pairs that are melted anew as they are drawn.
        frozen: stages of the trunk that are not trained, the stem with them; 0 = none.
        rate: AdamW's highest learning rate; decay: of the weights.
        trunk_share: of the rate, for the trunk, which is learnt already.
        mean_decay: of the running mean of the weights.
    """

    seed: int = 7
    size: int = 128
    pairs: int = 12
    melts: float = 0.1
    frozen: int = 2
    rate: float = 2e-3
    trunk_share: float = 0.25
    decay: float = 0.02
    mean_decay: float = 0.998


def freeze(network: DigitParser, stages: int) -> None:
    """Keeps the looking trunk, the trunk's stem and its first stages as they are, and the statistics of all of its norms.

    Edges and textures are learnt already; half of a step's time went into their backward pass, and made pictures have edges of their own.
    """
    trunk = network.trunk
    for part in (
        network.looks,
        network.appearance,
        network.moved,
        trunk.stem,
        trunk.norm,
        *list(trunk.stages)[:stages],
    ):
        part.requires_grad_(False)
    for norm in (module for module in trunk.modules() if isinstance(module, nn.BatchNorm2d)):
        norm.eval()
        norm.train = lambda mode=True, norm=norm: norm  # pyright: ignore[reportAttributeAccessIssue]


def on(device: torch.device, batch: ParserBatch) -> ParserBatch:
    """Returns the batch on a device."""
    return ParserBatch(**{name: getattr(batch, name).to(device) for name in ParserBatch.__dataclass_fields__})


def training_step(phase: Phase, step: int, examples: ParserExamples, settings: ParserTraining) -> Tensor:
    """Returns the loss of one step."""
    device = next(phase.network.parameters()).device
    batch = on(device, examples.batch(step, settings.pairs))
    assert isinstance(phase.network, DigitParser)
    return torch.stack(list(parser_loss(phase.network.parse(normalised(batch.pixels)), batch).values())).sum()


@torch.no_grad()
def judged(network: DigitParser, examples: ParserExamples, at_once: int = 16) -> tuple[np.ndarray, ParserBatch]:
    """Returns the judgements (2 n, 6) of all pairs, seen plainly, and their truth with the pixels and maps left out."""
    network.eval()
    device = next(network.parameters()).device
    scores, truths = [], []
    for start in range(0, len(examples.pairs), at_once):
        batch = examples.plain(start, start + at_once)
        scores.append(network.parse(normalised(batch.pixels.to(device))).judgements.float().cpu().numpy())
        truths.append(batch)
    small = {
        name: torch.cat([getattr(one, name) for one in truths])
        for name in ("judgements", "counts", "weights", "dense", "worse")
    }
    nothing = torch.empty(0)
    return np.concatenate(scores), ParserBatch(pixels=nothing, heatmaps=nothing, fields=nothing, parts=nothing, **small)


def held_out_numbers(network: DigitParser, examples: ParserExamples) -> dict[str, float]:
    """Returns AUROC and ranking on pairs that were not trained on: `auroc`, `pairs_ranked`, and AUROC by judgement."""
    from sklearn.metrics import roc_auc_score

    found, batch = judged(network, examples)
    truth, weights = batch.judgements.numpy(), batch.weights.numpy()
    score = defect_logit(torch.from_numpy(found)).numpy()
    wrong = np.asarray(truth.any(axis=1))
    ordered = batch.worse.numpy() > 0
    numbers = {"pairs_ranked": float((score[0::2] > score[1::2])[ordered].mean()) if ordered.any() else float("nan")}
    clear = ~wrong | (weights >= 1)
    for name, chosen in (("auroc", np.ones(len(wrong), bool)), ("auroc_clear", clear)):
        if 0 < wrong[chosen].mean() < 1:
            numbers[name] = float(roc_auc_score(wrong[chosen], score[chosen]))
    for column, name in enumerate(JUDGEMENTS):
        if 0 < truth[:, column].mean() < 1:
            numbers[f"auroc_{name}"] = float(roc_auc_score(truth[:, column], found[:, column]))
    return numbers


def export(
    out: Path, weights: Mapping[str, Tensor], facts: Mapping[str, object], size: int, held: Mapping[str, Tensor]
) -> None:
    """Writes the weights in half precision and what is known of them.

    Args:
        out: folder.
        weights: of the whole network.
        facts: for the JSON file.
        size: px of the crops; the file names it, and the runtime asks in such crops.
        held: weights that the training started from; those of `HELD` are written as they were.
    """
    halves = halved(weights)
    halves |= {name: value for name, value in held.items() if name in halves and name.startswith(HELD)}
    save_file(halves, out / "digit_parser.safetensors", {"size": str(size)})
    (out / "digit_parser.json").write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains; returns the exit code."""
    options = _parser().parse_args(arguments)
    settings = ParserTraining(
        seed=options.seed, size=options.size, pairs=options.pairs, melts=options.melts, frozen=options.frozen
    )
    options.out.mkdir(parents=True, exist_ok=True)
    say = lambda text: print(text, flush=True)  # noqa: E731
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(settings.seed)
    if options.threads:
        torch.set_num_threads(options.threads)
        cv2.setNumThreads(options.threads)
    network = DigitParser()
    start = load_file(options.start) if options.start else {}
    if start:
        network.load_state_dict(start, strict=False)
    else:
        load_convolutions(
            network.trunk, [(e.weight, e.bias) for e in read_layers(options.bundle, LANDMARKS) if e.bias is not None]
        )
    if options.imagenet:
        load_imagenet(network.looks, imagenet_tensors(options.imagenet))
    network.to(device).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    quicken(network)
    freeze(network, settings.frozen)
    examples = ParserExamples(settings.size, settings.seed, melts=settings.melts)
    reader = ShardReader(options.shards, examples, say)
    reader.read_new()
    phase = _phase(network, 60.0 * options.minutes, settings)

    def loss(phase: Phase, step: int) -> Tensor:
        if options.follow and step % _FOLLOW_STEPS == 0:
            reader.read_new(most=1)
        return training_step(phase, step, examples, settings)

    train(phase, loss, options.out, GeneratorTraining())
    network.load_state_dict(phase.mean.weights)
    facts: dict[str, object] = {"settings": asdict(settings), "pairs": len(examples.pairs), "steps": phase.step}
    if options.held_out:
        held_out = load_examples(options.held_out, settings.size, settings.seed + 1, say, degrade=False)
        facts["held_out"] = held_out_numbers(network, held_out)
        say(json.dumps(facts["held_out"]))
    export(options.out, phase.mean.weights, facts, settings.size, start)
    return 0


def _phase(network: nn.Module, seconds: float, settings: ParserTraining) -> Phase:
    learnt = [(name, parameter) for name, parameter in network.named_parameters() if parameter.requires_grad]
    trunk = [parameter for name, parameter in learnt if name.startswith("trunk.")]
    rest = [parameter for name, parameter in learnt if not name.startswith("trunk.")]
    groups = [{"params": rest, "share": 1.0}, {"params": trunk, "share": settings.trunk_share}]
    optimiser = torch.optim.AdamW(groups, lr=settings.rate, weight_decay=settings.decay)
    mean = RunningMean(network, settings.mean_decay)
    return Phase(name="parser", network=network, mean=mean, optimiser=optimiser, seconds=seconds, rate=settings.rate)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m limbfix.training.hands", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--shards", type=Path, nargs="+", required=True, help="folders of shards, searched below too")
    parser.add_argument("--held-out", type=Path, nargs="+", default=[], help="shards that only measure")
    parser.add_argument(
        "--bundle", type=Path, default=model_folder() / BUNDLE, help="MediaPipe's hand bundle, to start from"
    )
    parser.add_argument("--imagenet", type=Path, help="published efficientnet-lite0 weights for the look (.pth)")
    parser.add_argument("--start", type=Path, help="weights of an earlier training to start from (.safetensors)")
    parser.add_argument(
        "--follow",
        action="store_true",
        help="take in shards that are still being made; batches then depend on the clock",
    )
    parser.add_argument("--threads", type=int, default=0, help="of the CPU; 0 for all")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True, help="training time over all runs")
    defaults = ParserTraining()
    parser.add_argument("--melts", type=float, default=defaults.melts, help="share of pairs that are melted anew")
    for name in ("seed", "size", "pairs", "frozen"):
        parser.add_argument(f"--{name}", type=int, default=getattr(defaults, name))
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
