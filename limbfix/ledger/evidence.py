"""What is kept of a picture, so that a case can be shown years later? Small JPEGs: the picture, with marks, and crops."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from limbfix.drawing import draw_overlay
from limbfix.errors import PictureError
from limbfix.images import Picture, open_picture
from limbfix.ledger.likeness import likeness_of
from limbfix.reports.evidence import make_evidence

_SIDE = 960
"""px, longer side of the kept picture."""
_QUALITY = 82
_MOST_CROPS = 3
"""The worst findings; the record holds the numbers of all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was made of a picture's pixels.

    Attributes:
        likeness: perceptual hash; empty = none.
        items: `{"kind": "picture" | "overlay" | "crop", "sha256": ..., "finding": index or None}`.
        pictures: JPEGs by SHA-256.
        note: why there is none, or None.
    """

    likeness: str = ""
    items: tuple[dict[str, Any], ...] = ()
    pictures: dict[str, bytes] = field(default_factory=dict)
    note: str | None = None


def places_of(record: Mapping[str, Any], folder: Path | None) -> list[Path]:
    """Returns where a record's picture may lie, likeliest first: where its path leads, then in the folder itself.

    Args:
        record: of `limbfix check`.
        folder: where relative paths begin, or in which the pictures lie by the end of their paths; None = the working folder.
    """
    path = Path(record["path"])
    if folder is None:
        return [path]
    ends = [folder.joinpath(*path.parts[start:]) for start in range(1, len(path.parts))]
    return [folder / path, *ends]  # of an absolute path the first is the path itself


def file_of(record: Mapping[str, Any], folder: Path | None) -> Path | None:
    """Returns the file that was judged, told by its SHA-256, or None where it has gone or changed."""
    for place in places_of(record, folder):
        try:
            if place.is_file():
                with place.open("rb") as file:
                    if hashlib.file_digest(file, "sha256").hexdigest() == record["sha256"]:
                        return place
        except (OSError, ValueError):
            continue
    return None


def make_proof(record: Mapping[str, Any], folder: Path | None) -> Proof:
    """Reads the record's picture again, where it still lies, and returns what is kept of it.

    Args:
        record: of `limbfix check`.
        folder: where relative paths begin; None = the working folder.
    """
    if record["sha256"] is None:
        return Proof(note="the picture could not be read when it was judged")
    picture = _read_once(record, folder)
    if isinstance(picture, str):
        return Proof(note=f"no picture is kept: {picture}")
    likeness = likeness_of(picture.pixels)
    if record["verdict"] not in ("reject", "flag"):
        return Proof(likeness=likeness)
    return _kept(picture, record, likeness)


def _read_once(record: Mapping[str, Any], folder: Path | None) -> Picture | str:
    """Returns the picture that was judged, or why there is none. What lies at one place is read once: the reader hashes anyhow."""
    places = places_of(record, folder)
    problems = []
    for place in [place for place in places if _is_file(place)] or places[:1]:
        try:
            picture = open_picture(place)
        except PictureError as error:
            problems.append(str(error))
            continue
        if picture.sha256 == record["sha256"]:
            return picture
        problems.append("the file has changed since it was judged")
    return problems[0]


def _is_file(place: Path) -> bool:
    try:
        return place.is_file()
    except (OSError, ValueError):
        return False


def _kept(picture: Picture, record: Mapping[str, Any], likeness: str) -> Proof:
    from PIL import Image

    evidence = make_evidence(picture.pixels, record, ())
    marked = draw_overlay(picture.pixels, record, ())
    marked.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    marked.save(buffer, "JPEG", quality=_QUALITY)
    made: list[tuple[str, bytes, int | None]] = [
        ("picture", evidence.thumbnail, None),
        ("overlay", buffer.getvalue(), None),
        *(("crop", crop.jpeg, crop.finding_index) for crop in evidence.crops[:_MOST_CROPS]),
    ]
    names = [hashlib.sha256(data).hexdigest() for _, data, _ in made]
    return Proof(
        likeness=likeness,
        items=tuple(
            {"kind": kind, "sha256": name, "finding": index} for name, (kind, _, index) in zip(names, made, strict=True)
        ),
        pictures={name: data for name, (_, data, _) in zip(names, made, strict=True)},
    )
