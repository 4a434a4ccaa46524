"""In which forms do generators hand over a picture? PIL image, uint8 array, bytes, path: one way in, and the same way back."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from limbfix.errors import GeneratorError, PictureError
from limbfix.images import MEMORY_PATH, Picture, open_picture
from limbfix.sources import GenerationSource
from limbfix.wrapping.repaired_pixels import repaired_array, repaired_image, repaired_png
from limbfix.wrapping.repairing import Repair

if TYPE_CHECKING:
    from PIL import Image

EXPECTED = "a PIL image, a uint8 array (h, w, 3), the bytes of a PNG, JPEG or WebP, or the path of one"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Held:
    """A value of the caller's generator and what it held when it was made.

    Attributes:
        value: as it came.
        data: the bytes of the file, where the value is a path; the generator may write the next attempt over it.
        picture: its pixels for the gate.
        untouched: a copy of an array or a PIL image, for the same reason; None for other values.
    """

    value: Any
    data: bytes | None
    picture: Picture
    untouched: Any = None

    @property
    def as_made(self) -> Any:
        """The value as it was when it was made: itself, or the copy where something was drawn over it since."""
        is_same = self.untouched is None or _content(self.value) == _content(self.untouched)
        return self.value if is_same else self.untouched


def is_picture(value: object) -> bool:
    """Whether a value is one picture, by its type."""
    from PIL import Image

    return isinstance(value, Image.Image | np.ndarray | bytes | bytearray | str | os.PathLike)


def hold(value: Any, *, prompt: str, seed: int | None) -> Held:
    """Reads one value.

    Raises:
        GeneratorError: it is no picture, or one that cannot be read.
    """
    data: bytes | None = None
    if isinstance(value, bytearray):
        value = bytes(value)
    try:
        if not is_picture(value):
            raise TypeError(f"got {type(value).__name__}")
        if isinstance(value, str | os.PathLike):
            picture = open_picture(value)
            data = Path(value).read_bytes()
        else:
            picture = open_picture(value, name=MEMORY_PATH)
    except (PictureError, TypeError, OSError) as error:
        raise GeneratorError(f"the wrapped generator: expected {EXPECTED}; {error}") from error
    untouched = None if isinstance(value, str | os.PathLike | bytes) else value.copy()
    return Held(value=value, data=data, picture=with_source(picture, prompt=prompt, seed=seed), untouched=untouched)


def _content(value: np.ndarray | Image.Image) -> tuple[object, bytes]:
    """Returns form and bytes of pixels. Ordinary bytes: unlike arrays, they are equal where nan stands for nan."""
    return (value.shape if isinstance(value, np.ndarray) else (value.mode, value.size)), value.tobytes()


def with_source(picture: Picture, *, prompt: str, seed: int | None) -> Picture:
    """Returns the picture with its prompt, so that the policy's prompt rules hold for pictures without metadata too."""
    known = picture.source
    if not prompt or (known is not None and known.prompt):
        return picture
    if known is not None:  # metadata that tells a seed or a generator, and no prompt
        return replace(picture, source=replace(known, prompt=prompt))
    source = GenerationSource(generator=None, prompt=prompt, seed=None if seed is None else str(seed))
    return replace(picture, source=source)


def give_back(held: Held, repair: Repair | None, notes: list[str]) -> Any:
    """Returns the value for the caller: the one that was kept, of the type that came.

    A path whose file was written over by a later attempt gets its bytes back. A repaired picture is a new file beside it.

    Args:
        held: the kept attempt.
        repair: of it, or None.
        notes: what the report should say besides; added to.
    """
    if repair is not None:
        return _repaired_value(held, repair, notes)
    if held.data is not None and _read(Path(held.value)) != held.data:
        notes.append(f"A later attempt had written over {held.value}; it holds the kept picture again.")
        _write(Path(held.value), held.data)
    if (value := held.as_made) is not held.value:
        notes.append(
            "A later attempt had drawn over the picture that the generator handed over; this is a copy of the kept one."
        )
    return value


def _repaired_value(held: Held, repair: Repair, notes: list[str]) -> Any:
    from PIL import Image

    value, judged = held.as_made, held.picture.pixels
    if isinstance(value, np.ndarray):
        return repaired_array(value, judged, repair.pixels, notes)
    if isinstance(value, Image.Image):
        return repaired_image(value, judged, repair.pixels, notes)
    data = held.data if held.data is not None else held.value
    if repair.as_file is not None:
        data, lost = repair.as_file(data)
        notes += lost
    else:
        data = repaired_png(data, judged, repair.pixels, notes)
    if held.data is None:
        return data
    target = new_file_beside(Path(held.value), data)
    return str(target) if isinstance(held.value, str) else target


def new_file_beside(path: Path, data: bytes) -> Path:
    """Writes a new file beside one, under a name that nothing has yet (`a.repaired.png`, `a.repaired-2.png`), and returns it."""
    number = 1
    while True:
        target = path.with_name(f"{path.stem}.repaired{'' if number == 1 else f'-{number}'}.png")
        try:
            with target.open("xb") as file:
                file.write(data)
        except FileExistsError:
            number += 1
            continue
        except OSError as error:
            target.unlink(missing_ok=True)
            raise GeneratorError(
                f"{target}: expected to write the repaired picture there, got: {error.strerror or error}"
            ) from error
        return target


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _write(path: Path, data: bytes) -> None:
    """Writes a file as a whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        raise GeneratorError(
            f"{path}: expected to write the kept picture there, got: {error.strerror or error}"
        ) from error
    finally:
        part.unlink(missing_ok=True)
