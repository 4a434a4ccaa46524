"""A picture and its mirror image get the same verdict, and what is told of them lies in each where it is."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from synthetic import body_keypoints, hand, person

from limbfix.bodies import (
    Absence,
    AbsentLimb,
    BodyPiece,
    BodyReading,
    FootLook,
    LimbEnd,
    LimbKind,
    LimbLine,
    LimbRoot,
    PersonGraph,
)
from limbfix.digits import Digit, HandReading, Mask, Segment
from limbfix.gate import Gate
from limbfix.geometry import Box
from limbfix.images import Picture, open_picture
from limbfix.limb_looks import LimbLook
from limbfix.mirroring import is_turned, looks_mirrored, mirrored_bodies, mirrored_parts, mirrored_picture
from limbfix.parts import Part, PartKind, Side

WIDTH, HEIGHT = 90, 60
PICTURES = Path(__file__).parents[1] / "examples" / "pictures"


def patch(left: int, top: int) -> Mask:
    pixels = np.zeros((5, 7), bool)
    pixels[1:, :3] = True
    return Mask(left=left, top=top, pixels=pixels)


def line(*points: tuple[float, float]) -> np.ndarray:
    return np.array(points, np.float32)


def read_hand() -> HandReading:
    segment = Segment(name="distal", ends_xy=line((10, 20), (12, 30)), mask=patch(9, 20))
    digit = Digit(
        digit_index=0, is_thumb=True, polyline=line((10, 20), (12, 30)), joints=("dip", "tip"), score=0.9,
        mask=patch(8, 19), segments=(segment,), nail=patch(11, 28),
    )  # fmt: skip
    return HandReading(digits=(digit,), count=1, cannot_tell=None, mask=patch(5, 6))


def a_limb(side: Side) -> LimbLine:
    return LimbLine(
        limb_index=0, kind=LimbKind.LEG, side=side, side_score=0.8, polyline=line((20, 10), (25, 40)), joints=("hip", "knee"),
        joint_scores=np.ones(2, np.float32), score=0.7, root=LimbRoot.JOINED, end=LimbEnd.SEEN, end_score=0.6,
        mask=patch(20, 10), foot=FootLook(box=Box(20, 40, 30, 50), oddness=1.0),
    )  # fmt: skip


def a_look(x: float) -> LimbLook:
    return LimbLook(box=Box(x, 5, x + 20, 55), logits={"extra_arm": 0.5}, places={"extra": Box(x, 5, x + 4, 20)})


def a_person(x: float) -> PersonGraph:
    absent = AbsentLimb(
        kind=LimbKind.ARM, side=Side.LEFT, state=Absence.MISSING, clear=0.9, place=line((1, 2), (3, 4), (5, 6))
    )
    return PersonGraph(
        person_index=None, box=Box(x, 5, x + 20, 55), score=0.9, neck=line((x + 9, 8))[0], head=line((x + 8, 5))[0], shoulders=line((x + 4, 12), (x + 15, 12)),
        hips=line((x + 6, 30)), limbs=(a_limb(Side.RIGHT),), absent=(absent,), look=a_look(x),
    )  # fmt: skip


def flat(thing: object) -> object:
    """Makes plain values of what holds arrays, so that two can be compared."""
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        return {field.name: flat(getattr(thing, field.name)) for field in dataclasses.fields(thing)}
    if isinstance(thing, np.ndarray):
        return np.round(np.nan_to_num(thing.astype(float), nan=-1), 3).tolist()
    if isinstance(thing, dict):
        return {key: flat(value) for key, value in thing.items()}
    if isinstance(thing, tuple | list):
        return [flat(one) for one in thing]
    return round(thing, 3) if isinstance(thing, float) else thing


def pictures_parts() -> tuple[Part, ...]:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[3:9, 10:14] = True
    plain = body_keypoints(absent=("left_hip",))
    count = len(plain.layout.landmarks)
    world = np.arange(3 * count, dtype=np.float32).reshape(count, 3) + 1
    body = dataclasses.replace(
        person(), mask=mask, keypoints=dataclasses.replace(plain, score=np.linspace(0.1, 0.9, count), world=world)
    )
    seen = dataclasses.replace(hand(30, 20, side=Side.LEFT), reading=read_hand(), views=(2, 6), spread=0.1)
    return body, seen, Part(kind=PartKind.FACE, box=Box(40, 1, 50, 12), detection_score=0.9, detector="x")


def test_what_is_mirrored_twice_is_what_it_was():
    parts = pictures_parts()
    assert flat(mirrored_parts(mirrored_parts(parts, WIDTH), WIDTH)) == flat(parts)
    reading = BodyReading(
        people=(a_person(5), a_person(50)), loose=(a_limb(Side.UNKNOWN),), unclaimed={LimbKind.ARM: patch(30, 3)}
    )
    assert flat(mirrored_bodies(mirrored_bodies(reading, WIDTH), WIDTH)) == flat(reading)


def points_in(thing: object, at: str = "") -> dict[str, object]:
    """Returns whatever of a thing has a place or a side, by where it stands in it; what is told of a place alone stays out."""
    if isinstance(thing, Box):
        return {at: ("box", thing.xyxy)}
    if isinstance(thing, Mask):
        return {at: ("mask", thing.full(WIDTH, HEIGHT))}
    if isinstance(thing, Side):
        return {at: ("side", thing)}
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        fields = [
            field.name for field in dataclasses.fields(thing) if field.name != "joint_scores"
        ]  # two numbers, no place
        return {key: value for name in fields for key, value in points_in(getattr(thing, name), f"{at}.{name}").items()}
    if isinstance(thing, np.ndarray) and thing.ndim and thing.shape[-1] == 2 and thing.dtype != bool:
        return {at: ("points", thing)}
    if isinstance(thing, dict):
        return {key: value for name in thing for key, value in points_in(thing[name], f"{at}.{name}").items()}
    if isinstance(thing, tuple | list):
        return {key: value for k, one in enumerate(thing) for key, value in points_in(one, f"{at}.{k}").items()}
    return {}


def assert_mirrored(there: object, here: object) -> int:
    """Every place and side of one is the mirror image of that of the other; returns how many there are."""
    found, wanted = points_in(there), points_in(here)
    assert found.keys() == wanted.keys()
    for at, (kind, value) in found.items():
        before = wanted[at][1]
        if kind == "box":
            assert value == pytest.approx((WIDTH - before[2], before[1], WIDTH - before[0], before[3])), at
        elif kind == "mask":
            assert (value == before[:, ::-1]).all() and value.any(), at
        elif kind == "side":
            assert value is {Side.LEFT: Side.RIGHT, Side.RIGHT: Side.LEFT}.get(before, before), at
        else:
            assert value == pytest.approx(np.stack([WIDTH - before[..., 0], before[..., 1]], -1)), at
    return len(found)


def test_every_place_and_side_of_a_reading_is_mirrored():
    """One person and one loose limb, so that nothing changes its number; no field may be left out."""
    reading = BodyReading(
        people=(a_person(5),),
        loose=(a_limb(Side.LEFT),),
        unclaimed={LimbKind.ARM: patch(30, 3), LimbKind.LEG: patch(2, 20)},
    )
    assert assert_mirrored(mirrored_bodies(reading, WIDTH), reading) == 19
    (_, seen, _), (_, turned, _) = pictures_parts(), mirrored_parts(pictures_parts(), WIDTH)
    assert assert_mirrored(turned.reading, seen.reading) == 6  # mask; line, mask, ends, mask, nail


def test_landmarks_of_a_body_change_places_with_their_scores_and_depths():
    (body, *_), (turned, *_) = pictures_parts(), mirrored_parts(pictures_parts(), WIDTH)
    for one, other in (("left_shoulder", "right_shoulder"), ("mouth_right", "mouth_left"), ("nose", "nose")):
        k, j = body.keypoints.layout.index(one), body.keypoints.layout.index(other)
        assert turned.keypoints.world[j].tolist() == (body.keypoints.world[k] * [-1, 1, 1]).tolist()
        assert turned.keypoints.score[j] == body.keypoints.score[k]


def test_digits_and_limbs_are_numbered_as_in_any_picture():
    (_, seen, _) = pictures_parts()
    two = tuple(dataclasses.replace(seen.reading.digits[0], digit_index=k, score=0.5 + 0.1 * k) for k in range(2))
    (part,) = mirrored_parts([dataclasses.replace(seen, reading=dataclasses.replace(seen.reading, digits=two))], WIDTH)
    assert [(digit.digit_index, digit.score) for digit in part.reading.digits] == [(0, 0.6), (1, 0.5)]
    left, right = (
        a_limb(Side.LEFT),
        dataclasses.replace(a_limb(Side.RIGHT), limb_index=1, polyline=line((40, 10), (45, 40))),
    )
    somebody = dataclasses.replace(a_person(5), limbs=(left, right))
    (person_,) = mirrored_bodies(BodyReading(people=(somebody,)), WIDTH).people
    assert [(limb.limb_index, limb.side, limb.polyline[0, 0]) for limb in person_.limbs] == [
        (0, Side.LEFT, 50),
        (1, Side.RIGHT, 70),
    ]


def test_whoever_says_which_way_round_is_heard():
    picture = Picture(pixels=np.zeros((4, 6, 3), np.uint8), sha256="0" * 64)
    assert [looks_mirrored(dataclasses.replace(picture, turned=way)) for way in (None, True, False)] == [
        False,
        True,
        False,
    ]


def test_a_mirrored_hand_is_the_other_one_and_its_digits_move_with_it():
    (_, seen, _), (_, turned, _) = pictures_parts(), mirrored_parts(pictures_parts(), WIDTH)
    assert turned.side is Side.RIGHT
    assert turned.box.x_min == pytest.approx(WIDTH - seen.box.x_max)
    assert turned.keypoints.point("wrist")[0] == pytest.approx(WIDTH - seen.keypoints.point("wrist")[0], abs=1e-4)
    (digit,) = turned.reading.digits
    assert digit.polyline.tolist() == [[80, 20], [78, 30]]
    assert digit.segments[0].ends_xy.tolist() == [[80, 20], [78, 30]]
    for mask, of in ((turned.reading.mask, seen.reading.mask), (digit.nail, seen.reading.digits[0].nail)):
        assert (mask.full(WIDTH, HEIGHT) == of.full(WIDTH, HEIGHT)[:, ::-1]).all()


def test_a_mirrored_body_swaps_its_sides():
    body, *_ = pictures_parts()
    turned, *_ = mirrored_parts(pictures_parts(), WIDTH)
    for one, other in (("left_shoulder", "right_shoulder"), ("mouth_right", "mouth_left"), ("nose", "nose")):
        x, y = body.keypoints.point(one)
        assert turned.keypoints.point(other).tolist() == pytest.approx([WIDTH - x, y], abs=1e-4)
        assert turned.keypoints.visibility(other) == body.keypoints.visibility(one)
    assert np.isnan(turned.keypoints.point("right_hip")).all()
    assert (turned.mask == body.mask[:, ::-1]).all()


def test_mirrored_people_stand_in_the_order_of_their_left_edges_with_their_limbs_on_the_other_side():
    reading = mirrored_bodies(BodyReading(people=(a_person(5), a_person(50))), WIDTH)
    assert [one.box.x_min for one in reading.people] == [20, 65]
    first = reading.people[0]
    assert (first.limbs[0].side, first.absent[0].side) == (Side.LEFT, Side.RIGHT)
    assert first.limbs[0].foot.box.xyxy == (60, 40, 70, 50)
    assert first.neck.tolist() == [31, 8]
    assert first.look.logits == {"extra_arm": 0.5}
    assert (first.look.box.xyxy, first.look.places["extra"].xyxy) == (first.box.xyxy, (36, 5, 40, 20))


def test_mirrored_pieces_keep_their_look_and_their_order():
    pieces = (BodyPiece(box=Box(30, 5, 60, 40), look=a_look(30)), BodyPiece(box=Box(5, 5, 20, 40)))
    turned = mirrored_bodies(BodyReading(pieces=pieces), WIDTH).pieces
    assert [one.box.xyxy for one in turned] == [(WIDTH - 60, 5, WIDTH - 30, 40), (WIDTH - 20, 5, WIDTH - 5, 40)]
    assert turned[1].look is None
    assert turned[0].look.logits == pieces[0].look.logits
    assert turned[0].look.box.x_max == WIDTH - pieces[0].look.box.x_min
    again = mirrored_bodies(BodyReading(pieces=turned), WIDTH).pieces
    assert [one.box for one in again] == [one.box for one in pieces]


@pytest.mark.parametrize("width", [64, 65])
def test_of_a_picture_and_its_mirror_image_one_is_turned(width):
    rng = np.random.default_rng(width)
    for _ in range(20):
        pixels = rng.integers(0, 256, (40, width, 3), np.uint8)
        assert is_turned(pixels) != is_turned(pixels[:, ::-1])
    assert not is_turned(np.full((40, width, 3), 9, np.uint8))
    assert not is_turned(np.zeros((3, 1, 3), np.uint8))


class Shown:
    """A detector of the user's own: remembers which pixels it was shown."""

    name = "own"

    def __init__(self) -> None:
        self.pictures: list[Picture] = []

    def model_hashes(self) -> dict[str, str]:
        return {}

    def detect(self, picture: Picture, known: tuple[Part, ...]) -> tuple[Part, ...]:
        self.pictures.append(picture)
        return ()

    def close(self) -> None:
        """Holds nothing."""


