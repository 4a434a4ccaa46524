"""What came back from a pipeline? Pictures of the request's size, black ones told apart, nothing taken on trust."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from limbfix.crops import resized
from limbfix.errors import RepairError
from limbfix.inpainters.calls import Job

SAME_SHAPE = 0.02
"""How far width / height of an answer may be off: classes that enlarge by themselves round to their own grid."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidates(Sequence[np.ndarray]):
    """What came of one request.

    Attributes:
        pictures: uint8 (h, w, 3), one for each seed.
        blocked: one for each: whether a safety checker blacked it out. The request's own pixels stand in its place.
    """

    pictures: tuple[np.ndarray, ...]
    blocked: tuple[bool, ...]

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: Any) -> Any:
        return self.pictures[index]


def read_output(output: Any, jobs: Sequence[Job], pipe: Any, name: str) -> list[tuple[np.ndarray, bool]]:
    """Returns (picture, whether it was blacked out) of each job, at the size of its request.

    Raises:
        RepairError: another number of pictures, of another shape, black, or not a number.
    """
    pictures = list(output[0] if isinstance(output, tuple) else output.images)
    if len(pictures) != len(jobs):
        raise RepairError(f"{name}: expected {len(jobs)} pictures, got {len(pictures)}")
    flags = getattr(output, "nsfw_content_detected", None) or [False] * len(jobs)
    has_checker = getattr(pipe, "safety_checker", None) is not None
    answers = []
    for job, picture, flag in zip(jobs, pictures, flags, strict=True):
        pixels = _as_pixels(picture, name)
        is_black = not pixels.any()
        if flag or (is_black and has_checker):
            answers.append((job.request.pixels, True))
            continue
        if is_black:
            raise RepairError(
                f"{name}: the picture came back black; in float16 some VAEs overflow: try dtype='float32'"
            )
        answers.append((_fitted(pixels, job.request.pixels.shape, name), False))
    return answers


def _as_pixels(picture: Any, name: str) -> np.ndarray:
    values = np.asarray(picture)
    if values.dtype == np.uint8:
        return values
    if not np.isfinite(values).all():
        raise RepairError(f"{name}: the picture holds numbers that are none (nan); try dtype='float32'")
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)


def _fitted(pixels: np.ndarray, shape: tuple[int, ...], name: str) -> np.ndarray:
    """Returns the picture at the request's size; some classes enlarge to about one megapixel whatever they are told."""
    if pixels.shape == shape:
        return pixels
    is_picture = pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.size
    if not is_picture or abs(math.log(pixels.shape[1] * shape[0] / (pixels.shape[0] * shape[1]))) > SAME_SHAPE:
        raise RepairError(
            f"{name}: expected a picture of {shape[1]} x {shape[0]} px, got an array of shape {pixels.shape}"
        )
    return resized(pixels, (shape[1], shape[0]))
