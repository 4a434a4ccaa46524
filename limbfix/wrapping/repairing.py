"""Who repairs? A callable; `limbfix.repair` stands behind the one that comes along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from limbfix.inpainting import Inpainter
from limbfix.inspections import Inspection

AsFile = Callable[[bytes], tuple[bytes, tuple[str, ...]]]
"""The bytes of the parent, those that were judged -> the bytes of the repaired file with its metadata, and what did not travel."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Repair:
    """What a repair of one picture came to.

    Attributes:
        is_accepted: whether `pixels` are to be taken instead of the original.
        pixels: uint8 (h, w, 3), of the original's size.
        inspection: the judgement of `pixels`.
        record: plan and attempts as plain JSON values.
        as_file: how it becomes a file, or None for a plain PNG.
    """

    is_accepted: bool
    pixels: np.ndarray
    inspection: Inspection
    record: dict[str, Any] = field(default_factory=dict)
    as_file: AsFile | None = None


class Repairer(Protocol):
    """Repairs one picture."""

    def __call__(self, inspection: Inspection, *, prompt: str, seed: int) -> Repair:
        """Returns what came of it.

        Args:
            inspection: what the gate said, with the picture.
            prompt: what the picture shows; empty where unknown.
            seed: of the candidates.

        Raises:
            RepairError: it could not; the original stays, and the report says why.
        """
        ...


def default_repairer(gate: Any, inpainter: Inpainter | None, generator: Any) -> Repairer:
    """Returns limbfix's own repair, which judges every candidate with the same gate.

    Args:
        gate: a `limbfix.Gate`.
        inpainter: who paints; None = the generator itself where it can, else the embedded filling.
        generator: what is wrapped.
    """

    def repair(inspection: Inspection, *, prompt: str, seed: int) -> Repair:
        from limbfix.repair import RepairOptions, repair_picture

        options = RepairOptions(prompt=prompt or None, seed=seed)
        painter = inpainter or own_inpainter(generator)
        return _as_repair(repair_picture(inspection, gate, inpainter=painter, options=options))

    return repair


def own_inpainter(generator: Any) -> Inpainter | None:
    """Returns the generator as an inpainter: a server client as it is, a pipeline by its own parts; None where it cannot.

    One without any purpose cannot: a ComfyUI whose workflow takes no picture. Nor can FLUX Depth and Canny: nobody draws their hints here.
    """
    from limbfix.wrapping.kinds import is_pipeline

    if not is_pipeline(generator):
        return generator if isinstance(generator, Inpainter) and generator.purposes else None
    from limbfix.errors import InpainterMissing
    from limbfix.inpainters import choice_for, inpainter_from_pipe

    if choice_for(generator).needs_hint:
        return None
    try:
        painter: Any = inpainter_from_pipe(
            generator
        )  # Each time anew: the caller may have moved it, or changed its scheduler.
        return painter
    except InpainterMissing:
        return None


def _as_repair(done: Any) -> Repair:
    from limbfix.repair.repair_records import repair_record

    def as_file(parent: bytes) -> tuple[bytes, tuple[str, ...]]:
        from limbfix.repair.files import repaired_file

        file = repaired_file(parent, done)
        lost = ("The parent's C2PA manifest does not fit the repaired picture and was left out.",)
        return file.data, (*file.notes, *(lost if file.has_lost_c2pa else ()))

    return Repair(
        is_accepted=done.is_changed,
        pixels=done.picture.pixels,
        inspection=done.after,
        record=repair_record(done),
        as_file=as_file,
    )
