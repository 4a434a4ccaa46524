from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import time
import warnings
import zlib
from pathlib import Path

import numpy as np
import picture_files as files
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from limbfix.errors import PictureError, PictureTooLarge, UnreadablePicture, UnsupportedFormat
from limbfix.geometry import Box
from limbfix.images import Picture, crop_pixels, open_picture, resized

SHARED_PICTURES = Path("/work/shared/data/ai_images")


def difference(a: np.ndarray, b: np.ndarray) -> int:
    assert a.shape == b.shape
    return int(np.abs(a.astype(int) - b).max())


@pytest.fixture
def lenient_pillow(monkeypatch):
    """An embedding program that asked Pillow to decode truncated files."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)


# -- what comes out ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_lossless_file_gives_its_very_pixels(kind, tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(files.encoded(files.scene(), kind))
    picture = open_picture(path)
    assert np.array_equal(picture.pixels, np.asarray(files.scene()))
    assert (picture.width, picture.height, picture.path, picture.notes) == (64, 48, str(path), ())


def test_jpeg_gives_what_pillow_gives():
    data = files.encoded(files.scene(), "JPEG")
    assert np.array_equal(open_picture(data).pixels, np.asarray(Image.open(io.BytesIO(data))))


def test_sha256_is_of_the_files_bytes(tmp_path):
    data = files.with_text(files.scene(), parameters="a hand")
    (tmp_path / "a.png").write_bytes(data)
    assert open_picture(tmp_path / "a.png").sha256 == open_picture(data).sha256 == hashlib.sha256(data).hexdigest()


def test_sha256_of_arrays_depends_on_pixels_and_shape_only():
    pixels = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(6, 4, 3)
    same, reshaped = open_picture(Image.fromarray(pixels)), open_picture(pixels.reshape(4, 6, 3))
    assert open_picture(pixels).sha256 == same.sha256 != reshaped.sha256


def test_pixels_cannot_be_written_and_do_not_follow_the_callers_array():
    array = np.zeros((8, 8, 3), dtype=np.uint8)
    picture = open_picture(array)
    array[:] = 255
    assert not picture.pixels.any()
    with pytest.raises(ValueError, match="read-only"):
        picture.pixels[0, 0] = 1


def test_the_callers_image_stays_as_it_was():
    image = files.scene().convert("RGBA")
    image.putalpha(40)
    before = image.tobytes()
    open_picture(image)
    assert (image.mode, image.tobytes()) == ("RGBA", before)


def test_name_replaces_the_path():
    assert open_picture(files.encoded(files.scene())).path == "<memory>"
    assert open_picture(files.encoded(files.scene()), name="batch 3").path == "batch 3"


def test_source_is_read_from_text_chunks():
    text = "a cat\nNegative prompt: dog\nSteps: 20, Sampler: Euler, Seed: 42, Model: sd15, Version: v1.10.1"
    source = open_picture(files.with_text(files.scene(), parameters=text)).source
    assert source is not None
    assert (source.generator, source.prompt, source.seed) == ("AUTOMATIC1111 (sd15)", "a cat", "42")


@pytest.mark.skipif(not SHARED_PICTURES.is_dir(), reason="no /work/shared/data on this machine")
def test_every_sampled_generated_picture_opens_as_pillow_opens_it():
    paths = sorted(SHARED_PICTURES.rglob("*.jpg"))[::60]
    assert paths
    for path in paths:
        assert np.array_equal(open_picture(path).pixels, np.asarray(Image.open(path).convert("RGB"))), path


# -- R1 formats -------------------------------------------------------------------------------------------------------


@pytest.fixture
def _no_programs(monkeypatch):
    """Starting any program fails in a way that no error handling for pictures catches."""

    def refuse(*_args, **_options):
        pytest.fail("a program was started")

    monkeypatch.setattr(subprocess.Popen, "__init__", refuse)
    for name in ("system", "fork", "forkpty", "posix_spawn", "posix_spawnp", "execv", "execve"):
        monkeypatch.setattr(os, name, refuse)


@pytest.mark.usefixtures("_no_programs")
@pytest.mark.parametrize("kind", files.FOREIGN)
def test_foreign_bytes_named_png_are_refused_by_name_at_once_without_another_program(kind, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(files.FOREIGN[kind])
    start = time.process_time()
    with pytest.raises(UnsupportedFormat, match=kind) as caught:
        open_picture(path)
    assert time.process_time() - start < 0.2
    assert "PNG, JPEG or WebP" in str(caught.value)


@pytest.mark.parametrize("kind", files.FORMATS)
def test_the_suffix_counts_for_nothing(kind, tmp_path):
    path = tmp_path / "a.gif"
    path.write_bytes(files.encoded(files.scene(), kind))
    assert open_picture(path).width == 64


def test_an_image_of_a_format_that_pillow_has_not_decoded_is_refused():
    lazy = Image.open(io.BytesIO(files.FOREIGN["BMP"]))
    with pytest.raises(UnsupportedFormat, match="BMP"):
        open_picture(lazy)
    lazy.load()
    assert open_picture(lazy).width == 64


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (np.zeros((4, 4, 3), dtype=np.float32), TypeError),
        (np.zeros((4, 4, 3), dtype=np.uint16), TypeError),
        (7, TypeError),
        (None, TypeError),
        (np.zeros((4, 4, 2), dtype=np.uint8), UnsupportedFormat),
        (np.zeros((4,), dtype=np.uint8), UnsupportedFormat),
        (np.zeros((0, 4, 3), dtype=np.uint8), UnreadablePicture),
        (Image.new("F", (4, 4)), UnsupportedFormat),
        (Image.new("I", (4, 4)), UnsupportedFormat),
    ],
)
def test_sources_of_unknown_range_or_shape_are_refused(source, error):
    with pytest.raises(error, match="expected"):
        open_picture(source)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3), (5, 7, 4)])
def test_uint8_arrays_of_grey_rgb_and_rgba_are_pictures(shape):
    picture = open_picture(np.full(shape, 255, dtype=np.uint8))
    assert picture.pixels.shape == (5, 7, 3)
    assert (picture.pixels == 255).all()


# -- R2, R3 bombs -----------------------------------------------------------------------------------------------------

_BOMB_SCRIPT = """
import sys, time, psutil
sys.path[:0] = sys.argv[1:3]
import picture_files as files
from limbfix.errors import PictureTooLarge
from limbfix.images import open_picture
open_picture(files.encoded(files.scene()))
bombs = [(files.png_bomb(60_000, 60_000), {}), (files.png_bomb(14_000, 13_000), {}),
         (files.png_bomb(10_000, 9_000), {"max_pixels": 64_000_000})]
