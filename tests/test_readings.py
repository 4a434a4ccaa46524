"""Maps as a perfect parser would draw them become digits in the picture: all that are there, in place, each with its pixels."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from test_digit_assembly import WRIST, Canvas, fan

from limbfix.digit_beliefs import LINE_FEATURES, LineModel
from limbfix.digit_masks import MOST_MASK_PX, CropPlace
from limbfix.digits import CannotTell, HandReading
from limbfix.geometry import Box
from limbfix.nets.hand_maps import JUDGEMENTS, MOST_DIGITS, PARTS
from limbfix.readings import HandMaps, believed_lines, mean_maps, place_line, read_hand, sharpness, untold

SIDE = 56
PLACE = CropPlace(left=100.0, top=50.0, side=224.0, width=640, height=480)
BOX = Box(130, 70, 280, 260)
STEP = PLACE.side / SIDE


def maps_of(
    canvas: Canvas, *, present: int | None = None, visible: int | None = None, thumb: int | None = 0
) -> HandMaps:
    """Returns the maps of what was drawn: fingers 3 cells wide with their phalanges' classes, a palm, the counts that go with it."""
    digits = canvas.assemble()
    classes = np.full((SIDE, SIDE), PARTS.index("background"), np.uint8)
    cv2.circle(classes, tuple(round(v) for v in WRIST), 12, PARTS.index("palm"), -1)
    for index, digit in enumerate(digits):
        line = digit.polyline
        for k in range(len(line) - 1):
            name = "thumb" if index == thumb else ("proximal", "middle", "distal")[k]
            ends = [tuple(round(v) for v in line[j]) for j in (k, k + 1)]
            cv2.line(classes, *ends, PARTS.index(name), 3)
        tip = tuple(round(v) for v in line[-1])
        cv2.circle(classes, tip, 1, PARTS.index("nail"), -1)
    parts = np.where(np.arange(len(PARTS))[:, None, None] == classes, 6.0, 0.0).astype(np.float32)
    counts = np.zeros((2, MOST_DIGITS + 1), np.float32)
    for row, told in enumerate((present, visible)):
        counts[row, len(digits) if told is None else told] = 8
    judgements = np.full(len(JUDGEMENTS), -3, np.float32)
    return HandMaps(heat=canvas.heat, fields=canvas.fields, parts=parts, judgements=judgements, counts=counts)


@dataclass(frozen=True)
class Slope:
    """Stands for the trees of a model: a logistic curve over one feature."""

    column: int
    even: float
    weight: float

    def chances(self, rows: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-self.weight * (rows[:, self.column] - self.even)))


def judging_by(feature: str, *, even: float, weight: float) -> LineModel:
    """Returns a model that looks at one feature only; at `even` a line is a digit as likely as not."""
    slope = Slope(LINE_FEATURES.index(feature), even, weight)
    return LineModel(trees=slope, usual_counts=(1 / (MOST_DIGITS + 1),) * (MOST_DIGITS + 1))


BY_SCORE = judging_by("score", even=0.2, weight=20.0)
"""Clear lines (0.77 and more) are surely digits, also eight of them; the faint one below (0.205) is in doubt."""


def read(maps: HandMaps, *, place: CropPlace = PLACE, box: Box = BOX, sharp: float = 0.5) -> HandReading:
    return read_hand(maps, place, box, sharp=sharp, model=BY_SCORE)


@pytest.mark.parametrize("n", [3, 4, 5, 6, 7, 8])
def test_as_many_digits_as_there_are_each_with_line_mask_and_phalanges(n):
    reading = read(maps_of(fan(n)))
    assert (reading.count, reading.visible, reading.cannot_tell) == (n, n, None)
    assert [digit.digit_index for digit in reading.digits] == list(range(n))
    for digit in reading.digits:
        assert digit.mask is not None
        assert [segment.name for segment in digit.segments] == ["proximal", "middle", "distal"]
        assert digit.nail is not None
        assert digit.nail.area < digit.mask.area
    assert [digit.is_thumb for digit in reading.digits] == [True] + [False] * (n - 1)


def test_lines_lie_in_the_picture_to_half_a_pixel():
    canvas = Canvas()
    drawn = [(20.3, 40.7), (21.1, 33.4), (22.6, 26.2), (23.0, 20.8)]
    canvas.digit(drawn)
    (digit,) = read(maps_of(canvas)).digits
    expected = (np.array(drawn) + 0.5) * STEP + (PLACE.left, PLACE.top)
    # a fifth of a cell is what the sub-cell peak can promise: 0.8 px here; the frame itself is exact
    assert np.abs(digit.polyline - expected).max() < 0.2 * STEP
    assert np.abs((digit.polyline - expected).mean(0)).max() < 0.5


