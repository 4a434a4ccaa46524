"""The largest people are judged, each in a crop of its own, both ways round where that is wanted, and what the judge points to lies in the picture."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from limbfix.bodies import BodyPiece, BodyReading, PersonGraph
from limbfix.detectors.hand_windows import hand_view
from limbfix.detectors.limb_looker import LimbLooker, place_in
from limbfix.geometry import Box
from limbfix.limb_looks import LEAST_PX, MOST_PEOPLE, looked_at
from limbfix.nets.limb_maps import JUDGED, PLACES, STRIDE

SIDE = 64
CELLS = SIDE // STRIDE


class ColourNetwork:
    """Judges by the brightness of each crop, and marks the bright cells as `extra`; remembers how many crops it was shown."""

    side = SIDE

    def __init__(self) -> None:
        self.shown = 0

    def run(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        self.shown += len(pixels)
        judged = np.repeat(pixels.mean((1, 2, 3))[:, None], len(JUDGED), 1).astype(np.float32)
        cells = pixels[..., 0].reshape(len(pixels), CELLS, STRIDE, CELLS, STRIDE).mean((2, 4))
        places = np.full((len(pixels), len(PLACES), CELLS, CELLS), -9.0, np.float32)
        places[:, PLACES.index("extra")] = np.where(cells > 150, 4.0, -4.0)
        return {"judged": judged, "places": places}

    def close(self) -> None:
        self.closed = True


def somebody(box: Box) -> PersonGraph:
    none = np.zeros((0, 2), np.float32)
    return PersonGraph(person_index=None, box=box, score=0.9, neck=None, head=None, shoulders=none, hips=none, limbs=())


def reading_of(*boxes: Box) -> BodyReading:
    return BodyReading(people=tuple(somebody(box) for box in boxes))


def test_the_largest_people_are_looked_at_in_their_order():
    sides = [80, 300, 90, 100, 110, 120, 130, LEAST_PX - 1, 140]
    boxes = [Box(0, 0, 20, side) for side in sides]
    assert looked_at(boxes) == [1, 3, 4, 5, 6, 8]
    assert len(looked_at(boxes)) == MOST_PEOPLE
    assert looked_at(boxes, 2) == [1, 8]
    assert looked_at([]) == [] and looked_at(boxes[7:8]) == []


def test_everybody_gets_the_judgement_of_the_own_crop():
    pixels = np.full((400, 600, 3), 20, np.uint8)
    pixels[100:300, 400:500] = 180
    people = (
        LimbLooker(ColourNetwork(), mirrored=False)
        .looked(pixels, reading_of(Box(110, 100, 210, 300), Box(400, 100, 500, 300), Box(0, 0, 30, 30)))
        .people
    )
    first, second, small = (one.look for one in people)
    assert small is None
    assert set(first.logits) == set(JUDGED)
    assert first.logits["extra_arm"] == pytest.approx(20, abs=2)
    assert second.logits["extra_arm"] > 50
    assert (first.box, second.box) == (people[0].box, people[1].box)


def test_pieces_of_nobody_are_looked_at_too():
    pixels = np.full((400, 600, 3), 20, np.uint8)
    pixels[100:300, 400:500] = 180
    pieces = (BodyPiece(box=Box(400, 100, 500, 300)), BodyPiece(box=Box(0, 0, 30, 30)))
    reading = BodyReading(people=(somebody(Box(110, 100, 210, 300)),), pieces=pieces)
    found = LimbLooker(ColourNetwork(), mirrored=False).looked(pixels, reading)
    assert found.people[0].look.logits["extra_arm"] == pytest.approx(20, abs=2)
    assert [piece.box for piece in found.pieces] == [piece.box for piece in pieces]
    assert found.pieces[0].look.logits["extra_arm"] > 50
    assert found.pieces[0].look.box == pieces[0].box
    assert found.pieces[1].look is None


def test_no_more_are_looked_at_than_asked_for():
    reading = reading_of(Box(0, 0, 80, 90), Box(100, 0, 180, 200), Box(200, 0, 280, 150))
    network = ColourNetwork()
    people = LimbLooker(network, mirrored=False, most=2).looked(np.zeros((400, 600, 3), np.uint8), reading).people
    assert [one.look is not None for one in people] == [False, True, True]
    assert network.shown == 2


def test_what_is_too_many_is_pointed_to_in_the_picture():
    pixels = np.full((400, 600, 3), 20, np.uint8)
    pixels[200:275, 122:160] = 255
    box = Box(110, 100, 210, 300)
    for mirrored in (False, True):
        (person,) = LimbLooker(ColourNetwork(), mirrored=mirrored).looked(pixels, reading_of(box)).people
        assert set(person.look.places) == {"extra"}
        assert person.look.places["extra"].iou(Box(122, 200, 160, 275)) > 0.6
    dark = LimbLooker(ColourNetwork(), mirrored=True).looked(pixels[:, :100].copy(), reading_of(Box(0, 100, 100, 300)))
    assert dark.people[0].look.places == {}


def test_of_two_places_the_surer_one_is_told():
    chances = np.zeros((CELLS, CELLS))
    chances[1, 1:3], chances[5:7, 6] = 0.6, 0.9
    view = hand_view(np.zeros((100, 100, 3), np.uint8), Box(20, 20, 84, 84), SIDE, 1.0)
    assert place_in(chances, view).xyxy == pytest.approx((20 + 48, 20 + 40, 20 + 56, 20 + 56))
    assert place_in(np.full((CELLS, CELLS), 0.49), view) is None


def test_a_mirror_is_averaged_and_nobody_costs_nothing():
    network = ColourNetwork()
    looker = LimbLooker(network, mirrored=True)
    looker.looked(np.zeros((400, 600, 3), np.uint8), reading_of(Box(50, 100, 150, 300)))
    assert network.shown == 2
    empty = BodyReading()
    assert looker.looked(np.zeros((8, 8, 3), np.uint8), empty).people == ()
    assert network.shown == 2


def test_many_people_are_judged_as_each_alone():
    rng = np.random.default_rng(2)
    pixels = rng.integers(0, 256, (500, 900, 3), dtype=np.uint8)
    boxes = [Box(x, 50, x + 90, 250 + x / 10) for x in range(0, 600, 100)]
    looker = LimbLooker(ColourNetwork(), mirrored=True)
    together = looker.looks(pixels, boxes)
    assert together == [looker.looks(pixels, [box])[0] for box in boxes]


def test_a_mirrored_picture_is_judged_alike():
    pixels = np.random.default_rng(3).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    looker = LimbLooker.shipped(mirrored=True)
    (one,) = looker.looks(pixels, [Box(100, 40, 220, 280)])
    (other,) = looker.looks(np.ascontiguousarray(pixels[:, ::-1]), [Box(180, 40, 300, 280)])
    assert list(one.logits.values()) == pytest.approx(list(other.logits.values()), abs=0.05)