import resource
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before = peak()
for data, options in bombs:
    start = time.process_time()
    try:
        open_picture(data, **options)
        sys.exit("judged")
    except PictureTooLarge:
        assert time.process_time() - start < 0.3
assert peak() - before < 64, peak() - before
print("refused")
"""


def test_pixel_bombs_are_refused_from_the_header_within_64_mb_and_100_ms():
    root = Path(__file__).parent
    command = [sys.executable, "-c", _BOMB_SCRIPT, str(root), str(root.parent)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.stdout.strip() == "refused", result.stderr


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_every_format_is_measured_before_it_is_decoded(kind):
    data = files.encoded(files.scene(200, 100), kind)
    assert open_picture(data, max_pixels=20_000).width == 200
    with pytest.raises(PictureTooLarge, match="200 x 100"):
        open_picture(data, max_pixels=19_999)


def test_webp_canvas_bomb_is_refused():
    data = bytearray(files.animated(2, "WEBP"))
    assert data[12:16] == b"VP8X"
    data[24:30] = b"\xff\xff\xff\xff\xff\xff"  # 16,777,216 x 16,777,216
    with pytest.raises(PictureTooLarge):
        open_picture(bytes(data))


def test_arrays_and_images_obey_the_limit_too():
    for source in (np.zeros((10, 10, 3), dtype=np.uint8), Image.new("RGB", (10, 10))):
        with pytest.raises(PictureTooLarge):
            open_picture(source, max_pixels=99)


def test_a_limit_above_pillows_is_kept_without_a_warning():
    data = files.encoded(Image.new("1", (14_000, 6_500)))  # 91 million pixels: Pillow warns from 89 million.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert open_picture(data).width == 14_000


def test_metadata_bomb_is_refused_and_small():
    bomb = files.text_bomb()
    assert len(bomb) < 100_000
    start = time.process_time()
    with pytest.raises(UnreadablePicture, match="metadata"):
        open_picture(bomb)
    assert time.process_time() - start < 1


def test_metadata_bombs_in_parts_and_in_other_chunks_are_refused():
    part = zlib.compress(b"a" * 6_000_000)
    data = files.encoded(files.scene())
    for number in range(3):
        data = files.with_png_chunk(data, b"iTXt", b"key%d\x00\x01\x00\x00\x00" % number + part)
    with pytest.raises(UnreadablePicture, match="metadata"):
        open_picture(data)
    icc = files.with_png_chunk(
        files.encoded(files.scene()), b"iCCP", b"p\x00\x00" + zlib.compress(b"\x00" * 20_000_000)
    )
    with pytest.raises(UnreadablePicture, match="metadata"):
        open_picture(icc)


@pytest.mark.parametrize(
    "chunk",
    [
        (b"zTXt", b"parameters\x00\x00not zlib"),
        (b"iTXt", b"parameters\x00\x01"),
        (b"tEXt", b""),
        (b"eXIf", b"II*\x00\xff\xff\xff\x7f"),
        (b"iCCP", b"no profile"),
        (b"acTL", b"\xff"),
        (b"fdAT", b""),
        (b"zzZz", b"unknown"),
    ],
    ids=lambda chunk: chunk[0].decode(),
)
def test_damaged_metadata_does_not_keep_pixels_from_being_judged(chunk):
    data = files.with_png_chunk(files.encoded(files.scene()), *chunk)
    assert np.array_equal(open_picture(data).pixels, np.asarray(files.scene()))


def test_a_flood_of_chunks_or_scans_ends_soon():
    png = files.encoded(files.scene())
    jpeg = files.encoded(files.scene(), "JPEG", progressive=True)
    last_scan = jpeg[jpeg.rfind(b"\xff\xda") : -2]
    floods = [
        png[:33] + files.png_chunk(b"aaAa", b"") * 400_000 + png[33:],
        jpeg[:2] + b"\xff\xe5\x00\x02" * 2_000_000 + jpeg[2:],
        jpeg[:2] + b"\xff" * 10_000_000 + jpeg[2:],
        jpeg[:-2] + b"\xff\xc4\x00\x02" * 2_000_000 + jpeg[-2:],
        jpeg[:-2] + last_scan * 100 + jpeg[-2:],
    ]
    for flood in floods:
        start = time.process_time()
        with pytest.raises(PictureError):
            open_picture(flood)
        assert time.process_time() - start < 5


def test_global_settings_of_pillow_are_left_alone_and_have_no_say(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", False)  # whatever another library made of it
    open_picture(files.encoded(files.scene(), "JPEG"))
    open_picture(files.encoded(files.scene()))
    assert Image.MAX_IMAGE_PIXELS == 100
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_an_animation_that_hides_the_picture_that_would_be_judged_is_refused():
    still, first, second = files.scene(seed=1), files.scene(seed=2), files.scene(seed=3)
    for hidden in ([first], [first, second]):
        data = files.encoded(still, save_all=True, append_images=hidden, default_image=True)
        with pytest.raises(UnsupportedFormat, match="the picture that is judged"):
            open_picture(data)
    assert open_picture(files.animated(3)).notes[0] == "animated: first of 3 frames judged"


# -- R4 truncation ----------------------------------------------------------------------------------------------------

_WHOLE_FILES = {
    "png": files.encoded(files.noise()),
    "png-palette": files.encoded(files.noise().convert("P")),
    "png-text": files.with_text(files.noise(), parameters="a cat", workflow="{}"),
    "apng": files.animated(4),
    "jpeg": files.encoded(files.noise(), "JPEG"),
    "jpeg-grey": files.encoded(files.noise().convert("L"), "JPEG"),
    "jpeg-progressive": files.encoded(files.noise(), "JPEG", progressive=True),
    "jpeg-exif": files.oriented(files.noise(), 6, "JPEG"),
    "jpeg-cmyk": files.encoded(files.noise().convert("CMYK"), "JPEG"),
    "webp": files.encoded(files.noise(), "WEBP"),
    "webp-lossy": files.encoded(files.noise(), "WEBP", lossless=False),
    "webp-exif": files.oriented(files.noise(), 3, "WEBP", lossless=False),
    "webp-animated": files.animated(4, "WEBP"),
}


PHOTO = Path(__file__).parents[1] / "examples" / "pictures" / "third_arm.jpg"


def _damaged(name: str) -> bytes:
    image = Image.open(PHOTO).convert("RGB").resize((256, 256))
    whole = files.encoded(image, "JPEG", progressive=name == "progressive")
    begin, end = int(0.4 * len(whole)), b"\xff\xd9"
    return {
        "cut": whole[:begin] + end,
        "zeros inside": whole[:begin] + bytes(1000) + whole[begin + 1000 :],
        "zeros to the end": whole[:begin] + bytes(len(whole) - begin - 2) + end,
        "noise inside": whole[:begin] + bytes(range(255)) * 4 + whole[begin + 1020 :],
        "progressive": whole[:begin] + end,
    }[name]


@pytest.mark.parametrize("name", ["cut", "zeros inside", "zeros to the end", "noise inside", "progressive"])
def test_a_jpeg_whose_pixels_are_damaged_is_refused_though_it_ends_as_it_should(name):
    with pytest.raises(UnreadablePicture, match="Corrupt JPEG data"):
        open_picture(_damaged(name))


def test_a_little_padding_before_the_end_of_a_jpeg_harms_nothing():
    whole = files.encoded(files.noise(), "JPEG")
    padded = whole[:-2] + bytes(12) + whole[-2:]
    assert np.array_equal(open_picture(padded).pixels, open_picture(whole).pixels)


def _cuts(length: int, count: int = 99) -> list[int]:
    even = np.linspace(0, length - 1, count).astype(int).tolist()
    return sorted({*even, *range(min(16, length)), *range(length - 13, length)})


def _judged_otherwise_than_whole(whole: bytes) -> list[int]:
    pixels, wrong = open_picture(whole).pixels, []
    for cut in _cuts(len(whole)):
        try:
            judged = open_picture(whole[:cut]).pixels
        except UnreadablePicture:
            continue
        if not np.array_equal(judged, pixels):
            wrong.append(cut)
    return wrong


@pytest.mark.parametrize("name", _WHOLE_FILES)
def test_a_file_cut_anywhere_is_unreadable_or_gives_all_of_its_pixels(name):
    assert _judged_otherwise_than_whole(_WHOLE_FILES[name]) == []


@pytest.mark.usefixtures("lenient_pillow")
@pytest.mark.parametrize("name", _WHOLE_FILES)
def test_a_cut_file_is_not_judged_even_where_the_program_lets_pillow_decode_truncated_files(name):
    assert _judged_otherwise_than_whole(_WHOLE_FILES[name]) == []


def _png_with_half_its_rows(image: Image.Image) -> bytes:
    """A PNG without a fault in its chunks, whose compressed pixels end early."""
    rows = b"".join(b"\x00" + row.tobytes() for row in np.asarray(image))
    packed = zlib.compress(rows)
    whole = files.png_file(*image.size, 8, 2, rows)
    return whole.replace(files.png_chunk(b"IDAT", packed), files.png_chunk(b"IDAT", packed[: len(packed) // 2]))


@pytest.mark.parametrize("is_lenient", [False, True])
def test_pixels_that_end_early_in_a_well_formed_file_are_unreadable(is_lenient, monkeypatch):
    data = _png_with_half_its_rows(files.noise())
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", is_lenient)
    if is_lenient:  # The danger is real: this is what the embedding program itself would see.
        assert Image.open(io.BytesIO(data)).convert("RGB").size == (64, 48)
    with pytest.raises(UnreadablePicture):
        open_picture(data)
    with pytest.raises(UnreadablePicture):
        open_picture(Image.open(io.BytesIO(data)))
    assert ImageFile.LOAD_TRUNCATED_IMAGES is is_lenient


@pytest.mark.parametrize(("rows", "is_interlaced"), [(24, False), (47, False), (24, True), (44, True)])
def test_rows_that_were_never_written_are_missed_in_a_file_without_any_other_fault(rows, is_interlaced):
    """As a writer leaves it that gives up and closes its file: whole compressed data of too few rows. Pillow makes the others black."""
    pixels = np.asarray(files.noise())
    if is_interlaced:
        left_top_steps = (
            (0, 0, 8, 8),
            (4, 0, 8, 8),
            (0, 4, 4, 8),
            (2, 0, 4, 4),
            (0, 2, 2, 4),
            (1, 0, 2, 2),
            (0, 1, 1, 2),
        )
        lines = [line for left, top, right, down in left_top_steps for line in pixels[top::down, left::right]]
    else:
        lines = list(pixels)
    packed = [b"\x00" + line.tobytes() for line in lines]
    whole, part = (_maybe_interlaced(b"".join(some), is_interlaced) for some in (packed, packed[: rows - len(pixels)]))
    assert np.array_equal(open_picture(whole).pixels, pixels)
    with pytest.raises(UnreadablePicture, match="in its pixels"):
        open_picture(part)


def _maybe_interlaced(rows: bytes, is_interlaced: bool) -> bytes:
    plain = files.png_file(64, 48, 8, 2, rows)
    header = plain[16:28] + bytes([is_interlaced])
    return plain[:8] + files.png_chunk(b"IHDR", header) + plain[33:]


def test_a_picture_that_ends_in_black_is_whole():
    for mode in ("1", "L", "P", "RGB", "RGBA", "I;16"):
        picture = Image.new(mode, (9, 7))
        assert open_picture(files.encoded(picture)).pixels.shape == (7, 9, 3)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_download_that_ends_in_zeros_is_unreadable(kind):
    whole = files.encoded(files.noise(), kind)
    for cut in _cuts(len(whole), 20):
        if cut < len(whole.rstrip(b"\x00")):
            with pytest.raises(UnreadablePicture):
                open_picture(whole[:cut].ljust(len(whole), b"\x00"))


def test_a_changed_pixel_byte_of_a_png_is_unreadable():
    data = bytearray(files.encoded(files.noise()))
    data[data.index(b"IDAT") + 2000] ^= 1
    with pytest.raises(UnreadablePicture, match="checksum"):
        open_picture(bytes(data))


def test_bytes_behind_the_picture_do_no_harm():
    for kind in files.FORMATS:
        data = files.encoded(files.scene(), kind)
        assert np.array_equal(open_picture(data + b"PK\x03\x04" * 50).pixels, open_picture(data).pixels)


# -- files that are none ----------------------------------------------------------------------------------------------


def test_folders_pipes_devices_and_missing_files_are_unreadable_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "pipe.png")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    for path in ("pipe.png", "link.png", "loop.png", "missing.png", "", "a\x00b.png", "n" * 300 + ".png"):
        start = time.process_time()
        with pytest.raises(UnreadablePicture, match="expected"):
            open_picture(tmp_path / path if path else tmp_path)
        assert time.process_time() - start < 0.5
    for device in ("/dev/zero", "/dev/stdin"):
        if Path(device).exists() and not Path(device).is_file():
            with pytest.raises(UnreadablePicture, match="expected"):
                open_picture(device)


def test_a_file_of_600_mb_is_refused_unread(tmp_path):
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.write(files.encoded(files.scene()))
        file.truncate(600 << 20)  # Sparse: takes no room on the disk.
    start = time.process_time()
    with pytest.raises(PictureTooLarge, match="512 MiB"):
        open_picture(path)
    assert time.process_time() - start < 0.3


def test_an_error_names_its_picture_in_a_note_that_is_safe_to_print(tmp_path):
    with pytest.raises(UnreadablePicture) as caught:
        open_picture(tmp_path / "a\x1b[2Jb.png")
    assert caught.value.__notes__ == [f"picture: {tmp_path}/a\\x1b[2Jb.png"]


# -- R6 the way up ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", files.FORMATS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_exif_orientations_give_the_same_upright_pixels(orientation, kind):
    upright = files.scene(64, 48)
    picture = open_picture(files.oriented(upright, orientation, kind))
    allowed = 0 if kind != "JPEG" else 16  # JPEG rounds other blocks of a turned picture.
    assert difference(picture.pixels, np.asarray(upright)) <= allowed
    lazy = Image.open(io.BytesIO(files.oriented(upright, orientation, kind)))
    assert np.array_equal(open_picture(lazy).pixels, picture.pixels)


@pytest.mark.parametrize("kind", files.FORMATS)
def test_jpeg_and_lossless_files_are_turned_the_same_way(kind):
    upright = Image.fromarray(np.kron([[0, 80, 160], [240, 120, 40]], np.ones((16, 16))).astype(np.uint8))
    for orientation in range(1, 9):
        pixels = open_picture(files.oriented(upright.convert("RGB"), orientation, kind)).pixels
        assert difference(pixels[:, :, 0], np.asarray(upright)) <= 4


@pytest.mark.parametrize("value", [0, 9, 300])
def test_an_invalid_orientation_counts_as_upright(value):
    exif = Image.Exif()
    exif[files.EXIF_ORIENTATION] = value
    assert open_picture(files.encoded(files.scene(), exif=exif)).width == 64


# -- R7 colour modes --------------------------------------------------------------------------------------------------


def _twins() -> dict[str, tuple[bytes, np.ndarray, int]]:
    """File, the 8-bit sRGB pixels it must give, and by how much they may differ."""
    rgb = files.scene()
    grey = rgb.convert("L")
    as_rgb = np.asarray(rgb)
    opaque = rgb.copy()
    opaque.putalpha(255)
    return {
        "L": (files.encoded(grey), np.asarray(grey.convert("RGB")), 0),
        "L jpeg": (files.encoded(grey, "JPEG"), np.asarray(grey.convert("RGB")), 8),
        "1": (files.encoded(grey.convert("1")), np.asarray(grey.convert("1").convert("RGB")), 0),
        "P": (files.encoded(rgb.quantize(64)), np.asarray(rgb.quantize(64).convert("RGB")), 0),
        "LA": (files.encoded(grey.convert("LA")), np.asarray(grey.convert("RGB")), 0),
        "RGBA": (files.encoded(opaque), as_rgb, 0),
        "RGBA webp": (files.encoded(opaque, "WEBP"), as_rgb, 0),
        "16-bit RGB": (files.rgb_16bit(rgb), as_rgb, 0),
        "Display-P3": (files.in_display_p3(rgb), as_rgb, 8),
        "sRGB profile": (files.encoded(rgb, icc_profile=files.srgb_profile()), as_rgb, 0),
        "grey with RGB profile": (
            files.encoded(grey, icc_profile=files.srgb_profile()),
            np.asarray(grey.convert("RGB")),
            0,
        ),
    }


@pytest.mark.parametrize("mode", _twins())
def test_every_colour_mode_gives_the_pixels_of_its_srgb_twin(mode):
    data, expected, allowed = _twins()[mode]
    picture = open_picture(data)
    assert difference(picture.pixels, expected) <= allowed
    assert picture.notes == ()


def test_display_p3_read_as_srgb_would_be_visibly_wrong():
    stored = np.asarray(Image.open(io.BytesIO(files.in_display_p3(files.scene()))))
    assert difference(stored, np.asarray(files.scene())) > 30


def test_16_bit_grey_keeps_its_ramp():
    pixels = open_picture(files.grey_ramp_16bit()).pixels
    assert (pixels == 255).mean() <= 0.01
    assert difference(pixels[0, :, 0], np.linspace(0, 255, 1024)) <= 1


def test_adobe_cmyk_jpeg_is_not_inverted():
    for inks, rgb in {(0, 0, 0, 0): (255, 255, 255), (0, 255, 255, 0): (255, 0, 0), (0, 0, 0, 255): (0, 0, 0)}.items():
        data = files.encoded(Image.new("CMYK", (16, 16), inks), "JPEG")
        assert b"Adobe" in data
        assert difference(open_picture(data).pixels, np.broadcast_to(rgb, (16, 16, 3))) <= 3


_PALETTE = files.png_chunk(b"PLTE", bytes([0, 0, 0, 9, 9, 9]))


@pytest.mark.parametrize(
    ("color", "depth", "extra", "row"),
    [
        (
            3,
            8,
            files.png_chunk(b"PLTE", bytes([0, 0, 0, 9, 9, 9])) + files.png_chunk(b"tRNS", b"\x00\xff"),
            b"\x00\x01",
        ),
        (3, 8, files.png_chunk(b"PLTE", bytes([0, 0, 0, 9, 9, 9])) + files.png_chunk(b"tRNS", b"\x00"), b"\x00\x01"),
        (0, 8, files.png_chunk(b"tRNS", b"\x00\x00"), b"\x00\x09"),
        (0, 4, files.png_chunk(b"tRNS", b"\x00\x03"), b"\x31"),
        (0, 2, files.png_chunk(b"tRNS", b"\x00\x02"), b"\x90"),
        (0, 1, files.png_chunk(b"tRNS", b"\x00\x00"), b"\x40"),
        (0, 16, files.png_chunk(b"tRNS", b"\x00\x05"), b"\x00\x05\x09\x00"),
        (2, 8, files.png_chunk(b"tRNS", b"\x00\x01\x00\x02\x00\x03"), b"\x01\x02\x03\x09\x09\x09"),
        (4, 8, b"", b"\x00\x00\x09\xff"),
        (4, 16, b"", b"\x00\x00\x00\x00\x09\x00\xff\xff"),
        (6, 8, b"", b"\x00\x00\x00\x00\x09\x09\x09\xff"),
        (6, 16, b"", b"\x00" * 8 + b"\x09\x00" * 3 + b"\xff\xff"),
    ],
)
def test_transparent_pixels_become_white_and_are_noted(color, depth, extra, row):
    picture = open_picture(files.png_file(2, 1, depth, color, b"\x00" + row, extra))
    assert picture.pixels[0, 0].tolist() == [255, 255, 255]
    assert picture.pixels[0, 1].tolist() == [{4: 17, 2: 85, 1: 255}.get(depth, 9)] * 3
    assert picture.notes == ("transparent: judged on a white background",)


def test_half_transparent_pixels_are_mixed_with_white():
    assert open_picture(np.array([[[0, 100, 200, 51]]], dtype=np.uint8)).pixels[0, 0].tolist() == [204, 224, 244]


@pytest.mark.parametrize(
    "profile", [b"garbage", files.p3_profile()[:200], files.p3_profile().replace(b"RGB ", b"CMYK")]
)
def test_a_broken_or_unfitting_profile_is_ignored_with_a_note(profile):
    picture = open_picture(files.encoded(files.scene(), "JPEG", icc_profile=profile))
    plain = open_picture(files.encoded(files.scene(), "JPEG"))
    assert np.array_equal(picture.pixels, plain.pixels)
    assert [note.split(":")[0] for note in picture.notes] == ["colour profile ignored"]


@pytest.mark.parametrize("kind", files.FORMATS)
def test_profiles_are_read_from_every_format(kind):
    data = files.encoded(files.scene(), kind, icc_profile=files.p3_profile())
    with_profile = open_picture(data).pixels
    assert difference(with_profile, open_picture(files.encoded(files.scene(), kind)).pixels) > 20
    assert np.array_equal(open_picture(Image.open(io.BytesIO(data))).pixels, with_profile)


def test_a_grey_profile_applies_to_grey_pixels():
    data = files.encoded(Image.new("L", (4, 4), 55), icc_profile=files.linear_grey_profile())
    assert abs(int(open_picture(data).pixels[0, 0, 0]) - 128) <= 1  # 55 / 255 of the light is sRGB 128.


# -- R8 animated ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
@pytest.mark.parametrize("frames", [2, 12, 256])
def test_the_first_frame_of_an_animation_is_judged_and_noted(kind, frames):
    picture = open_picture(files.animated(frames, kind))
    assert np.array_equal(picture.pixels, np.asarray(files.scene(16, 12, seed=0)))
    assert picture.notes == (f"animated: first of {frames} frames judged",)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_more_frames_than_allowed_are_refused(kind):
    data = files.animated(12, kind)
    assert open_picture(data, max_frames=12).width == 16
    with pytest.raises(PictureTooLarge, match="11 frames"):
        open_picture(data, max_frames=11)


# -- fuzz -------------------------------------------------------------------------------------------------------------

_SEEDS = [*_WHOLE_FILES.values(), files.in_display_p3(files.scene()), files.grey_ramp_16bit(64, 2)]
_EDITS = st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=0, max_size=4), st.integers(0, 4)), max_size=6)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.sampled_from(_SEEDS), edits=_EDITS, fix_checksums=st.booleans())
def test_mutated_files_give_a_picture_or_a_picture_error(seed, edits, fix_checksums):
    data = bytearray(seed)
    for where, new, removed in edits:
        # Most of what can go wrong stands in the first hundred bytes.
        position = int(where**3 * len(data))
        data[position : position + removed] = new
    try:
        picture = open_picture(_checksummed(bytes(data)) if fix_checksums else bytes(data), max_pixels=1_000_000)
    except PictureError as error:
        assert "expected" in str(error)
    else:
        assert picture.pixels.dtype == np.uint8


def _checksummed(data: bytes) -> bytes:
    """The PNG with right checksums, so that a mutation gets past them."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    position, whole = 8, data[:8]
    while position + 12 <= len(data):
        length = int.from_bytes(data[position : position + 4])
        whole += files.png_chunk(data[position + 4 : position + 8], data[position + 8 : position + 8 + length])
        position += 12 + length
    return whole


