"""How is a repaired picture written? As a new PNG that keeps everything of its parent but the repaired pixels.

PNG, because it is lossless: saved as JPEG again, every pixel outside the repair would change as well.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
from dataclasses import dataclass
from typing import Literal

import numpy as np

from limbfix.containers import Container, Limits, read_container
from limbfix.errors import OutputError, PictureError
from limbfix.images import open_picture
from limbfix.repair.metadata import Carried, read_carried, with_chunks
from limbfix.repair.native import native_image, pasted
from limbfix.repair.results import Repaired

JPEG_QUALITY = 95

_LIMITS = Limits(max_pixels=1 << 31, max_frames=1 << 16)
"""The file was read under the user's limits before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairedFile:
    """A file to be written.

    Attributes:
        data: its bytes.
        suffix: `.png` or `.jpg`.
        sha256: of the bytes.
        has_lost_c2pa: whether the parent carried a C2PA manifest, which the change makes invalid and which is left out.
        notes: what else did not travel, in words.
    """

    data: bytes
    suffix: str
    sha256: str
    has_lost_c2pa: bool
    notes: tuple[str, ...]


def repaired_file(original: bytes, repaired: Repaired, *, kind: Literal["png", "jpeg"] = "png") -> RepairedFile:
    """Returns the file of a repaired picture.

    Args:
        original: bytes of the parent, those that were judged.
        repaired: with at least one repair kept.
        kind: `png`, lossless outside the repair; `jpeg` changes every pixel a little, and cannot hold transparency.

    Raises:
        OutputError: the bytes are not those that were judged, the parent is animated, or the file would not hold what it must.
        ValueError: nothing was kept, so there is nothing to write.
    """
    if not repaired.is_changed:
        raise ValueError("repaired_file: expected a repair that was kept, got none; the original is the result")
    parent_sha256 = repaired.before.record["sha256"]
    if hashlib.sha256(original).hexdigest() != parent_sha256:
        raise OutputError("expected the bytes that were judged, the file has changed since; run it again")
    container = read_container(original, _LIMITS)
    if container.frames > 1:
        raise OutputError(
            f"expected a still picture, got {container.frames} frames; save the frame as a picture and fix that"
        )
    carried = read_carried(original, icc=container.icc, exif=container.exif)
    changed = changed_pixels(repaired)
    data, carried, notes = _encoded(container, carried, repaired, changed, kind)
    if kind == "png":
        _check(original, data, changed)
    return RepairedFile(
        data=data,
        suffix=".png" if kind == "png" else ".jpg",
        sha256=hashlib.sha256(data).hexdigest(),
        has_lost_c2pa=carried.has_c2pa,
        notes=(*notes, *(f"not kept: {what}" for what in carried.lost)),
    )


def changed_pixels(repaired: Repaired) -> np.ndarray:
    """Returns bool (h, w): where a kept repair may have changed the picture."""
    picture = repaired.picture
    changed = np.zeros((picture.height, picture.width), bool)
    for focus in repaired.kept:
        changed[focus.window] |= focus.alpha > 0
    return changed


def _encoded(
    container: Container, carried: Carried, repaired: Repaired, changed: np.ndarray, kind: str
) -> tuple[bytes, Carried, tuple[str, ...]]:
    before = repaired.before.picture
    assert before is not None
    native = native_image(container, before.pixels)
    if not native.keeps_colour:
        carried = carried.without_colour()
    image = pasted(native, repaired.picture.pixels, changed, carried.icc)
    notes = native.notes
    text = _own_text(repaired, carried)
    buffer = io.BytesIO()
    if kind == "png":
        image.info.clear()
        image.save(buffer, "PNG", compress_level=6)
        return with_chunks(buffer.getvalue(), carried, text), carried, notes
    if image.mode in ("LA", "RGBA"):
        raise OutputError("expected an opaque picture, a JPEG cannot hold transparency; leave out --keep-jpeg")
    more = {"exif": b"Exif\x00\x00" + carried.exif} if carried.exif else {}
    more |= {"icc_profile": carried.icc} if carried.icc else {}
    more |= {"xmp": carried.xmp} if carried.xmp else {}
    more |= {"dpi": tuple(round(value) for value in carried.dpi)} if carried.dpi else {}
    more |= {"extra": b"".join(b"\xff\xfe" + struct.pack(">H", len(body) + 2) + body for body in carried.comments)}
    image.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0, comment=f"limbfix {text}".encode("ascii"), **more)
    return buffer.getvalue(), carried, (*notes, "saved as JPEG: every pixel may differ a little from the original")


def _own_text(repaired: Repaired, carried: Carried) -> str:
    """Returns what the file says of itself: who changed it, and which file it came from."""
    from limbfix import __version__

    done = {attempt.step_index for attempt in repaired.attempts if attempt.is_accepted}
    text = {
        "software": f"limbfix {__version__}",
        "parent_sha256": repaired.before.record["sha256"],
        "inpainter": repaired.inpainter,
        "repaired": [
            {"action": repaired.plan[index].action.value, "codes": list(repaired.plan[index].codes)}
            for index in sorted(done)
        ],
        "parent_had_c2pa": carried.has_c2pa,
    }
    return json.dumps(text, ensure_ascii=True)


def _check(original: bytes, data: bytes, changed: np.ndarray) -> None:
    """Reads both files as any reader would, and compares what must not have changed.

    Raises:
        OutputError: a pixel outside the repair differs. It is a fault of limbfix, and the file is not written.
    """
    try:
        before = open_picture(original, max_pixels=1 << 31, max_frames=1 << 16).pixels
        after = open_picture(data, max_pixels=1 << 31).pixels
    except PictureError as error:
        raise OutputError(
            f"the repaired file cannot be read again ({error}); it was not written, please report it"
        ) from error
    if before.shape != after.shape or (before != after).any(axis=2)[~changed].any():
        raise OutputError(
            "pixels outside the repair would have changed; the file was not written, please report it with the picture"
        )
