"""How is the hand finder trained? On pictures composed as they are needed: renders, photographs and places of `finder_stock`.

    python -m limbfix.training.finder --made DIR [DIR ...] --photographs DIR --places DIR --out DIR --minutes N [--bundle FILE]

Runs on a CPU or on CUDA. It may be stopped at any time: the same command goes on where the last checkpoint was. Minutes are
training time over all runs, and the learning rate follows them. Writes `hand_finder.safetensors` (half precision, running mean of
the weights), `hand_finder.json` (facts) and a curve below --out. The trunk starts as MediaPipe's palm detector left it (`--bundle`,
Apache-2.0); `--start` takes the weights of an earlier run instead.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from limbfix.model_files import model_folder
from limbfix.nets.efficientnet_lite import normalised
from limbfix.nets.hand_finder import HandFinder
from limbfix.nets.palm_table import DOWN
from limbfix.nets.palm_trunk import load_palm
from limbfix.synthesis.seeds import rng_for
from limbfix.training.checkpoints import RunningMean, halved
from limbfix.training.finder_losses import FinderTargets, draw_targets, finder_loss
from limbfix.training.finder_scenes import Mixture, Scene, SceneMaker, seen_again
from limbfix.training.finder_stock import MadeReader, read_photos, read_places
from limbfix.training.generator import Phase, train
from limbfix.training.generator_settings import GeneratorTraining
from limbfix.training.quick_depthwise import quicken
from limbfix.training.tflite_weights import BUNDLE, FINDER, read_layers

ALL_STILL = len(DOWN)
"""Stages from which on the whole trunk keeps its weights."""

_KEPT = 400
"""Scenes that are kept in memory to be used again, 80 MB at 256 px."""


_NEW_STEPS = 25
"""Steps after which a shard that was added since is read: a training may begin before its pictures are all made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinderTraining:
    """Settings of one training.

    Attributes:
        seed: of weights and pictures.
        size: px of the training pictures; a multiple of 32. The network sees larger ones later: it has no fixed size.
        batch: pictures a step; again: how many of them are earlier ones, mirrored and in another light. Composing a picture takes
            a third of the time of learning from it.
        most: pictures taken from each shard.
        rate: AdamW's highest learning rate; decay: of the weights.
        trunk_share: of the rate, for the trunk, which is learnt already.
        mean_decay: of the running mean of the weights.
        still: stages of the trunk, from the finest, that keep the published weights; half of a step's time is theirs.
        mixture: of the kinds of pictures.
    """

    seed: int = 7
    size: int = 160
    batch: int = 16
    again: int = 11
    most: int = 256
    rate: float = 2e-3
    decay: float = 0.02
    trunk_share: float = 0.1
    mean_decay: float = 0.998
    still: int = 2
    mixture: Mixture = field(default_factory=Mixture)


def training_step(phase: Phase, step: int, maker: SceneMaker, settings: FinderTraining) -> Tensor:
    """Returns the loss of one step."""
    assert isinstance(phase.network, HandFinder)
    pixels, targets = batch_of(maker, settings, step)
    device = next(phase.network.parameters()).device
    targets = FinderTargets(**{name: getattr(targets, name).to(device) for name in FinderTargets.__dataclass_fields__})
    losses = finder_loss(phase.network(normalised(pixels.to(device))), targets)
    return torch.stack(list(losses.values())).sum()


def batch_of(maker: SceneMaker, settings: FinderTraining, step: int) -> tuple[Tensor, FinderTargets]:
    """Returns pixels (b, s, s, 3) uint8 and targets of a step: the same for the same seed, step and stock."""
    fresh = settings.batch - settings.again
    first = step * fresh
    numbers = [(number, False) for number in range(first, first + fresh)]
    known = rng_for(settings.seed, "again", step).integers(max(0, first - _KEPT), max(first, 1), settings.again)
    numbers += [(int(number), True) for number in known]
    scenes = [scene_number(maker, settings, number, again=again) for number, again in numbers]
    drawn = [draw_targets(scene.hands, scene.vague, settings.size) for scene in scenes]
    centres, counted, boxes, weights = (torch.from_numpy(np.stack(column)) for column in zip(*drawn, strict=True))
    pixels = torch.from_numpy(np.stack([scene.pixels for scene in scenes]))
    return pixels, FinderTargets(centres=centres, counted=counted, boxes=boxes, weights=weights)


