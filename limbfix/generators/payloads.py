"""How do pictures and masks travel to a server and back? PNG and base64, each mask in the server's own sense, sizes checked."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from limbfix.errors import PictureError, RepairError, ServerError, UsageError
from limbfix.images import open_picture
from limbfix.inpainting import InpaintRequest, Mask

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 67_108_864
"""8,192 x 8,192."""
_STILL, _PAINTED = 1.0, 8.0
"""Mean change in levels of 255: less is nothing at all; more is no longer what a VAE's round trip leaves of a picture."""


def png_bytes(pixels: np.ndarray) -> bytes:
    """Returns a PNG of uint8 (h, w), (h, w, 3) or (h, w, 4)."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def base64_png(pixels: np.ndarray) -> str:
    """Returns the same in base64."""
    return base64.b64encode(png_bytes(pixels)).decode("ascii")


def white_is_edit(mask: Mask) -> np.ndarray:
    """Returns uint8 (h, w), 255 = edit: A1111, and ComfyUI where a mask is read from a colour channel."""
    return (mask.edit * 255).round().astype(np.uint8)


def clear_is_edit(pixels: np.ndarray, mask: Mask) -> np.ndarray:
    """Returns uint8 (h, w, 4) with alpha 0 = edit, in steps: ComfyUI where a mask is read from a picture's alpha."""
    return np.dstack([pixels, 255 - white_is_edit(mask)])


def only_clear_is_edit(pixels: np.ndarray, mask: Mask) -> np.ndarray:
    """Returns uint8 (h, w, 4) with alpha 0 = edit and 255 = keep, nothing between: OpenAI-style servers."""
    return np.dstack([pixels, np.where(mask.edit > 0, 0, 255).astype(np.uint8)])


def image_of_base64(text: Any, origin: str) -> Image.Image:
    """Returns the picture of a base64 text, with or without `data:image/png;base64,` before it.

    Raises:
        ServerError: it is none.
    """
    if not isinstance(text, str):
        raise ServerError(f"{origin}: expected a picture in base64, got {type(text).__name__}")
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ServerError(f"{origin}: expected a picture in base64, got text that is not: {error}") from error
    return image_of_bytes(data, origin)


def image_of_bytes(data: bytes, origin: str) -> Image.Image:
    """Returns the PIL image, its text chunks included, of bytes that are a whole PNG, JPEG or WebP by content.

    Raises:
        ServerError: they are not.
    """
    from PIL import Image

    try:
        open_picture(data, max_pixels=MAX_PIXELS)  # Our own door: format by content, limits, truncation.
    except PictureError as error:
        start = data[:12]
        hint = "; that is a web page" if data.lstrip()[:1] == b"<" else ""
        raise ServerError(f"{origin}: expected a PNG, JPEG or WebP, got {start!r}{hint}: {error}") from error
    image = Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP"))
    image.load()
    return image


def painted(image: Image.Image, request: InpaintRequest, origin: str, *, may_resize: bool = False) -> np.ndarray:
    """Returns uint8 (h, w, 3) of exactly the size of the request.

    Args:
        image: what the server sent.
        request: what was asked for.
        origin: for the message.
        may_resize: whether a picture of the same shape and another size is brought to size; for servers with sizes of their own.

    Raises:
        RepairError: it is of another size or shape.
    """
    pixels = np.array(open_picture(image).pixels)
    height, width = request.pixels.shape[:2]
    if pixels.shape[:2] == (height, width):
        _require_right_side(pixels, request, origin)
        return pixels
    ratio = (pixels.shape[1] / pixels.shape[0]) / (width / height)
    if may_resize and 0.98 < ratio < 1.02:
        from PIL import Image

        return np.array(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))
    raise RepairError(
        f"{origin}: expected a picture of {width} x {height} px, got {pixels.shape[1]} x {pixels.shape[0]}; "
        "check the server's workflow or settings for something that scales"
    )


def _require_right_side(pixels: np.ndarray, request: InpaintRequest, origin: str) -> None:
    """Refuses a picture that changed everywhere but where it should: the server means masks the other way round.

    Raises:
        RepairError: nothing changed inside the mask, and much outside.
    """
    inside, outside = request.mask.edit == 1, request.mask.edit == 0
    if not inside.any() or not outside.any():
        return
    change = np.abs(pixels.astype(np.int16) - request.pixels).mean(axis=2)
    if change[inside].mean() < _STILL and change[outside].mean() > _PAINTED:
        raise RepairError(
            f"{origin}: expected paint inside the mask, got it outside only; this server, or an input of its workflow, means "
            "masks the other way round: turn the mask there"
        )


def require_one_picture(fields: Mapping[str, Any], names: Sequence[str], origin: str) -> None:
    """Refuses a request for several pictures at once: all but the first would be paid for and lost.

    Raises:
        UsageError: a field of these names is neither 1 nor None.
    """
    for name in names:
        if fields.get(name) not in (None, 1):
            raise UsageError(
                f"{origin}: {name}: expected 1, got {fields[name]!r}: a call gives one picture; call once for each"
            )


def require_request(request: InpaintRequest, origin: str) -> None:
    """Refuses what no server can paint.

    Raises:
        RepairError: the mask is empty, or of another size than the pixels; or no seed is given.
    """
    if request.mask.edit.shape != request.pixels.shape[:2]:
        raise RepairError(f"{origin}: expected a mask of {request.pixels.shape[:2]}, got {request.mask.edit.shape}")
    if request.mask.is_empty:
        raise RepairError(f"{origin}: expected a mask with something to edit, got an empty one")
    if not request.seeds:
        raise RepairError(f"{origin}: expected at least one seed, got none")
