"""Are boxes read off the maps where they were written, and are the finder's maps of the promised shape?"""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from limbfix.nets.efficientnet_lite import normalised  # noqa: E402
from limbfix.nets.hand_boxes import CHANNELS, STRIDE, decode, suppress  # noqa: E402
from limbfix.nets.hand_finder import HandFinder  # noqa: E402


def written(*hands: tuple[tuple[float, float, float, float], float], cells: int = 20) -> np.ndarray:
    """Returns maps with one centre for each (box, logit), everything else far below."""
    maps = np.full((CHANNELS, cells, cells), -9.0, np.float32)
    for (x0, y0, x1, y1), logit in hands:
        column, row = int((x0 + x1) / 2 / STRIDE), int((y0 + y1) / 2 / STRIDE)
        x, y = (column + 0.5) * STRIDE, (row + 0.5) * STRIDE
        maps[0, row, column] = logit
        maps[1:, row, column] = np.log(np.array([x - x0, y - y0, x1 - x, y1 - y]) / STRIDE)
    return maps


def test_boxes_come_back_within_half_a_pixel_best_first():
    maps = written(((10, 20, 50, 90), 1.0), ((100, 31, 140, 60), 3.0))
    boxes, scores = decode(maps)
    assert np.abs(boxes - [(100, 31, 140, 60), (10, 20, 50, 90)]).max() < 0.5
    assert scores == pytest.approx([0.9526, 0.7311], abs=1e-3)


def test_a_weak_centre_is_no_hand_and_none_is_an_empty_answer():
    boxes, scores = decode(written(((10, 20, 50, 90), -2.0)), least_score=0.3)
    assert boxes.shape == (0, 4)
    assert scores.shape == (0,)
    assert len(decode(written(((10, 20, 50, 90), -2.0)), least_score=0.1)[0]) == 1


def test_two_centres_of_one_hand_give_one_box_and_neighbours_stay():
    same = written(((16, 16, 80, 80), 2.0), ((24, 24, 90, 90), 1.0))
    assert len(decode(same)[0]) == 1
    clasped = written(((16, 16, 80, 80), 2.0), ((60, 16, 124, 80), 1.0))
    assert len(decode(clasped)[0]) == 2


def test_a_piece_inside_a_better_box_is_dropped_and_a_better_piece_is_not():
    boxes = np.array([(0, 0, 100, 100), (10, 10, 40, 40)], np.float32)
    assert suppress(boxes, np.array([0.9, 0.5])).tolist() == [0]
    assert suppress(boxes, np.array([0.5, 0.9])).tolist() == [1, 0]


def test_never_more_boxes_than_asked_for():
    rng = np.random.default_rng(3)
    maps = rng.normal(0, 1, (CHANNELS, 40, 40)).astype(np.float32)
    boxes, scores = decode(maps, least_score=0.01, most=7)
    assert len(boxes) == 7
    assert (np.diff(scores) <= 0).all()


def test_wrong_maps_are_refused():
    with pytest.raises(ValueError, match="one picture's maps"):
        decode(np.zeros((1, CHANNELS, 4, 4), np.float32))


@pytest.mark.parametrize(("height", "width"), [(64, 96), (160, 128)])
def test_maps_have_an_eighth_of_the_side_and_no_hand_before_training(height: int, width: int):
    torch.manual_seed(0)
    network = HandFinder().eval()
    pixels = torch.randint(0, 256, (2, height, width, 3), dtype=torch.uint8)
    with torch.no_grad():
        maps = network(normalised(pixels))
        alone = network(normalised(pixels[:1]))
    assert maps.shape == (2, CHANNELS, height // STRIDE, width // STRIDE)
    assert torch.allclose(maps[:1], alone, atol=1e-4)
    assert len(decode(maps[0].numpy())[0]) == 0