def test_masks_lie_on_their_lines_and_do_not_share_pixels():
    reading = read(maps_of(fan(6)))
    whole = np.zeros((PLACE.height, PLACE.width), int)
    for digit in reading.digits:
        mask = digit.mask.full(PLACE.width, PLACE.height)
        whole += mask
        middle = digit.polyline[1:3].mean(0)
        assert mask[int(middle[1]), int(middle[0])]
        parts = sum(segment.mask.full(PLACE.width, PLACE.height).astype(int) for segment in digit.segments)
        assert parts.max() == 1
        assert not (parts.astype(bool) & ~mask).any()
    assert whole.max() == 1
    hand = reading.mask.full(PLACE.width, PLACE.height)
    assert not (whole.astype(bool) & ~hand).any()


@pytest.mark.parametrize("shift", [(0.0, 0.0), (37.0, -20.0)])
@pytest.mark.parametrize("side", [112.0, 224.0, 448.0, 1800.0])
def test_a_mask_is_where_its_cells_are_to_half_a_pixel_or_half_a_step(side, shift):
    maps = maps_of(fan(1))
    block = np.full((SIDE, SIDE), PARTS.index("background"))
    block[20:30, 24:36] = PARTS.index("palm")
    maps = replace(maps, parts=np.where(np.arange(len(PARTS))[:, None, None] == block, 6.0, 0.0).astype(np.float32))
    place = CropPlace(left=100 + shift[0], top=50 + shift[1], side=side, width=4000, height=4000)
    mask = read(maps, place=place, box=Box(130, 70, 130 + side / 2, 70 + side / 2)).mask
    step = side / SIDE
    expected = np.array([24, 20, 36, 30]) * step + (place.left, place.top) * 2
    found = np.array([mask.left, mask.top, mask.left + mask.pixels.shape[1], mask.top + mask.pixels.shape[0]])
    # the edge between two classes lies where their logits cross: on the border of the cells
    assert np.abs(found - expected).max() <= max(0.5, side / MOST_MASK_PX / 2) + 0.5


def test_masks_of_a_crop_that_leaves_the_picture_stay_inside_it():
    place = CropPlace(left=-60.0, top=-20.0, side=224.0, width=120, height=150)
    reading = read(maps_of(fan(5)), place=place, box=Box(0, 0, 120, 150))
    assert reading.cannot_tell is CannotTell.CROPPED
    for mask in [reading.mask, *(digit.mask for digit in reading.digits)]:
        if mask is not None:
            assert mask.full(120, 150).sum() == mask.area


def test_touching_fingers_are_parted_between_their_lines():
    canvas = Canvas()
    for x in (26, 30):
        canvas.digit([(x, 45), (x, 37), (x, 29), (x, 22)])
    maps = maps_of(canvas, thumb=None)
    block = maps.parts.argmax(0)
    block[20:46, 24:33] = PARTS.index("middle")  # one piece without a gap
    maps = replace(maps, parts=np.where(np.arange(len(PARTS))[:, None, None] == block, 6.0, 0.0).astype(np.float32))
    one, other = read(maps).digits
    border = (28.5) * STEP + PLACE.left
    assert abs(one.mask.left + one.mask.pixels.shape[1] - border) <= 2
    assert abs(other.mask.left - border) <= 2


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"box": Box(150, 90, 170, 115)}, CannotTell.TOO_SMALL),
        ({"box": Box(0, 90, 170, 215)}, CannotTell.CROPPED),
        ({"sharp": 0.1}, CannotTell.BLURRED),
    ],
)
def test_no_count_of_hands_that_are_small_cut_or_blurred_though_their_lines_stay(changed, reason):
    reading = read(maps_of(fan(5)), **changed)
    assert (reading.count, reading.cannot_tell, reading.visible) == (None, reason, 5)


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"present": 5, "visible": 4}, CannotTell.OCCLUDED),
        ({"present": 5, "visible": 5}, CannotTell.UNCERTAIN),
    ],
)
def test_no_count_of_fewer_than_five_where_the_counting_head_believes_in_more(told, reason):
    reading = read(maps_of(fan(4), **told))
    assert (reading.count, reading.cannot_tell) == (None, reason)


def test_six_that_are_seen_are_six_whatever_the_counting_head_says():
    assert read(maps_of(fan(6), present=5, visible=5)).count == 6


def faint(*, last: float) -> HandMaps:
    """Five digits of which the last one has this share of the others' heat."""
    maps = maps_of(fan(5))
    heat = maps.heat.copy()
    heat[1:, :, 38:] *= last
    return replace(maps, heat=heat)


def test_no_count_and_no_digits_where_one_line_is_as_doubtful_as_not():
    assert read(maps_of(fan(5))).count == 5
    nobody_knows = np.zeros((2, MOST_DIGITS + 1), np.float32)
    reading = read(replace(faint(last=0.25), counts=nobody_knows))
    assert (reading.count, reading.visible, reading.cannot_tell) == (None, 0, CannotTell.UNCERTAIN)


@pytest.mark.parametrize(("n", "shown"), [(7, 7), (6, 6), (5, 0), (4, 0)])
def test_more_digits_than_usual_are_shown_though_nobody_is_sure_of_each(n, shown):
    """Whoever is told of a sixth digit must see it. Which number is right nobody knows, so the count stays untold."""
    doubting = judging_by("score", even=-2.6e6, weight=1e-6)  # 0.93 for each line
    nobody_knows = np.zeros((2, MOST_DIGITS + 1), np.float32)
    found = read_hand(replace(maps_of(fan(n)), counts=nobody_knows), PLACE, BOX, sharp=0.5, model=doubting)
    assert (found.count, found.cannot_tell, found.visible) == (None, CannotTell.UNCERTAIN, shown)


