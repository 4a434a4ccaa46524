"""Maps come back as they went: pixel by pixel, in the file types that other programs expect."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from limbfix.errors import SynthesisError
from limbfix.synthesis import maps
from limbfix.synthesis.samples import PARTS, SURFACES


def noise(shape: tuple[int, ...], top: int, kind: type) -> np.ndarray:
    return np.random.default_rng(3).integers(0, top, shape).astype(kind)


PAIRS = {
    "pixels": (noise((9, 7, 3), 256, np.uint8), lambda a: maps.encode_pixels(a, "png"), maps.decode_pixels),
    "instances": (noise((9, 7), 65536, np.uint16), maps.encode_instances, maps.decode_instances),
    "few instances": (noise((9, 7), 2, np.uint16), maps.encode_instances, maps.decode_instances),
    "parts": (noise((9, 7), len(PARTS), np.uint8), maps.encode_parts, maps.decode_palette),
    "surfaces": (noise((9, 7), len(SURFACES), np.uint8), maps.encode_surfaces, maps.decode_palette),
    "region": (noise((9, 7), 2, np.bool_), maps.encode_region, maps.decode_region),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_map_comes_back_as_it_went(name):
    array, encode, decode = PAIRS[name]
    back = decode(encode(array))
    assert back.dtype == array.dtype
    assert np.array_equal(back, array)
    assert encode(array) == encode(array.copy())


def test_a_mask_of_an_array_in_columns_comes_back_as_it_went():
    region = np.asfortranarray(noise((9, 7), 2, np.bool_))
    assert np.array_equal(maps.decode_region(maps.encode_region(region)), region)


@pytest.mark.parametrize(
    ("data", "mode", "bits"),
    [
        (maps.encode_instances(noise((9, 7), 2, np.uint16)), "I;16", 16),
        (maps.encode_parts(noise((9, 7), 3, np.uint8)), "P", 8),
        (maps.encode_surfaces(noise((9, 7), 3, np.uint8)), "P", 8),
        (maps.encode_region(noise((9, 7), 2, np.bool_)), "1", 1),
    ],
    ids=["instances", "parts", "surfaces", "region"],
)
def test_the_file_has_the_promised_type(data, mode, bits):
    assert Image.open(io.BytesIO(data)).mode == mode
    assert data[24] == bits  # bit depth in the PNG header


def test_a_jpeg_is_close_and_smaller():
    y, x = np.mgrid[0:64, 0:64]
    smooth = np.stack([x * 3, y * 3, 255 - x * 2], -1).astype(np.uint8)
    back = maps.decode_pixels(maps.encode_pixels(smooth, "jpg"))
    assert np.abs(back.astype(int) - smooth).max() < 12


def test_every_part_has_a_colour_of_its_own_and_the_background_is_black():
    colours = maps.palette(len(PARTS))
    assert len({tuple(row) for row in colours}) == len(PARTS)
    assert not colours[0].any()


@pytest.mark.parametrize("data", [b"", b"no picture", maps.encode_region(noise((9, 7), 2, np.bool_))])
def test_other_bytes_are_refused(data):
    with pytest.raises(SynthesisError, match="expected"):
        maps.decode_instances(data)