def test_a_detector_of_the_users_own_sees_the_picture_as_it_is():
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:, 20:] = 200
    assert is_turned(pixels)
    shown = Shown()
    with Gate(detectors=(shown,)) as gate:
        gate.inspect(pixels)
    assert (shown.pictures[0].pixels == pixels).all()


@pytest.mark.models
@pytest.mark.parametrize("name", ["clean_two_people.webp", "six_fingers.png", "third_arm.jpg", "missing_forearm.png"])
def test_a_picture_and_its_mirror_image_get_the_same_record(gate, name):
    picture = open_picture(str(PICTURES / name))
    record, turned = gate.inspect_picture(picture).record, gate.inspect_picture(mirrored_picture(picture)).record
    assert (turned["verdict"], turned["defect_score"]) == (
        record["verdict"],
        pytest.approx(record["defect_score"], abs=1e-3),
    )
    width = picture.width

    def told(hand: dict, *, mirrored: bool) -> tuple[list[float], tuple]:
        x0, y0, x1, y1 = hand["box_xyxy"]
        side = {"left": "right", "right": "left"}.get(hand["side"], hand["side"]) if mirrored else hand["side"]
        box = [width - x1, y0, width - x0, y1] if mirrored else [x0, y0, x1, y1]
        return box, (side, hand["digits"]["count"], hand["digits"]["visible"])

    hands = sorted(told(hand, mirrored=False) for hand in record["hands"])
    mirrored = sorted(told(hand, mirrored=True) for hand in turned["hands"])
    assert [facts for _, facts in mirrored] == [facts for _, facts in hands]
    for (box, _), (other, _) in zip(hands, mirrored, strict=True):
        assert other == pytest.approx(box, abs=0.5)
    codes = [
        sorted((found["code"], round(found["defect_score"], 2)) for found in one["findings"])
        for one in (record, turned)
    ]
    assert codes[0] == codes[1]


@pytest.fixture(scope="module")
def gate():
    with Gate() as made:
        yield made


def test_pillow_and_numpy_agree_on_what_a_mirror_is():
    pixels = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    shown = np.asarray(Image.fromarray(pixels).transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    assert (mirrored_picture(Picture(pixels=pixels, sha256="0" * 64)).pixels == shown).all()
