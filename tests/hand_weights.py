"""Seeded networks that nobody trained, as files of weights: for tests of everything around the networks."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from limbfix.nets.digit_parser import DigitParser
from limbfix.nets.hand_finder import HandFinder


def seeded(kind: type[nn.Module]) -> nn.Module:
    """Returns a network with values at which every layer matters, batch norms too; the same every time."""
    torch.manual_seed(11)
    network = kind()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 1.5)
            module.weight.data.uniform_(0.8, 1.2)
            module.bias.data.uniform_(-0.2, 0.2)
    return network.eval()


def save(network: nn.Module, file: Path, size: int | None = None) -> Path:
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, file, _metadata(size))
    return file


def _metadata(size: int | None) -> dict[str, str] | None:
    return None if size is None else {"size": str(size)}


def parser_file(folder: Path, size: int | None = 64) -> Path:
    return save(seeded(DigitParser), folder / "digit_parser.safetensors", size)


def moved_file(folder: Path, size: int | None = 64) -> Path:
    """A parser to whose look the body parser's trunk adds something."""
    network = seeded(DigitParser)
    network.moved.weight.data.normal_(0, 0.1)
    network.moved.bias.data.fill_(0.3)
    return save(network, folder / "moved_parser.safetensors", size)


def finder_file(folder: Path, *, centre_bias: float = 0.0) -> Path:
    """A finder that sees hands everywhere, or nowhere with a low bias."""
    network = seeded(HandFinder)
    network.centres.bias.data.fill_(centre_bias)
    return save(network, folder / "hand_finder.safetensors")


def body_file(folder: Path) -> Path:
    from limbfix.nets.body_parser import BodyParser

    network = seeded(BodyParser)
    for layer in network.trunk.modules():  # as they begin, 50 layers without norms leave nothing of the picture
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    for layer in (network.known, network.dense):  # they begin at zero, which would hide a wrong layer before them
        layer.weight.data.normal_(0, 0.1)
    return save(network, folder / "body_parser.safetensors")


def judge_file(folder: Path, size: int) -> Path:
    from limbfix.nets.limb_judge import LimbJudge

    return save(seeded(LimbJudge), folder / "limb_judge.safetensors", size)
