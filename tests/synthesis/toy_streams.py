"""Streams of drawn samples for the tests: no OpenGL, no body data, and faults on demand."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from limbfix.findings import DefectCode
from limbfix.synthesis.samples import PART_ID, SURFACE_ID, Defect, Instance, Joint, Sample
from limbfix.synthesis.seeds import rng_for
from limbfix.synthesis.streams import Stream, StreamOptions, key_of

PERSON, ARM, HAND, FIRST_DIGIT = 1, 2, 3, 4
OPERATORS = ("toys.more_bars", "toys.fewer_bars")


class ToyStream:
    """A palm with five bars for digits, or six, or four; every third group is untouched (plain) beside its twin."""

    name = "hands"
    group_size = 2

    def __init__(self, options: StreamOptions) -> None:
        self._options = options

    def group(self, index: int) -> tuple[Sample, ...]:
        """Returns a pair: twin and defect, or plain and twin."""
        kind = index % 3
        if kind == 2:
            return self._sample(index, "plain", 5), self._sample(index, "twin", 5)
        return self._sample(index, "twin", 5), self._sample(index, "defect", 6 if kind == 0 else 4)

    def close(self) -> None:
        """Holds nothing."""

    def _sample(self, index: int, role: str, n: int) -> Sample:
        size, seed = self._options.size_px, self._options.seed
        rng = rng_for(seed, "toy", index)
        background = rng.integers(0, 90, (size, size, 3), dtype=np.uint8)
        top = int(rng.integers(size // 8, size // 4))
        ids, parts, surfaces = (np.zeros((size, size), t) for t in (np.uint16, np.uint8, np.uint8))
        palm, width = slice(size // 2, size * 7 // 8), size // 10
        _paint(ids, parts, surfaces, palm, slice(size // 8, size * 7 // 8), HAND, "palm")
        bars = [int(size // 8 + i * (size * 0.75 - width) / max(n - 1, 1)) for i in range(n)]
        names = ("thumb", "index", "middle", "ring", "little", "little")[:n]
        for i, x in enumerate(bars):
            part = "thumb_distal" if i == 0 else f"{names[i]}_distal"
            _paint(ids, parts, surfaces, slice(top, size // 2), slice(x, x + width), FIRST_DIGIT + i, part)
        pixels = background.copy()
        pixels[ids > 0] = (200, 160, 140)
        pixels[ids >= FIRST_DIGIT] = (215, 170, 150)
        instances = _instances(ids, bars, names, top, size, width)
        operator = "" if role == "plain" else OPERATORS[index % 2]
        return Sample(
            key=key_of("hands", seed, index, role),
            group=f"hands-{seed}-{index:06d}",
            stream="hands",
            role=role,  # pyright: ignore[reportArgumentType]
            operator=operator,
            order=int(role == "defect"),
            pixels=pixels,
            instance_map=ids,
            part_map=parts,
            surface_map=surfaces,
            instances=instances,
            defects=_defects(n, operator, ids) if role == "defect" else (),
            recipe={"seed": seed, "top": top, "turn": (0.5, 1.0), "light": np.float32(0.25)},
        )


def _paint(
    ids: np.ndarray, parts: np.ndarray, surfaces: np.ndarray, rows: slice, columns: slice, one: int, part: str
) -> None:
    ids[rows, columns], parts[rows, columns], surfaces[rows, columns] = one, PART_ID[part], SURFACE_ID["skin"]


def _instances(
    ids: np.ndarray, bars: list[int], names: tuple[str, ...], top: int, size: int, width: int
) -> tuple[Instance, ...]:
    wrist = (size / 2, size * 0.85)
    nowhere = Joint(name="shoulder", xy=(math.nan, math.nan), visible=False)
    arm = (nowhere, Joint(name="elbow", xy=(size / 2, size * 2.0), visible=False))
    body = [
        Instance(id=PERSON, kind="person", name="person", side=None, owner=None),
        Instance(
            id=ARM,
            kind="arm",
            name="arm",
            side="left",
            owner=PERSON,
            visible_fraction=0.0,
            outside_fraction=1.0,
            joints=(*arm, Joint(name="wrist", xy=wrist, visible=False)),
        ),
        Instance(
            id=HAND,
            kind="hand",
            name="hand",
            side="left",
            owner=ARM,
            visible_px=int((ids == HAND).sum()),
            joints=(Joint(name="wrist", xy=wrist, visible=True),),
        ),
    ]
    for i, (x, name) in enumerate(zip(bars, names, strict=True)):
        one = FIRST_DIGIT + i
        heights = np.linspace(size / 2 - 1, top + 1, 4)
        joints = tuple(
            Joint(name=joint, xy=(x + width / 2, float(y)), visible=True)
            for joint, y in zip(("mcp", "pip", "dip", "tip"), heights, strict=True)
        )
        px = int((ids == one).sum())
        body.append(
            Instance(
                id=one,
                kind="digit",
                name=name,
                side="left",
                owner=HAND,
                faults=("extra",) if i == 5 else (),
                visible_px=px,
                visible_fraction=1 / 3,
                outside_fraction=0.0,
                occluded_by=(0, HAND),
                joints=joints,
            )
        )
    if len(bars) == 4:
        gone = Instance(
            id=9, kind="digit", name="little", side="left", owner=HAND, faults=("missing",), present=False, visible_px=0
        )
        body.append(gone)
    return tuple(body)


def _defects(n: int, operator: str, ids: np.ndarray) -> tuple[Defect, ...]:
    more = n > 5
    one = FIRST_DIGIT + 5 if more else 9
    code = DefectCode.HAND_EXTRA_DIGIT if more else DefectCode.HAND_MISSING_DIGIT
    first = Defect(code=code, operator=operator, instances=(one,), visible=True, region=ids >= FIRST_DIGIT)
    if not more:
        return (first,)
    second = Defect(code=DefectCode.HAND_MALFORMED, operator=operator, instances=(one,), visible=False)
    third = replace(first, code=DefectCode.HAND_FUSED_DIGITS, region=ids == one)
    return first, second, third


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenToys:
    """Opens a toy stream in a worker; with faults where the test wants them.

    Attributes:
        options: of the stream.
        raising: groups that always raise.
        raising_once: groups that raise the first time; `scratch` remembers.
        dying: groups that end the process.
        seconds: that each group takes.
        scratch: folder for what must be remembered across processes.
    """

    options: StreamOptions
    raising: tuple[int, ...] = ()
    raising_once: tuple[int, ...] = ()
    dying: tuple[int, ...] = ()
    seconds: float = 0.0
    scratch: Path | None = None
    failure: Exception | None = None

    def __call__(self) -> Stream:
        """Opens it, or raises `failure`."""
        if self.failure is not None:
            raise self.failure
        return _Faulty(self)


class _Faulty(ToyStream):
    def __init__(self, toys: OpenToys) -> None:
        super().__init__(toys.options)
        self._toys = toys

    def group(self, index: int) -> tuple[Sample, ...]:
        time.sleep(self._toys.seconds)
        if self._toys.scratch is not None:
            asked = self._toys.scratch / f"asked-{index}"
            asked.write_text(str(int(asked.read_text()) + 1 if asked.exists() else 1))
            if index in self._toys.raising_once and asked.read_text() == "1":
                raise RuntimeError("a passing weakness")
        if index in self._toys.raising:
            raise RuntimeError("this one never works")
        if index in self._toys.dying:
            os._exit(3)
        return super().group(index)


Opener = Callable[[], Stream]
