"""What does a picture file hold, in the same words for every format?"""

from __future__ import annotations

from dataclasses import dataclass, field

from limbfix.errors import PictureTooLarge, UnreadablePicture

AGAIN = "render, download or copy it again"
MAX_CHUNKS = 200_000  # 512 MB in the 8 KiB pieces that libpng writes are 65,536 chunks.


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a header may promise: pixels of the canvas, frames of an animation."""

    max_pixels: int
    max_frames: int

    def check_pixels(self, width: int, height: int) -> tuple[int, int]:
        """Returns (width, height) px; raises PictureTooLarge above the limit, UnreadablePicture where one is 0."""
        if width < 1 or height < 1:
            raise UnreadablePicture(f"expected at least 1 x 1 pixels, the header says {width} x {height}; {AGAIN}")
        if width * height > self.max_pixels:
            raise PictureTooLarge(
                f"expected at most {self.max_pixels:,} pixels, the header promises {width:,} x {height:,}; "
                "scale the picture down or raise max_pixels"
            )
        return width, height

    def check_frames(self, frames: int) -> None:
        """Raises PictureTooLarge above the limit."""
        if frames > self.max_frames:
            raise PictureTooLarge(
                f"expected at most {self.max_frames} frames, the file holds {frames} or more; save the frames you want "
                "judged as single pictures, or raise max_frames"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A picture file, taken apart.

    Attributes:
        format: PNG, JPEG or WEBP.
        size_wh: px as stored, before the EXIF orientation.
        pixel_bytes: a file of the same format with all of the pixels and none of the metadata (WebP: unchanged).
        bit_depth: bits per channel as stored.
        frames: 1 for a still picture.
        icc: colour profile, or None.
        exif: EXIF block, or None.
        text: PNG text chunks by keyword; the first wins where a keyword comes twice.
    """

    format: str
    size_wh: tuple[int, int]
    pixel_bytes: bytes
    bit_depth: int = 8
    frames: int = 1
    icc: bytes | None = None
    exif: bytes | None = None
    text: dict[str, str] = field(default_factory=dict)


def cut(kind: str, where: str) -> UnreadablePicture:
    """Returns the error for a file of which bytes are missing or damaged."""
    return UnreadablePicture(f"expected a whole {kind} file, it is cut off or damaged {where}; {AGAIN}")
