"""Which format do the first bytes of a file belong to? Names and suffixes count for nothing."""

from __future__ import annotations

from limbfix.containers.contents import AGAIN
from limbfix.errors import UnreadablePicture, UnsupportedFormat

HEAD_BYTES = 64  # Enough to recognise every format below.
_ALLOWED = "expected PNG, JPEG or WebP"
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_SIGNATURES = (_PNG, _JPEG, b"RIFF")
_FOREIGN = (
    (b"%!PS", "EPS or PostScript"),
    (b"\xc5\xd0\xd3\xc6", "EPS"),
    (b"%PDF", "PDF"),
    (b"8BPS", "PSD"),
    (b"SIMPLE  =", "FITS"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (b"\x8aMNG", "MNG"),
    (b"\x8bJNG", "JNG"),
    (b"qoif", "QOI"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"DDS ", "DDS"),
    (b"\x00\x00\x01\x00", "ICO"),
    (b"PK\x03\x04", "ZIP"),
    (b"\x1f\x8b", "gzip"),
)


def sniff(head: bytes) -> str:
    """Returns PNG, JPEG or WEBP from the first HEAD_BYTES bytes of a file.

    Raises:
        UnsupportedFormat: it is something else; the message says what it looks like.
        UnreadablePicture: it is empty, or ends inside its signature.
    """
    if head.startswith(_PNG):
        return "PNG"
    if head.startswith(_JPEG):
        return "JPEG"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    stub = head.rstrip(b"\x00")  # Zeros: room was made for a download that never came.
    if any(magic.startswith(stub) for magic in _SIGNATURES) or (stub[:4] == b"RIFF" and len(stub) < 12):
        raise UnreadablePicture(f"{_ALLOWED}, the file is empty or ends after {len(stub)} bytes; {AGAIN}")
    raise UnsupportedFormat(f"{_ALLOWED}, this looks like {_foreign_name(head)}; convert it to PNG")


def begins_like_picture(head: bytes) -> bool:
    """Says whether bytes begin like a PNG, a JPEG or a WebP, whatever follows; no list of paths does."""
    return head.startswith((_PNG, _JPEG)) or (head.startswith(b"RIFF") and head[8:12] == b"WEBP")


def _foreign_name(head: bytes) -> str:
    for magic, name in _FOREIGN:
        if head.startswith(magic):
            return name
    if head[4:8] == b"ftyp":
        return "AVIF" if head[8:11] == b"avi" else "HEIC" if head[8:11] in (b"hei", b"mif") else "an ISO media file"
    if head[:4] == b"RIFF":
        return "a RIFF file other than WebP"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<svg", b"<?xml")):
        return "SVG or XML"
    if start.startswith((b"<!doctype", b"<html")):
        return "an HTML page"
    return "no picture format known here"
