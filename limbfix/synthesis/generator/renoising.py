"""How is a picture of a hand renoised? To latents, into noise as far as asked, and back in small steps.

Everything follows from the arguments: noise comes from the caller's generator, and torch works with one thread, so that the order of
sums does not depend on the machine's load. Across kinds of processors the last bit may still differ.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor, nn

from limbfix.errors import UsageError
from limbfix.shipped import shipped_file
from limbfix.synthesis.generator.conditions import condition_maps
from limbfix.synthesis.generator.networks import PICTURE_PX, STRIDE, Autoencoder, Denoiser, GeneratorShape
from limbfix.synthesis.generator.schedule import add_noise, step_back

WEIGHTS = "generator.safetensors"

STEPS = 20
"""Steps from pure noise; a part of the way takes its share of them."""

_LEAST_STEPS = 3
_SIDE = PICTURE_PX // STRIDE
_FEATHER = 0.03
"""Width in picture sides over which a change fades towards the border of its region."""

_STRIP_PX = 512
_MARGIN_PX = 80
"""The autoencoder reads strips of a picture. A pixel depends on none farther than 72 px away, so that strips leave no seam."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Renoising:
    """One hand to renoise.

    Attributes:
        pixels: (s, s, 3) uint8 sRGB. The hand's joints should span about half of it, as in `HandPhoto`.
        mask: (s, s) bool, skin of hand and forearm; None leaves the shape to the denoiser.
        keypoints: (21, 2) px, HAND21; None leaves the digits to it.
        strength: 0 to 1. 0 passes the autoencoder alone.
        rng: gives the noise.
        region: (s, s) bool, where the picture may change; None for everywhere.
    """

    pixels: np.ndarray
    mask: np.ndarray | None
    keypoints: np.ndarray | None
    strength: float
    rng: np.random.Generator
    region: np.ndarray | None = None


class Generator:
    """Both networks with their weights.

    Args:
        file: safetensors that `limbfix.training.generator` wrote; None for the shipped ones.

    Raises:
        AssetMissing, ModelCorrupt: as `shipped_file`.
    """

    def __init__(self, file: Path | None = None) -> None:
        with safe_open(file or shipped_file(WEIGHTS), framework="pt") as data:
            sizes = json.loads(data.metadata()["shape"])
            shape = GeneratorShape(**sizes | {"denoiser": tuple(sizes["denoiser"])})
            self._weights = {name: data.get_tensor(name).float() for name in data.keys()}  # noqa: SIM118 - no mapping
        self._shape = shape
        self._autoencoder = Autoencoder(shape)
        self._fill(self._autoencoder, "autoencoder.")

    @functools.cached_property
    def _denoiser(self) -> Denoiser:
        """The denoiser, built when it is first wanted: it needs diffusers, the autoencoder does not."""
        denoiser = Denoiser(self._shape)
        self._fill(denoiser, "denoiser.")
        return denoiser

    def _fill(self, network: nn.Module, name: str) -> None:
        network.load_state_dict({k.removeprefix(name): v for k, v in self._weights.items() if k.startswith(name)})
        network.eval().to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    @torch.inference_mode()
    def autoencode(self, pixels: np.ndarray) -> np.ndarray:
        """Returns a picture (h, w, 3) uint8 of any size as the autoencoder gives it back."""
        height, width = pixels.shape[:2]
        below, right = -height % STRIDE, -width % STRIDE
        padded = np.pad(pixels, ((0, below), (0, right), (0, 0)), mode="edge")
        strips = []
        with _one_thread():
            for top in range(0, len(padded), _STRIP_PX):
                first, last = max(0, top - _MARGIN_PX), min(len(padded), top + _STRIP_PX + _MARGIN_PX)
                strip = _as_pixels(
                    self._autoencoder.decode(self._autoencoder.encode(_as_pictures(padded[None, first:last])))
                )[0]
                strips.append(strip[top - first :][:_STRIP_PX])
        return np.concatenate(strips)[:height, :width]

    @torch.inference_mode()
    def renoise(self, hands: Sequence[Renoising]) -> list[np.ndarray]:
        """Renoises hands in one batch.

        Returns:
            a picture for each, of its own size, uint8. Outside of its region it is the given one to the bit. Pictures of sides other
            than 128 px are scaled to it and back, strength 0 included, so that a series differs in nothing but strength.

        Raises:
            UsageError: a picture is not square, or a strength not in 0 to 1.
        """
        if not hands:
            return []
        for hand in hands:
            _check(hand)
        with _one_thread():
            latents = self._autoencoder.encode(
                _as_pictures(np.stack([_scaled(hand.pixels, PICTURE_PX) for hand in hands]))
            )
            found = self._there_and_back(latents, hands)
            made = _as_pixels(self._autoencoder.decode(found))
        return [_inside(hand, _scaled(picture, len(hand.pixels))) for hand, picture in zip(hands, made, strict=True)]

    def _there_and_back(self, latents: Tensor, hands: Sequence[Renoising]) -> Tensor:
        """Returns latents after noise and denoising; each hand takes the steps of its own strength."""
        noise = torch.from_numpy(np.stack([hand.rng.standard_normal(latents.shape[1:], np.float32) for hand in hands]))
        maps = torch.from_numpy(np.stack([_maps(hand) for hand in hands]))
        free = torch.from_numpy(np.stack([_free_latents(hand) for hand in hands]))
        strengths = torch.tensor([hand.strength for hand in hands], dtype=torch.float32)
        steps = torch.tensor([_steps(hand.strength) for hand in hands])
        now = add_noise(latents, noise, strengths)
        for step in range(int(steps.max())):
            going = (step < steps).nonzero()[:, 0]
            times = strengths[going] * (1 - step / steps[going])
            earlier = strengths[going] * (1 - (step + 1) / steps[going])
            v = self._denoiser(now[going], maps[going], times)
            kept = add_noise(latents[going], noise[going], earlier)
            now[going] = torch.where(free[going], step_back(now[going], v, times, earlier), kept)
        return now


