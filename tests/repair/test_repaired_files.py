"""What of a file is still there after a repair: every pixel outside it, transparency, profile, resolution, prompt; and what is said."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zlib

import numpy as np
import pytest
from drawn_repairs import Painter, three_hands, white
from picture_files import (
    STORED_AS,
    encoded,
    grey_ramp_16bit,
    oriented,
    p3_profile,
    png_chunk,
    rgb_16bit,
    srgb_profile,
    with_png_chunk,
    with_text,
)
from PIL import Image

from limbfix.errors import OutputError
from limbfix.images import open_picture
from limbfix.repair import repair_picture
from limbfix.repair.files import changed_pixels, repaired_file
from limbfix.sources import read_source

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'
WORKFLOW = json.dumps({"3": {"class_type": "KSampler", "inputs": {"seed": 5}}})


@pytest.fixture
def fixed(gate):
    """Repairs the bytes of a picture; returns (repaired, file, opened by Pillow)."""

    def fix(data: bytes, **options):
        repaired = repair_picture(gate.inspect(data), gate, inpainter=Painter(white))
        assert repaired.is_changed, [attempt.reason for attempt in repaired.attempts]
        file = repaired_file(data, repaired, **options)
        image = Image.open(io.BytesIO(file.data))
        image.load()
        return repaired, file, image

    return fix


def difference(data: bytes, file, changed: np.ndarray) -> int:
    """The largest difference outside the repair, as any reader sees the two files."""
    before, after = open_picture(data).pixels.astype(int), open_picture(file.data).pixels.astype(int)
    return int(np.abs(before - after)[~changed].max())


def translucent() -> Image.Image:
    image = three_hands().convert("RGBA")
    alpha = np.full((240, 320), 255, np.uint8)
    alpha[:40] = np.linspace(0, 255, 320).astype(np.uint8)
    alpha[120:128, 280:290] = 128  # in the middle of what is repaired
    image.putalpha(Image.fromarray(alpha))
    return image


PARENTS = {
    "png": lambda: encoded(three_hands()),
    "jpeg": lambda: encoded(three_hands(), "JPEG"),
    "webp": lambda: encoded(three_hands(), "WEBP"),
    "grey": lambda: encoded(three_hands().convert("L")),
    "palette": lambda: encoded(three_hands().convert("P", palette=Image.Palette.ADAPTIVE)),
    "transparent": lambda: encoded(translucent()),
    "grey and transparent": lambda: encoded(translucent().convert("LA")),
    "display p3": lambda: encoded(three_hands(), icc_profile=p3_profile()),
    "srgb profile": lambda: encoded(three_hands(), icc_profile=srgb_profile()),
    "cmyk": lambda: encoded(three_hands().convert("CMYK"), "JPEG"),
    "16 bits": lambda: rgb_16bit(three_hands()),
    "turned": lambda: oriented(three_hands(), 6, "JPEG"),
    "turned png": lambda: oriented(three_hands(), 3, "PNG"),
}


@pytest.mark.parametrize("make", PARENTS.values(), ids=PARENTS)
def test_no_pixel_outside_the_repair_changes(fixed, make):
    data = make()
    repaired, file, image = fixed(data)
    assert image.format == "PNG" and file.suffix == ".png"
    assert difference(data, file, changed_pixels(repaired)) == 0
    assert open_picture(file.data).pixels[130, 300].min() > 235


def test_transparency_stays_to_the_bit_in_the_repair_too(fixed):
    data = encoded(translucent())
    _, _, image = fixed(data)
    assert image.mode == "RGBA"
    before, after = np.asarray(Image.open(io.BytesIO(data))), np.asarray(image)
    assert (before[..., 3] == after[..., 3]).all()
    assert (before[:40] == after[:40]).all()


@pytest.mark.parametrize("profile", [p3_profile(), srgb_profile()], ids=["display p3", "srgb"])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_the_colour_profile_travels(fixed, profile, kind):
    _, _, image = fixed(encoded(three_hands(), kind, icc_profile=profile))
    assert image.info["icc_profile"] == profile


def test_a_repair_is_written_in_the_colours_of_the_profile(gate):
    """What the judge saw in sRGB must look the same through the file's own profile."""
    data = encoded(three_hands(), icc_profile=p3_profile())

    def pale_green(request, number):
        return np.where(request.mask.edit[..., None] > 0, np.array([235, 250, 238], np.uint8), request.pixels)

    repaired = repair_picture(gate.inspect(data), gate, inpainter=Painter(pale_green))
    assert repaired.is_changed
    written = open_picture(repaired_file(data, repaired).data).pixels.astype(int)
    assert np.abs(written - repaired.picture.pixels)[changed_pixels(repaired)].max() <= 2


