"""Masks say the same in every form, a hand has as many digits as were seen, and what could not be counted is no count."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from read_hands import digit, forked, reading

from limbfix.digits import CannotTell, Mask, why_uncounted

WRIST = (50.0, 90.0)


def decoded(mask: Mask, width: int, height: int) -> np.ndarray:
    coco = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed")
    return coco.decode(coco.frPyObjects(mask.rle(width, height), height, width)).astype(bool)


@given(
    pixels=arrays.arrays(bool, st.tuples(st.integers(1, 7), st.integers(1, 7))),
    left=st.integers(0, 5),
    top=st.integers(0, 5),
    right=st.integers(0, 4),
    bottom=st.integers(0, 4),
)
def test_cocos_own_reader_gives_the_mask_back_wherever_it_lies(pixels, left, top, right, bottom):
    width, height = left + pixels.shape[1] + right, top + pixels.shape[0] + bottom
    mask = Mask(left=left, top=top, pixels=pixels)
    code = mask.rle(width, height)
    assert sum(code["counts"]) == width * height
    assert code["size"] == [height, width]
    assert min(code["counts"][1:], default=1) > 0, "only the first run may be empty"
    assert np.array_equal(decoded(mask, width, height), mask.full(width, height))


@pytest.mark.parametrize(
    ("left", "top", "shape"),
    [(0, 0, (4, 6)), (0, 0, (4, 1)), (5, 0, (4, 1)), (0, 3, (1, 6)), (0, 0, (1, 1)), (5, 3, (1, 1))],
)
def test_a_mask_at_the_border_of_a_6_by_4_picture_is_coded_whole(left, top, shape):
    mask = Mask(left=left, top=top, pixels=np.ones(shape, bool))
    assert decoded(mask, 6, 4).sum() == mask.area == shape[0] * shape[1]
    assert np.array_equal(decoded(mask, 6, 4), mask.full(6, 4))


def test_a_mask_that_fills_whole_columns_is_one_run():
    mask = Mask(left=1, top=0, pixels=np.ones((4, 3), bool))
    assert mask.rle(6, 4)["counts"] == [4, 12, 8]


@pytest.mark.parametrize("shape", [(3, 3), (0, 0), (0, 5), (5, 0)])
def test_an_empty_mask_is_one_run_of_nothing(shape):
    mask = Mask(left=1, top=1, pixels=np.zeros(shape, bool))
    assert mask.area == 0
    assert mask.rle(8, 7)["counts"] == [56]
    assert not mask.full(8, 7).any()


def test_a_full_picture_begins_with_an_empty_run():
    assert Mask(left=0, top=0, pixels=np.ones((2, 3), bool)).rle(3, 2) == {"size": [2, 3], "counts": [0, 6]}


@pytest.mark.parametrize("number", [0, 1, 4, 5, 7, 11])
def test_a_hand_has_as_many_digits_as_were_seen(number):
    made = reading(number)
    assert made.visible == made.count == len(made.digits) == number
    assert made.is_counted


def test_a_count_beside_a_reason_not_to_tell_is_no_count():
    assert not reading(5, count=5, cannot_tell=CannotTell.BLURRED).is_counted
    assert not reading(5, count=None).is_counted


@pytest.mark.parametrize(
    ("read", "is_too_small", "why"),
    [
        (None, False, "no_model"),
        (None, True, "too_small"),
        (reading(5), True, "too_small"),
        (reading(5), False, None),
        (reading(3, cannot_tell=CannotTell.CROPPED), False, "cropped"),
        (reading(3, count=None), False, "uncertain"),
    ],
)
def test_what_was_not_counted_has_a_reason(read, is_too_small, why):
    assert why_uncounted(read, is_too_small=is_too_small) == why


# Which digit is too many?


def test_the_fainter_branch_of_a_fork_is_the_extra_one():
    assert forked(6).extra == (5,)
    assert forked(7).extra == (6,), "one fork names one digit, though two are too many"


def test_a_fork_among_five_names_nobody():
    assert forked(5).extra == ()


def test_the_fainter_of_two_thumbs_is_the_extra_one():
    made = reading(5)
    second = digit(5, WRIST, 80, 30, thumb=True, score=0.7)
    assert reading(5, digits=(*made.digits, second)).extra == (5,)
    assert reading(5, digits=(*made.digits, digit(5, WRIST, 80, 30, thumb=True, score=0.95))).extra == (0,)


def test_of_six_fingers_in_a_row_none_is_named():
    assert reading(6).extra == ()


@pytest.mark.parametrize("why", list(CannotTell))
def test_an_extra_digit_is_named_on_a_hidden_hand_and_never_on_a_doubtful_one(why):
    surely_seen = why in (CannotTell.CROPPED, CannotTell.OCCLUDED)
    assert forked(6, cannot_tell=why).extra == ((5,) if surely_seen else ())