def renoise_batch(hands: Sequence[Renoising]) -> list[np.ndarray]:
    """Renoises hands in one batch with the shipped weights; see `Generator.renoise`.

    A hand's picture may differ in single grey levels between batches of different sizes, never between runs.

    Raises:
        AssetMissing: the weights are not there.
    """
    return _shipped().renoise(hands)


def renoise(
    pixels: np.ndarray,
    *,
    mask: np.ndarray | None,
    keypoints: np.ndarray | None,
    strength: float,
    rng: np.random.Generator,
    region: np.ndarray | None = None,
) -> np.ndarray:
    """Renoises one hand with the shipped weights; arguments as in `Renoising`, the result as in `Generator.renoise`.

    Raises:
        AssetMissing: the weights are not there.
    """
    hand = Renoising(pixels=pixels, mask=mask, keypoints=keypoints, strength=strength, rng=rng, region=region)
    return renoise_batch([hand])[0]


def autoencode(pixels: np.ndarray) -> np.ndarray:
    """Returns a picture (h, w, 3) uint8 as the shipped autoencoder gives it back: a little softer, of the same size.

    Raises:
        AssetMissing: the weights are not there.
    """
    return _shipped().autoencode(pixels)


@functools.cache
def _shipped() -> Generator:
    return Generator()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Makes torch use one thread: sums in one order, and no contest between processes that each make pictures."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _check(hand: Renoising) -> None:
    height, width = hand.pixels.shape[:2]
    if height != width:
        raise UsageError(f"expected a square picture of a hand, got {width} x {height}; cut a square around the hand")
    if not 0 <= hand.strength <= 1:
        raise UsageError(f"expected a strength from 0 to 1, got {hand.strength}; 0.15 keeps the anatomy, 0.7 breaks it")


def _steps(strength: float) -> int:
    return max(_LEAST_STEPS, math.ceil(STEPS * strength)) if strength > 0 else 0


def _maps(hand: Renoising) -> np.ndarray:
    scale = _SIDE / len(hand.pixels)
    return condition_maps(hand.mask, hand.keypoints, side=_SIDE, scale_xy=(scale, scale))


def _free_latents(hand: Renoising) -> np.ndarray:
    """Returns (1, side, side) bool: the latents that may change, every one that touches the region."""
    if hand.region is None:
        return np.ones((1, _SIDE, _SIDE), bool)
    return cv2.resize(hand.region.astype(np.float32), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)[None] > 0


def _inside(hand: Renoising, made: np.ndarray) -> np.ndarray:
    """Returns the made picture inside the region, fading to the given one at the region's border."""
    if hand.region is None:
        return made
    reach = cv2.distanceTransform(hand.region.astype(np.uint8), cv2.DIST_L2, 5)
    share = np.clip(reach / max(1.0, _FEATHER * len(made)), 0, 1)[..., None]
    return (hand.pixels * (1 - share) + made * share + 0.5).astype(np.uint8)


def _scaled(pixels: np.ndarray, side: int) -> np.ndarray:
    if len(pixels) == side:
        return pixels
    way = cv2.INTER_AREA if len(pixels) > side else cv2.INTER_CUBIC
    return cv2.resize(pixels, (side, side), interpolation=way)


def _as_pictures(pixels: np.ndarray) -> Tensor:
    pictures = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() / 127.5 - 1
    return pictures.contiguous(memory_format=torch.channels_last)


def _as_pixels(pictures: Tensor) -> np.ndarray:
    return ((pictures.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
