"""Photographs as crops: what is found, how it is framed, and that nothing is looked at twice."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from drawn_hands import DrawnHandDetector, draw, joints
from PIL import Image

from limbfix.errors import AssetMissing
from limbfix.geometry import Box
from limbfix.layouts import BLAZEPOSE33, HAND21
from limbfix.parts import Keypoints, Part, PartKind
from limbfix.synthesis.photograph_joints import MASK_PX, find_bodies
from limbfix.synthesis.photograph_masks import segment_hand
from limbfix.synthesis.photographs import frame_square, open_hand_photos


@pytest.fixture
def folder(tmp_path):
    """Two drawn hands on larger pictures, one blank wall, one broken file."""
    root = tmp_path / "photos"
    (root / "below").mkdir(parents=True)
    for seed, name in enumerate(("b.png", "below/a.png")):
        pixels, _, _ = draw(240, seed)
        Image.fromarray(np.pad(pixels, ((40, 20), (60, 30), (0, 0)), mode="edge")).save(root / name)
    Image.new("RGB", (200, 160), (70, 95, 120)).save(root / "wall.png")
    (root / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno picture")
    return root


def test_hands_are_found_below_the_folder_in_a_fixed_order(folder, tmp_path):
    photos = open_hand_photos(folder, cache=tmp_path / "cache", detector=DrawnHandDetector())
    assert [photos[i].source for i in range(len(photos))] == ["b.png", "below/a.png"]


def test_a_crop_shows_the_hand_with_joints_on_its_mask(folder, tmp_path):
    photo = open_hand_photos(folder, size_px=128, cache=tmp_path / "cache", detector=DrawnHandDetector())[0]
    assert photo.pixels.shape == (128, 128, 3)
    assert photo.mask_source == "segmentation"
    x, y = np.round(photo.keypoints).astype(int).T
    assert photo.mask[y, x].mean() > 0.9
    assert not photo.mask[:10].any()
    assert not photo.pixels.flags.writeable


def test_a_second_opening_looks_at_nothing(folder, tmp_path):
    first = open_hand_photos(folder, cache=tmp_path / "cache", detector=DrawnHandDetector())
    idle = DrawnHandDetector()
    second = open_hand_photos(folder, cache=tmp_path / "cache", detector=idle)
    assert idle.looks == 0
    assert second.sightings == first.sightings
    np.testing.assert_array_equal(first[1].pixels, second[1].pixels)


def test_a_new_picture_in_the_folder_is_looked_at(folder, tmp_path):
    open_hand_photos(folder, cache=tmp_path / "cache", detector=DrawnHandDetector())
    Image.fromarray(np.pad(draw(240, 5)[0], ((30, 30), (60, 60), (0, 0)), mode="edge")).save(folder / "new.png")
    assert len(open_hand_photos(folder, cache=tmp_path / "cache", detector=DrawnHandDetector())) == 3


def test_a_hand_that_a_closer_look_puts_elsewhere_is_left_out(folder, tmp_path):
    with pytest.raises(AssetMissing, match="a whole hand"):
        open_hand_photos(folder, cache=tmp_path / "cache", detector=DrawnHandDetector(wobble=60.0))


def test_progress_counts_the_pictures(folder, tmp_path):
    seen = []
    open_hand_photos(
        folder, cache=tmp_path / "cache", detector=DrawnHandDetector(), progress=lambda done, n: seen.append((done, n))
    )
    assert seen[-1] == (4, 4)


@pytest.mark.parametrize("make", [lambda p: p / "nowhere", lambda p: p])
def test_a_missing_or_empty_folder_names_the_flag_or_what_it_lacks(tmp_path, make):
    with pytest.raises(AssetMissing, match="photographs"):
        open_hand_photos(make(tmp_path), cache=tmp_path / "cache", detector=DrawnHandDetector())


@pytest.mark.parametrize(
    ("hand", "size_wh", "framing"),
    [
        (Box(150, 150, 250, 250), (400, 400), "centred"),
        (Box(5, 150, 105, 250), (400, 400), "shifted"),
        (Box(40, 40, 160, 160), (200, 200), "narrowed"),
        (Box(2, 2, 198, 198), (200, 200), "reflected"),
    ],
)
def test_a_crop_stays_inside_the_picture_unless_the_hand_would_be_cut(hand, size_wh, framing):
    box, said = frame_square(hand, *size_wh)
    assert said == framing
    assert box.width == box.height
    assert box.x_min <= hand.x_min and box.x_max >= hand.x_max
    inside = box.x_min >= 0 and box.y_min >= 0 and box.x_max <= size_wh[0] and box.y_max <= size_wh[1]
    assert inside == (framing != "reflected")


def test_segmentation_follows_the_outline_not_the_capsules():
    pixels, xy, mask = draw(192)
    found = segment_hand(pixels, xy)
    assert found.source == "segmentation"
    assert (found.mask & mask).sum() / (found.mask | mask).sum() > 0.93


def test_air_between_the_fingers_is_no_hand():
    pixels, xy, _ = draw(192)
    between = (xy[8] + xy[12]) / 2
    assert not segment_hand(pixels, xy).mask[int(between[1]), int(between[0])]


def test_where_the_outline_misses_most_of_the_hand_capsules_are_used_and_said():
    xy = joints(160)
    stick_figure = np.full((160, 160, 3), 120, np.uint8)
    for first, second in HAND21.bones:
        line = np.round(xy[[first, second]]).astype(np.int32)
        cv2.polylines(stick_figure, [line], False, (220, 40, 30), 3)
    found = segment_hand(stick_figure, xy)
    assert found.source == "capsule"
    x, y = np.round(xy).astype(int).T
    assert found.mask[y, x].all()


class TwoPeople:
    """Sees a tall person at the left, the same one again a little smaller, and a doubtful small one at the right."""

    name = "two_people"

    def __init__(self) -> None:
        self.looks = 0

    def model_hashes(self) -> dict[str, str]:
        return {}

    def detect(self, picture, known):
        self.looks += 1
        boxes = (((20, 10, 120, 190), 0.99), ((25, 20, 115, 180), 0.99), ((200, 80, 260, 180), 0.3))
        return tuple(self._body(Box(*box), score, (picture.height, picture.width)) for box, score in boxes)

    def _body(self, box: Box, score: float, shape_hw: tuple[int, int]) -> Part:
        mask = np.zeros(shape_hw, bool)
        mask[int(box.y_min) : int(box.y_max), int(box.x_min) : int(box.x_max)] = True
        xy = np.tile(box.center, (33, 1))
        points = Keypoints(layout=BLAZEPOSE33, xy=xy, score=np.full(33, score), world=None)
        return Part(
            kind=PartKind.PERSON, box=box, detection_score=score, detector=self.name, keypoints=points, mask=mask
        )

    def close(self) -> None:
        pass


def test_of_several_people_the_largest_has_joints_and_the_others_their_place(tmp_path):
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (320, 200), (70, 95, 120)).save(tmp_path / "photos" / "pair.png")
    detector = TwoPeople()
    first, again = (find_bodies(tmp_path / "photos", cache=tmp_path / "cache", detector=detector) for _ in range(2))
    assert detector.looks == 1
    for (body,) in (first, again):
        assert body.keypoints[0, :2].tolist() == [70, 100]
        rows, columns = np.nonzero(body.others)
        scale = MASK_PX / 320
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert box == pytest.approx([scale * side for side in (200, 80, 260, 180)], abs=1)
        assert body.mask[int(100 * scale), int(70 * scale)] and not (body.mask & body.others).any()
