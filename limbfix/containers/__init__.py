"""What is inside the bytes of a picture file, before anything is decoded?

PNG, JPEG and WebP are taken apart here by their own framing, which answers four questions cheaply and without trusting
anything: which format is it, how many pixels does it promise, is it all there, and which bytes are pixels. A decoder
then gets a copy with only the parts that make pixels, so no metadata parser but ours meets a stranger's metadata.

It cannot tell whether bytes in the middle of the pixels were changed in a way for which the format has no checksum
(JPEG, WebP).
"""

from __future__ import annotations

from limbfix.containers.contents import Container, Limits
from limbfix.containers.jpeg import read_jpeg
from limbfix.containers.png import read_png
from limbfix.containers.signatures import HEAD_BYTES, sniff
from limbfix.containers.webp import read_webp

__all__ = ["HEAD_BYTES", "Container", "Limits", "read_container", "sniff"]

_READERS = {"PNG": read_png, "JPEG": read_jpeg, "WEBP": read_webp}


def read_container(data: bytes, limits: Limits) -> Container:
    """Takes the bytes of a PNG, JPEG or WebP file apart.

    Raises:
        UnsupportedFormat: another format, or a kind of JPEG that no decoder here reads.
        PictureTooLarge: the header promises more than the limits; nothing was inflated or decoded.
        UnreadablePicture: cut off, damaged where the format can tell, or its metadata is a decompression bomb.
    """
    return _READERS[sniff(data[:HEAD_BYTES])](data, limits)
