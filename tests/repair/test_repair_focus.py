"""Crop, enlarge, paint, shrink, blend: outside the feathered mask not one bit changes, whatever is painted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limbfix.digits import Mask as Patch
from limbfix.errors import RepairError
from limbfix.repair.focus import composite, focus_on, request_pixels


def noise(height: int, width: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def patch_of(left: int, top: int, width: int, height: int) -> Patch:
    return Patch(left=left, top=top, pixels=np.ones((height, width), bool))


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return (before != after).any(axis=2)


def whole_alpha(focus, shape) -> np.ndarray:
    alpha = np.zeros(shape[:2], np.float32)
    alpha[focus.window] = focus.alpha
    return alpha


@settings(max_examples=40, deadline=None)
@given(
    size=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    place=st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)),
    native=st.sampled_from([None, 64, 128]),
    multiple=st.sampled_from([1, 8, 16]),
)
def test_outside_the_mask_no_bit_changes_wherever_the_region_lies(size, place, native, multiple):
    width, height = size
    left, top = int(place[0] * (width - 1)), int(place[1] * (height - 1))
    patch = patch_of(left, top, 1 + int(place[2] * (width - left - 1)), 1 + int(place[3] * (height - top - 1)))
    before = noise(height, width)
    focus = focus_on(patch, width, height, native_px=native, multiple=multiple)
    pixels, mask = request_pixels(before, focus)
    assert pixels.shape[:2] == mask.edit.shape == (focus.size_wh[1], focus.size_wh[0])
    assert focus.size_wh[0] % multiple == focus.size_wh[1] % multiple == 0
    after = composite(before, 255 - pixels, focus)
    assert after.shape == before.shape and after.dtype == np.uint8
    assert not changed(before, after)[whole_alpha(focus, before.shape) == 0].any()


def test_the_region_itself_is_painted_and_its_border_fades():
    before = np.zeros((200, 200, 3), np.uint8)
    focus = focus_on(patch_of(80, 80, 40, 40), 200, 200)
    after = composite(before, np.full((focus.size_wh[1], focus.size_wh[0], 3), 255, np.uint8), focus)
    assert (after[80:120, 80:120] == 255).all()
    row = after[100, 60:81, 0].astype(int)
    assert row[0] == 0 and row[-1] == 255 and (np.diff(row) >= 0).all()
    assert 2 <= ((row > 0) & (row < 255)).sum() <= 6


def test_a_region_at_the_border_of_the_picture_is_painted_up_to_it():
    before = np.zeros((100, 100, 3), np.uint8)
    focus = focus_on(patch_of(0, 0, 30, 30), 100, 100)
    after = composite(before, np.full((focus.size_wh[1], focus.size_wh[0], 3), 255, np.uint8), focus)
    assert (after[:30, :30] == 255).all()


def test_a_picture_of_one_pixel_is_a_region():
    focus = focus_on(patch_of(0, 0, 1, 1), 1, 1, native_px=64, multiple=16)
    assert focus.size_wh == (64, 64)
    after = composite(np.zeros((1, 1, 3), np.uint8), np.full((64, 64, 3), 9, np.uint8), focus)
    assert after.tolist() == [[[9, 9, 9]]]


def test_a_mask_that_covers_everything_paints_everything():
    focus = focus_on(patch_of(0, 0, 50, 40), 50, 40)
    assert (focus.alpha == 1).all()


def test_an_empty_mask_is_an_error_and_no_repair():
    with pytest.raises(RepairError, match="empty"):
        focus_on(Patch(left=3, top=3, pixels=np.zeros((5, 5), bool)), 50, 40)


def test_the_window_shows_the_context_that_a_painter_needs():
    focus = focus_on(patch_of(450, 450, 100, 60), 1000, 1000)
    rows, columns = focus.alpha.shape
    assert 2.5 <= rows / 100 <= 3 and 2.5 <= columns / 100 <= 3


def test_the_window_is_enlarged_to_the_native_size_and_a_multiple():
    focus = focus_on(patch_of(400, 400, 50, 50), 1000, 1000, native_px=512, multiple=16)
    assert focus.size_wh == (512, 512)
    tall = focus_on(patch_of(0, 400, 50, 50), 60, 1000, native_px=512, multiple=16)
    assert max(tall.size_wh) == 512 and tall.size_wh[0] % 16 == 0


def test_a_region_does_not_grow_onto_what_must_stay():
    stays = np.zeros((200, 200), bool)
    stays[:, :80] = True
    free = focus_on(patch_of(80, 80, 40, 40), 200, 200)
    spared = focus_on(
        patch_of(80, 80, 40, 40),
        200,
        200,
        kept=lambda left, top, shape: stays[top : top + shape[0], left : left + shape[1]],
    )
    assert (whole_alpha(free, (200, 200))[100, 70:80] > 0).sum() >= 4
    assert (whole_alpha(spared, (200, 200))[100, 70:80] > 0).sum() <= 1
    assert (whole_alpha(spared, (200, 200)) > 0)[100, 120:124].all()


def test_a_large_picture_costs_a_window_and_one_copy():
    """8,192 px: the crop for a painter stays at its own size, and no array but the copy has the picture's."""
    import tracemalloc

    before = np.zeros((8192, 8192, 3), np.uint8)
    tracemalloc.start()
    focus = focus_on(patch_of(4000, 4000, 300, 300), 8192, 8192, native_px=512, multiple=16)
    pixels, _ = request_pixels(before, focus)
    after = composite(before, pixels, focus)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after.shape == before.shape
    assert peak < before.nbytes + (80 << 20)


def test_a_large_region_is_worked_on_reduced():
    focus = focus_on(patch_of(1000, 1000, 2000, 2000), 8192, 8192)
    assert max(focus.size_wh) <= 1536