_MAGICS = [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\xff\x00\x00\x00WEBP"]


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=200), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\xff\x00\x00\x00WEBP"])
)
def test_arbitrary_bytes_give_a_picture_error(body, magic):
    with pytest.raises(PictureError):
        open_picture(magic + body)


# -- crops ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def numbered() -> Picture:
    """A picture of 10 x 8 px whose red is x and whose green is y."""
    x, y = np.meshgrid(np.arange(10), np.arange(8))
    return open_picture(np.stack([x, y, x * 0], axis=2).astype(np.uint8))


def test_a_crop_inside_shows_the_box_rounded_outwards(numbered):
    crop = crop_pixels(numbered, Box(2.4, 1.0, 4.2, 3.5))
    assert crop.box.xyxy == (2, 1, 5, 4)
    assert crop.pixels[:, :, 0].tolist() == [[2, 3, 4]] * 3


def test_beyond_the_picture_there_is_grey_or_its_reflection(numbered):
    grey = crop_pixels(numbered, Box(-2, 6, 2, 10)).pixels
    assert grey[0, :, 0].tolist() == [114, 114, 0, 1]
    assert grey[:, 2, 1].tolist() == [6, 7, 114, 114]
    reflected = crop_pixels(numbered, Box(-2, 6, 2, 10), outside="reflect").pixels
    assert reflected[0, :, 0].tolist() == [2, 1, 0, 1]
    assert reflected[:, 2, 1].tolist() == [6, 7, 6, 5]