def scene_number(maker: SceneMaker, settings: FinderTraining, number: int, *, again: bool) -> Scene:
    """Returns a scene by its number; `again`: mirrored and in another light."""
    if number not in maker.kept:
        maker.kept[number] = maker.scene(rng_for(settings.seed, "finder", number))
        maker.kept.pop(number - _KEPT, None)
    scene = maker.kept[number]
    return seen_again(scene, rng_for(settings.seed, "light", number)) if again else scene


def hold_stages(network: HandFinder, still: int) -> list[nn.Parameter]:
    """Stops the trunk's stem and its first stages from learning, all of it from `ALL_STILL` on; returns what does learn."""
    trunk = network.trunk
    held = (trunk.stem, trunk.prelu, *list(trunk.down)[:still]) if still < ALL_STILL else (trunk,)
    for part in held if still else ():
        part.requires_grad_(False)
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def export(out: Path, weights: dict[str, Tensor], facts: dict[str, object]) -> None:
    """Writes the weights in half precision and what is known of them."""
    halves = halved(weights)
    file = out / "hand_finder.safetensors"
    save_file(halves, file)
    facts = facts | {"sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    (out / "hand_finder.json").write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None, settings: FinderTraining | None = None) -> int:
    """Trains with the settings, those of the command line unless given; returns the exit code."""
    options = _parser().parse_args(arguments)
    settings = settings or FinderTraining(
        seed=options.seed, size=options.size, batch=options.batch, most=options.most, still=options.still,
        rate=options.rate,
    )  # fmt: skip
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    say = lambda text: print(text, flush=True)  # noqa: E731
    reader = MadeReader(options.made, settings.most, say)
    reader.read_new()
    maker = SceneMaker(
        reader.stock, read_photos(options.photographs, say), read_places(options.places, say), settings.size,
        settings.mixture, options.shares,
    )  # fmt: skip
    network = _network(options, settings.seed)
    phase = _phase(network, 60.0 * options.minutes, settings)

    def step_loss(phase: Phase, step: int) -> Tensor:
        if step % _NEW_STEPS == 0:
            reader.read_new(1)
        return training_step(phase, step, maker, settings)

    train(phase, step_loss, options.out, GeneratorTraining())
    facts: dict[str, object] = {
        "settings": asdict(settings), "made": [len(stock) for stock in maker.made], "photographs": len(maker.photographs),
        "places": len(maker.places), "steps": phase.step, "minutes": options.minutes,
        "start": str(options.start or options.bundle),
    }  # fmt: skip
    export(options.out, phase.mean.weights, facts)
    return 0


def _network(options: argparse.Namespace, seed: int) -> HandFinder:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(seed)
    network = HandFinder()
    if options.start:
        network.load_state_dict(load_file(options.start))
    else:
        load_palm(network.trunk, [(e.kind, e.weight, e.bias) for e in read_layers(options.bundle, FINDER)])
    network.to(device).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    quicken(network)
    return network


def _phase(network: HandFinder, seconds: float, settings: FinderTraining) -> Phase:
    learning = {id(parameter) for parameter in hold_stages(network, settings.still)}
    trunk = [parameter for parameter in network.trunk.parameters() if id(parameter) in learning]
    rest = [parameter for name, parameter in network.named_parameters() if not name.startswith("trunk.")]
    groups = [{"params": rest, "share": 1.0}, {"params": trunk, "share": settings.trunk_share}]
    optimiser = torch.optim.AdamW(groups, lr=settings.rate, weight_decay=settings.decay)
    mean = RunningMean(network, settings.mean_decay)
    return Phase(name="finder", network=network, mean=mean, optimiser=optimiser, seconds=seconds, rate=settings.rate)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m limbfix.training.finder", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--made", type=Path, nargs="+", required=True, help="folders of shards, searched below too")
    parser.add_argument("--shares", type=float, nargs="*", default=(), help="how often each folder of --made is drawn")
    parser.add_argument("--photographs", type=Path, required=True, help="folders of normal hands, with labels.csv")
    parser.add_argument("--places", type=Path, required=True, help="pictures without people")
    parser.add_argument(
        "--bundle", type=Path, default=model_folder() / BUNDLE, help="MediaPipe's hand bundle, to start from"
    )
    parser.add_argument("--start", type=Path, help="weights of an earlier run to start from (.safetensors)")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True, help="training time over all runs")
    defaults = FinderTraining()
    for name in ("seed", "size", "batch", "most", "still"):
        parser.add_argument(f"--{name}", type=int, default=getattr(defaults, name))
    parser.add_argument("--rate", type=float, default=defaults.rate)
    parser.add_argument("--threads", type=int, default=1)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