@pytest.mark.parametrize("n", [4, 5])
def test_where_one_line_is_in_doubt_the_counting_head_is_heard(n):
    counts = np.zeros((2, MOST_DIGITS + 1), np.float32)
    counts[:, n] = 8.0
    assert len(believed_lines(replace(faint(last=0.25), counts=counts), BY_SCORE).lines) == n


def test_no_count_where_pixels_of_a_digit_have_no_line():
    maps = maps_of(fan(5))
    block = maps.parts.argmax(0)
    block[1:15, 0:10] = PARTS.index("middle")
    maps = replace(maps, parts=np.where(np.arange(len(PARTS))[:, None, None] == block, 6.0, 0.0).astype(np.float32))
    assert read(maps).cannot_tell is CannotTell.UNCERTAIN


def test_a_digit_that_ends_under_an_object_is_occluded():
    canvas = fan(5)
    canvas.heat[4] = 0  # no tips
    canvas.fields[6:] = 0
    maps = maps_of(canvas)
    block = maps.parts.argmax(0)
    x, y = canvas.assemble()[2].polyline[-1].round().astype(int)
    block[y - 4 : y, x - 4 : x + 5] = PARTS.index("object")
    maps = replace(maps, parts=np.where(np.arange(len(PARTS))[:, None, None] == block, 6.0, 0.0).astype(np.float32))
    assert read(maps).cannot_tell is CannotTell.OCCLUDED


def test_a_count_is_never_claimed_without_a_line():
    empty = Canvas()
    maps = maps_of(empty, present=5, visible=5)
    reading = read(maps)
    assert (reading.count, reading.visible) == (None, 0)
    assert reading.cannot_tell is not None


def test_the_mean_of_a_crop_and_its_mirror_image_is_the_crop_itself():
    maps = maps_of(fan(5))
    mirrored = maps.mirrored()
    assert mirrored.fields[0].sum() == pytest.approx(-maps.fields[0].sum(), abs=1e-3)
    same = mean_maps(maps, mirrored.mirrored())
    np.testing.assert_allclose(same.fields, maps.fields, atol=1e-6)
    turned = read(mirrored)
    assert turned.visible == 5
    xs = sorted(2 * PLACE.left + PLACE.side - digit.polyline[-1][0] for digit in turned.digits)
    np.testing.assert_allclose(xs, sorted(d.polyline[-1][0] for d in read(maps).digits), atol=0.3)


def test_judgements_are_chances_by_name():
    reading = read(maps_of(fan(5)))
    assert set(reading.judgements) == set(JUDGEMENTS)
    assert reading.judgements["extra_digit"] == pytest.approx(0.0474, abs=1e-3)
    assert reading.features


def test_sharpness_falls_with_blur_and_not_with_contrast():
    rng = np.random.default_rng(2)
    pixels = np.kron(rng.integers(0, 256, (16, 16, 1), dtype=np.uint8), np.ones((8, 8, 3), np.uint8))
    blurred = [cv2.GaussianBlur(pixels, (0, 0), sigma) for sigma in (1.0, 2.0, 4.0)]
    values = [sharpness(each) for each in (pixels, *blurred)]
    assert values == sorted(values, reverse=True)
    assert sharpness((pixels // 2 + 60).astype(np.uint8)) == pytest.approx(sharpness(pixels), rel=0.1)
    assert sharpness(np.full((64, 64, 3), 90, np.uint8)) == 0


def test_weights_that_count_badly_tell_no_digits_and_keep_the_look():
    whole = read(maps_of(fan(5)))
    told = untold(whole)
    assert (told.count, told.cannot_tell, told.digits) == (None, CannotTell.NO_MODEL, ())
    assert told.features == whole.features
    small = untold(read(maps_of(fan(5)), box=Box(150, 90, 170, 115)))
    assert small.cannot_tell is CannotTell.TOO_SMALL


def test_digits_of_a_neighbour_are_not_counted_and_leave_a_doubt():
    lines = believed_lines(maps_of(fan(7)), BY_SCORE).lines
    starts = np.array([place_line(line, PLACE, SIDE)[0] for line in lines])
    is_right = starts[:, 0] > np.median(starts[:, 0]) + 1
    own, other = (Box(*of.min(0) - 12, *of.max(0) + 12) for of in (starts[~is_right], starts[is_right]))
    options = {"sharp": 0.5, "model": BY_SCORE}
    alone = read_hand(maps_of(fan(7)), PLACE, own, **options)
    beside = read_hand(maps_of(fan(7)), PLACE, own, others=[other], **options)
    assert (alone.count, beside.count, beside.cannot_tell) == (7, None, CannotTell.UNCERTAIN)
    assert beside.features["lines"] < alone.features["lines"]
    assert beside.features["lines_fewer"] >= alone.features["lines_fewer"]