@pytest.mark.parametrize("outside", ["grey", "reflect"])
def test_a_box_far_outside_or_around_the_picture_still_gives_its_size(numbered, outside):
    assert crop_pixels(numbered, Box(50, 50, 60, 55), outside=outside).pixels.shape == (5, 10, 3)
    around = crop_pixels(numbered, Box(-30, -30, 40, 40), outside=outside)
    assert around.pixels.shape == (70, 70, 3)
    assert np.array_equal(around.pixels[30:38, 30:40], numbered.pixels)


@pytest.mark.parametrize("box", [Box(0, 0, 0, 5), Box(float("nan"), 0, 5, 5), Box(-1e9, 0, 1e9, 5)])
def test_a_box_without_a_sensible_area_is_refused(numbered, box):
    with pytest.raises(ValueError, match="crop_pixels: expected"):
        crop_pixels(numbered, box)


def test_points_of_a_resized_crop_map_to_the_picture_and_back(numbered):
    crop = crop_pixels(numbered, Box(-1, 2, 5, 5), size_wh=(60, 15))
    points = np.array([[0, 0], [60, 15], [30, 5], [np.nan, 1]])
    mapped = crop.to_picture(points)
    assert mapped[:3].tolist() == [[-1, 2], [5, 5], [2, 3]]
    assert np.isnan(mapped[3, 0])
    assert np.allclose(crop.from_picture(mapped), points, equal_nan=True)


def test_resizing_keeps_flat_colour_and_gives_the_size_asked():
    pixels = np.full((30, 20, 3), 77, dtype=np.uint8)
    for size_wh in ((20, 30), (200, 10), (1, 1), (7, 90)):
        scaled = resized(pixels, size_wh)
        assert scaled.shape == (size_wh[1], size_wh[0], 3)
        assert (scaled == 77).all()


def test_a_picture_of_the_wrong_type_is_refused():
    with pytest.raises(ValueError, match="uint8"):
        Picture(pixels=np.zeros((4, 4, 3), dtype=np.float32), sha256="0" * 64)
