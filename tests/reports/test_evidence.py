"""What travels from a worker to the report: small pictures and skeletons."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest
from made_records import body_keypoints, finding, hand_keypoints, outline, picture, read_record, record
from PIL import Image

from limbfix.reports.evidence import CROP_SIDE, MOST_CROPS, THUMBNAIL_SIDE, Evidence, make_evidence


def opened(jpeg: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(jpeg))
    assert image.format == "JPEG"
    return image


@pytest.mark.parametrize(
    ("size_wh", "thumbnail_wh"), [((64, 48), (64, 48)), ((1920, 960), (960, 480)), ((9, 4000), (2, 960))]
)
def test_thumbnail_is_small_whole_and_never_enlarged(size_wh: tuple[int, int], thumbnail_wh: tuple[int, int]) -> None:
    made = make_evidence(picture(4096, 4096)[: size_wh[1], : size_wh[0]], record(findings=[]), [])
    assert opened(made.thumbnail).size == thumbnail_wh
    assert made.scale == min(1.0, THUMBNAIL_SIDE / max(size_wh))


def test_thumbnail_is_clean_of_any_drawing() -> None:
    pixels = np.full((240, 320, 3), 128, np.uint8)
    made = make_evidence(pixels, record(verdict="reject"), [body_keypoints(), hand_keypoints()])
    assert np.abs(np.asarray(opened(made.thumbnail)).astype(int) - 128).max() <= 2


def test_crop_shows_the_finding_with_a_quarter_of_context_and_is_enlarged() -> None:
    made = make_evidence(picture(), record(verdict="reject"), [])
    (crop,) = made.crops
    assert crop.finding_index == 0
    assert crop.region_xyxy == (25.0, 45.0, 115.0, 135.0)
    image = np.asarray(opened(crop.jpeg))
    assert max(image.shape[:2]) == CROP_SIDE
    assert image[CROP_SIDE // 2, CROP_SIDE // 2].min() > 220, "the bright square lies in the middle"
    assert image[10, 10].min() < 120, "context lies around it"


@pytest.mark.parametrize(
    "box", [None, [1, 2, 3], [0, 0, float("inf"), 5], [400, 10, 500, 50], [-50, -50, -10, -10], ["a", 0, 1, 2]]
)
def test_a_finding_without_a_usable_box_has_no_crop(box: object) -> None:
    assert make_evidence(picture(), record(verdict="reject", findings=[finding(box_xyxy=box)]), []).crops == ()


@pytest.mark.parametrize(
    "box",
    [[50, 50, 50, 50], [0, 0, 320, 240], [319, 239, 320, 240], [-20, -20, 340, 260], [100, 90, 40, 20], [0, 9, 320, 9]],
)
def test_odd_boxes_inside_the_picture_have_a_crop_inside_the_picture(box: list[float]) -> None:
    (crop,) = make_evidence(picture(), record(verdict="reject", findings=[finding(box_xyxy=box)]), []).crops
    x0, y0, x1, y1 = crop.region_xyxy
    assert 0 <= x0 < x1 <= 320
    assert 0 <= y0 < y1 <= 240
    assert max(opened(crop.jpeg).size) == CROP_SIDE


def test_a_crowd_keeps_its_worst_findings() -> None:
    findings = [finding(score=k / 50) for k in range(50)]
    crops = make_evidence(picture(), record(verdict="reject", findings=findings), []).crops
    assert [crop.finding_index for crop in crops] == list(range(49, 49 - MOST_CROPS, -1))


def test_evidence_is_picklable_json_safe_and_absent_points_stay_absent() -> None:
    keypoints = hand_keypoints() | {"xy": [[float("nan"), 1.0], None, *[[3.14159, 2.0]] * 19], "side": "right"}
    made = make_evidence(picture(), record(), [keypoints])
    again = pickle.loads(pickle.dumps(made))
    assert isinstance(again, Evidence)
    (points,) = again.keypoints
    assert points["xy"][:3] == [None, None, [3.1, 2.0]]
    assert points["score"][20] is None
    assert points["side"] == "right"


@pytest.mark.parametrize(
    "pixels", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((4, 4, 4), np.uint8)]
)
def test_pixels_of_another_kind_are_refused_with_what_was_expected(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected pixels uint8"):
        make_evidence(pixels, record(), [])


def test_a_crop_of_a_hand_that_was_read_shows_its_digits_and_the_thumbnail_does_not() -> None:
    flat = np.full((240, 320, 3), 128, np.uint8)
    made = make_evidence(flat, read_record(number=6, extra=5), [hand_keypoints(), outline()])
    (crop,) = made.crops
    drawn = (np.abs(np.asarray(opened(crop.jpeg)).astype(int) - 128).max(axis=-1) > 40).mean()
    assert 0.02 < drawn < 0.3, "lines and numbers, no fill"
    assert np.abs(np.asarray(opened(made.thumbnail)).astype(int) - 128).max() <= 2
    other = read_record(number=6)
    other["findings"] = [finding("person.extra_arm", hand_index=0)]
    (clean,) = make_evidence(flat, other, []).crops
    assert np.abs(np.asarray(opened(clean.jpeg)).astype(int) - 128).max() <= 2


def test_outlines_travel_with_their_hand_and_digit() -> None:
    made = pickle.loads(pickle.dumps(make_evidence(picture(), read_record(), [outline(3)])))
    (kept,) = made.keypoints
    assert (kept["layout"], kept["hand_index"], kept["digit_index"]) == ("digit_outline", 0, 3)
    assert kept["xy"] == outline(3)["xy"]