@pytest.mark.parametrize("orientation", sorted(STORED_AS))
def test_a_turned_picture_comes_out_upright_and_says_so(fixed, orientation):
    data = oriented(three_hands(), orientation, "JPEG")
    _, file, image = fixed(data)
    assert image.size == (320, 240)
    assert image.getexif().get(0x0112) in (None, 1)
    assert open_picture(file.data).pixels.shape == (240, 320, 3)


def test_prompt_workflow_and_unknown_safe_chunks_of_a_png_travel(fixed):
    data = with_text(
        three_hands(), parameters="a man\nSteps: 20, Seed: 7, Model: m", workflow=WORKFLOW, prompt=WORKFLOW
    )
    data = with_png_chunk(data, b"tIME", struct.pack(">HBBBBB", 2026, 11, 23, 1, 2, 3))
    data = with_png_chunk(data, b"pHYs", struct.pack(">IIB", 11811, 11811, 1))
    data = with_png_chunk(data, b"myNt", b"safe to copy")
    data = with_png_chunk(data, b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)
    data = with_png_chunk(data, b"iTXt", b"Title\0\0\0de\0Titel\0" + "Größe".encode())
    _, file, image = fixed(data)
    for name in ("parameters", "workflow", "prompt"):
        assert image.info[name] == Image.open(io.BytesIO(data)).info[name]
    assert image.info["Title"] == "Größe" and image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    assert XMP in file.data and b"tIME" in file.data and b"myNtsafe to copy" in file.data
    assert read_source(image.info).seed == "7"
    assert open_picture(file.data).source.prompt == "a man"


def test_a_chunk_that_depends_on_the_pixels_is_named_when_it_goes(fixed):
    data = with_png_chunk(encoded(three_hands()), b"noTE", b"depends on the pixels")
    _, file, _ = fixed(data)
    assert b"noTE" not in file.data
    assert any("noTE" in note for note in file.notes)


def test_exif_xmp_comment_and_resolution_of_a_jpeg_travel(fixed):
    exif = Image.Exif()
    exif[0x0112], exif[0x0131], exif[0x010E] = 6, "A1111", "a man"
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + "a man\nSteps: 20, Seed: 9, Model: m".encode("utf-16-be")
    stored = three_hands().transpose(Image.Transpose.ROTATE_90)
    data = encoded(stored, "JPEG", exif=exif, xmp=XMP, dpi=(144, 144), comment=b"hello")
    _, file, image = fixed(data)
    found = image.getexif()
    assert (found[0x0131], found[0x010E], found[0x0112]) == ("A1111", "a man", 1)
    assert open_picture(file.data).source.seed == "9"
    assert image.info["xmp"] == XMP and image.info["Comment"] == "hello"
    assert image.info["dpi"] == pytest.approx((144, 144), abs=0.1)


def test_exif_and_xmp_of_a_webp_travel(fixed):
    exif = Image.Exif()
    exif[0x0131] = "ComfyUI"
    _, _, image = fixed(encoded(three_hands(), "WEBP", exif=exif, xmp=XMP))
    assert image.getexif()[0x0131] == "ComfyUI" and image.info["xmp"] == XMP


def jpeg_with_c2pa() -> bytes:
    data = encoded(three_hands(), "JPEG")
    body = b"JP\0\x01\0\0\0\x01" + struct.pack(">I", 40) + b"jumb" + struct.pack(">I", 32) + b"jumdc2pa" + b"\0" * 20
    return data[:2] + b"\xff\xeb" + struct.pack(">H", len(body) + 2) + body + data[2:]


