"""MediaPipe's joints say which lines on a photograph are fingers: one for each, and a second one along it is none."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from limbfix.digit_assembly import DigitLine
from limbfix.digit_masks import CropPlace
from limbfix.geometry import Box
from limbfix.layouts import HAND21
from limbfix.parts import Keypoints, Part, PartKind
from limbfix.training.photograph_halves import fits_lines
from limbfix.training.photograph_lines import FINGERS, lines_on, photograph_lines

SIDE = 48
PLACE = CropPlace(left=100.0, top=40.0, side=96.0, width=400, height=300)
"""Two px of the picture per cell."""

NEAR = 0.075


def finger_cells(index: int) -> np.ndarray:
    """Four joints of one of five fingers side by side, cells."""
    return np.array([(8.0 + 8 * index, 40.0 - 8 * step) for step in range(4)])


def seen_hand(**changes) -> Part:
    xy = np.zeros((21, 2), np.float32)
    xy[0] = PLACE.left + 48, PLACE.top + 95
    for index, joints in enumerate(FINGERS):
        xy[list(joints)] = (finger_cells(index) + 0.5) * 2 + (PLACE.left, PLACE.top)
    hand = {"views": (6, 6), "spread": 0.02, "keypoints": Keypoints(layout=HAND21, xy=xy, score=np.ones(21))}
    return Part(kind=PartKind.HAND, box=Box(110, 50, 190, 140), detection_score=0.9, detector="toy", **hand | changes)


def line(xy: np.ndarray) -> DigitLine:
    names = ("mcp", "pip", "dip", "tip")[4 - len(xy) :]
    return DigitLine(joints=dict(zip(names, map(tuple, xy), strict=True)), score=0.8, forked=False)


def told(hand: Part, *lines: DigitLine) -> list[float]:
    return lines_on(hand, lines, PLACE, SIDE, NEAR).tolist()


def test_each_finger_is_one_line_the_one_that_ends_nearest_to_its_tip():
    fingers = [line(finger_cells(index)) for index in range(5)]
    second = line(finger_cells(2)[1:3] + 1.0)  # ends on the finger, before its tip
    assert told(seen_hand(), *fingers, second) == [1, 1, 1, 1, 1, 0]
    assert told(seen_hand(), second, fingers[2]) == [0, 1]
    assert told(seen_hand(), second) == [1]  # a finger whose tip is hidden


def test_a_line_on_no_finger_says_nothing():
    palm = line(np.array([(24.0, 46.0), (25.0, 47.0)]))
    across = line(np.array([(0.0, 16.0), (46.0, 16.0)]))  # ends on one, and does not run along it
    assert np.isnan(told(seen_hand(), palm, across)).all()


@pytest.mark.parametrize(
    "changes", [{"keypoints": None}, {"views": (4, 6)}, {"views": None}, {"spread": 0.2}, {"spread": None}]
)
def test_where_mediapipe_is_in_doubt_nothing_is_said(changes):
    assert np.isnan(told(seen_hand(**changes), line(finger_cells(0)))).all()


def test_one_half_of_the_photographs_is_looked_at_in_both_sizes(tmp_path):
    folder = tmp_path / "people"
    folder.mkdir()
    names = [f"{index}.png" for index in range(12)]
    for name in names:
        Image.new("RGB", (200, 100)).save(folder / name)
    wanted = [name for name in names if fits_lines(f"people/{name}")]
    assert 0 < len(wanted) < len(names)
    sizes = []

    class Eyes:
        def find(self, picture):
            sizes.append(picture.width)
            return [SimpleNamespace(box=Box(0, 0, 40, 40), reading=object(), keypoints=None)] * 2

    maps = SimpleNamespace(
        heat=np.zeros((5, SIDE, SIDE)), fields=np.zeros((8, SIDE, SIDE)), parts=np.zeros((11, SIDE, SIDE)),
        number_chances=lambda: np.ones((2, 9)) / 9,
    )  # fmt: skip
    reader = SimpleNamespace(seen=lambda pixels, boxes: [(PLACE, maps) for _ in boxes])
    found = list(photograph_lines([folder], Eyes(), reader, NEAR))
    assert sizes == [200, 110] * len(wanted)
    assert [hand.group for hand in found] == [group for group in range(len(wanted)) for _ in range(4)]