def webp_with_c2pa() -> bytes:
    data = encoded(three_hands(), "WEBP", xmp=XMP)
    data += b"C2PA" + struct.pack("<I", 4) + b"jumb"
    return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]


C2PA = {
    "png": lambda: with_png_chunk(encoded(three_hands()), b"caBX", b"jumb"),
    "jpeg": jpeg_with_c2pa,
    "webp": webp_with_c2pa,
}


@pytest.mark.parametrize("make", C2PA.values(), ids=C2PA)
def test_a_c2pa_manifest_is_never_lost_in_silence(fixed, make):
    data = make()
    _, file, image = fixed(data)
    assert file.has_lost_c2pa
    assert b"caBX" not in file.data
    assert json.loads(image.info["limbfix"])["parent_had_c2pa"] is True


def test_the_file_names_its_parent_and_what_was_done(fixed):
    data = encoded(three_hands())
    _, file, image = fixed(data)
    told = json.loads(image.info["limbfix"])
    assert told["parent_sha256"] == hashlib.sha256(data).hexdigest()
    assert told["repaired"] == [{"action": "remove", "codes": ["person.extra_hand"]}]
    assert told["inpainter"] == "test_painter" and told["software"].startswith("limbfix ")
    assert not file.has_lost_c2pa and file.sha256 == hashlib.sha256(file.data).hexdigest()


def test_every_chunk_of_the_file_has_its_checksum(fixed):
    _, file, _ = fixed(with_text(three_hands(), parameters="x"))
    at, kinds = 8, []
    while at < len(file.data):
        (length,) = struct.unpack_from(">I", file.data, at)
        kind, body = file.data[at + 4 : at + 8], file.data[at + 8 : at + 8 + length]
        assert (
            png_chunk(kind, body)[-4:]
            == file.data[at + 8 + length : at + 12 + length]
            == struct.pack(">I", zlib.crc32(kind + body))
        )
        kinds.append(kind)
        at += 12 + length
    assert kinds[0] == b"IHDR" and kinds[-1] == b"IEND"


def test_equal_input_gives_equal_bytes(fixed):
    data = encoded(three_hands())
    assert fixed(data)[1].data == fixed(data)[1].data


def test_a_jpeg_stays_a_jpeg_only_where_asked_and_says_what_it_costs(fixed):
    exif = Image.Exif()
    exif[0x0131] = "A1111"
    profile = srgb_profile()
    data = encoded(three_hands(), "JPEG", exif=exif, dpi=(144, 144), icc_profile=profile)
    _, file, image = fixed(data, kind="jpeg")
    assert image.format == "JPEG" and file.suffix == ".jpg"
    assert image.getexif()[0x0131] == "A1111" and image.info["icc_profile"] == profile
    assert image.info["dpi"] == (144, 144) and b"parent_sha256" in image.info["comment"]
    assert any("every pixel may differ" in note for note in file.notes)


def test_the_comment_of_a_jpeg_stays_in_a_jpeg(fixed):
    """Some generators write their prompt there."""
    data = encoded(three_hands(), "JPEG", quality=95, comment=b"a man, Steps: 20")
    _, _, image = fixed(data, kind="jpeg")
    comments = [body for name, body in image.applist if name == "COM"]
    assert b"a man, Steps: 20" in comments and any(b"parent_sha256" in body for body in comments)


def test_what_cannot_be_kept_of_deep_and_printed_colours_is_said(fixed):
    assert any("16 bits" in note for note in fixed(rgb_16bit(three_hands()))[1].notes)
    assert any("CMYK" in note for note in fixed(PARENTS["cmyk"]())[1].notes)


def test_other_bytes_than_those_judged_are_refused(fixed, gate):
    repaired = repair_picture(gate.inspect(encoded(three_hands())), gate, inpainter=Painter(white))
    with pytest.raises(OutputError, match="changed since"):
        repaired_file(encoded(three_hands(), "JPEG"), repaired)


def test_nothing_kept_is_nothing_to_write(gate):
    data = grey_ramp_16bit()
    repaired = repair_picture(gate.inspect(encoded(three_hands(((70, 60), (200, 150))))), gate)
    with pytest.raises(ValueError, match="kept"):
        repaired_file(data, repaired)
