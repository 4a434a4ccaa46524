"""Our detector around its networks: merging of boxes, of opinions, order, determinism, pictures of no size."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

sys.path.insert(0, str(Path(__file__).parents[1]))

from drawn_people import Stage
from hand_weights import body_file, finder_file, parser_file

from limbfix.clipped_linear import ClippedLinear
from limbfix.detectors import hand_belief, hand_proposals, limbfix_hands
from limbfix.detectors.belief_model import DIRECTIONS, FEATURES, BeliefModel, Direction
from limbfix.detectors.body_sight import BodySight, Seen
from limbfix.detectors.hand_belief import (
    DOUBT_CAP,
    DOUBT_ENDS,
    DOUBTED,
    DOUBTED_ALONE,
    FAINT,
    FAINT_ENDS,
    LARGER_PX,
    LEAST_ALONE,
    LEAST_PX,
    PLAIN_PX,
    REFUSED,
    SMALL_CAP,
    SMALL_PX,
    SURE,
    SURE_BESIDE,
    TINY_PX,
    UNTOUCHED,
    apart,
    is_believed,
    is_face,
    is_paw,
    surety,
    tempered,
    with_surety,
)
from limbfix.detectors.hand_context import STRIDES
from limbfix.detectors.hand_places import SCORE
from limbfix.detectors.hand_proposals import distinct
from limbfix.detectors.hand_reader import Belief, HandReader
from limbfix.detectors.hand_surroundings import NAMES
from limbfix.detectors.hand_windows import View
from limbfix.detectors.joined_hands import AGREED, STEADY_SPREAD, join_hands, settled
from limbfix.detectors.limbfix_hands import LimbfixHands
from limbfix.digits import CannotTell, HandReading
from limbfix.errors import ModelCorrupt
from limbfix.geometry import Box
from limbfix.images import Picture
from limbfix.layouts import HAND21
from limbfix.nets.body_maps import PARTS
from limbfix.nets.body_maps import STRIDE as BODY_STRIDE
from limbfix.nets.hand_boxes import CHANNELS, STRIDE
from limbfix.nets.move_table import POINTS
from limbfix.parts import Keypoints, Part, PartKind, Side
from limbfix.policies import Policy


def picture_of(pixels: np.ndarray) -> Picture:
    return Picture(pixels=pixels, sha256="0" * 64)


@pytest.fixture(scope="module")
def detector(tmp_path_factory) -> LimbfixHands:
    folder = tmp_path_factory.mktemp("weights")
    return LimbfixHands(search="full", finder_file=finder_file(folder), parser_file=parser_file(folder))


class WrittenFinder:
    """Answers every view with the hands that lie in it, as a perfect finder would; those cut off by the view, cut."""

    def __init__(self, detector: LimbfixHands, hands: list[Box], views: list) -> None:
        self.hands, self.views, self.calls = hands, views, 0
        self.file, self.sha256, self.threshold = detector._finder.file, "", lambda usual: usual

    def run(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        view = self.views[self.calls]
        self.calls += 1
        _, height, width, _ = pixels.shape
        maps = np.full((1, CHANNELS, height // STRIDE, width // STRIDE), -9.0, np.float32)
        for hand in self.hands:
            low, high = view.from_picture(np.array(hand.xyxy).reshape(2, 2))
            box = Box(*low, *high).clipped(width, height)
            if min(box.width, box.height) < 8:
                continue
            cell = (box.center / STRIDE).astype(int)
            x, y = (cell + 0.5) * STRIDE
            reach = np.array([x - box.x_min, y - box.y_min, box.x_max - x, box.y_max - y])
            # a piece of a hand looks surer than the whole: the worst case
            maps[0, 0, cell[1], cell[0]] = 2.0 if box.area < 0.9 * hand.area * np.prod(view.scale_xy) else 1.0
            maps[0, 1:, cell[1], cell[0]] = np.log(np.maximum(reach, 0.1) / STRIDE)
        return {"maps": maps}


def test_a_hand_on_the_seam_of_tiles_is_one_hand_in_place(detector, monkeypatch):
    from limbfix.detectors.hand_windows import finder_views

    pixels = np.zeros((2000, 2600, 3), np.uint8)
    views = finder_views(pixels)
    hands = [Box(30, 40, 90, 110), Box(640, 700, 1500, 1500), Box(1200, 200, 1400, 420)]
    written = WrittenFinder(detector, hands, views)
    monkeypatch.setattr(detector, "_finder", written)
    monkeypatch.setattr(hand_proposals, "finder_views", lambda *_: views)
    found = sorted(part.box.xyxy for part in detector.detect(picture_of(pixels), ()))
    assert written.calls == len(views) > 1
    np.testing.assert_allclose(found, [box.xyxy for box in hands], atol=0.5)


class HandySight:
    """A body parser that sees one hand, 60 px wide."""

    def __init__(self, box: Box) -> None:
        self.box = box

    def look(self, picture: Picture) -> SimpleNamespace:
        parts = np.full((len(PARTS), 96, 96), -9.0)
        parts[0] = 0.0
        x0, y0, x1, y1 = (round(value / BODY_STRIDE) for value in self.box.xyxy)
        parts[PARTS.index("hand"), y0:y1, x0:x1] = 9.0
        return SimpleNamespace(
            maps=SimpleNamespace(parts=parts), view=View(pixels=picture.pixels, left=0, top=0, scale_xy=(1.0, 1.0))
        )


@pytest.mark.parametrize("proposed", [True, False])
def test_a_hand_that_only_the_body_parser_sees_is_proposed_too_and_none_twice(detector, monkeypatch, proposed):
    hand, other = Box(100, 100, 160, 160), Box(240, 240, 300, 300)
    found = [(other, 0.8)] + [(hand, 0.4)] * proposed
    monkeypatch.setattr(limbfix_hands, "proposals", lambda *_: list(found))
    monkeypatch.setattr(detector, "_sight", HandySight(hand))
    parts = detector.detect(picture_of(np.zeros((384, 384, 3), np.uint8)), ())
    assert [part.detection_score for part in parts] == [0.8, 0.4 if proposed else SCORE]
    assert parts[1].box.iou(hand) > 0.8


@pytest.mark.parametrize(("search", "proposed"), [("full", [0.9, 0.2]), ("single", [0.9])])
def test_a_single_search_reads_only_what_the_finder_is_surer_of(detector, monkeypatch, search, proposed):
    asked = []

    def answered(finder, pixels, search, least):
        asked.append(search)
        return [(Box(0, 0, 9, 9), score) for score in (0.9, 0.2, 0.05) if score >= least]

    monkeypatch.setattr(limbfix_hands, "proposals", answered)
    monkeypatch.setattr(detector, "_search", search)
    found = detector.detect(picture_of(np.zeros((60, 60, 3), np.uint8)), ())
    assert [part.detection_score for part in found] == proposed
    assert asked == [search]


def test_a_piece_stays_only_where_nothing_better_covers_it():
    whole, piece, alone = Box(0, 0, 100, 100), Box(0, 40, 100, 100), Box(300, 300, 340, 340)
    assert distinct([whole, piece, alone], [0.4, 0.9 - 1, 0.8 - 1]) == [0, 2]
    assert distinct([], []) == []


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (7, 3), (64, 48)])
@pytest.mark.parametrize("value", [0, 255])
def test_empty_and_tiny_pictures_are_looked_at_without_harm(detector, size, value):
    pixels = np.full((*size, 3), value, np.uint8)
    for part in detector.detect(picture_of(pixels), ()):
        assert part.kind is PartKind.HAND
        assert part.box.clipped(size[1], size[0]) == part.box


def test_the_same_picture_gives_the_same_hands(detector, monkeypatch):
    monkeypatch.setattr(hand_belief, "SURE", -99.0)  # a network that nobody trained is sure of nothing
    pixels = np.random.default_rng(4).integers(0, 256, (200, 150, 3), dtype=np.uint8)
    picture = picture_of(pixels)
    first, second = (detector.complete(picture, detector.detect(picture, ())) for _ in range(2))
    assert first
    assert [part.box for part in first] == [part.box for part in second]
    for one, other in zip(first, second, strict=True):
        assert one.reading.features == other.reading.features
        assert one.reading.visible == other.reading.visible


def test_a_hand_is_read_alike_alone_and_among_others(detector):
    pixels = np.random.default_rng(6).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    boxes = [Box(20 * k, 10 * k, 20 * k + 80, 10 * k + 90) for k in range(9)]
    together = detector._reader.read(pixels, boxes)
    (alone,) = detector._reader.read(pixels, boxes[5:6])
    for name, value in alone.features.items():
        assert value == pytest.approx(together[5].features[name], abs=1e-3), name
    asked = []

    class Third(Belief):
        def is_hand(self, index, presence, close):
            asked.append(presence)
            return index == 2

    some = detector._reader.read(pixels, boxes, Third())
    assert [reading is not None for reading in some] == [index == 2 for index in range(len(boxes))]
    assert asked == pytest.approx([reading.features["presence"] for reading in together], abs=1e-3)


SMALL_MODELS = ("hand_beliefs.json", "digit_lines.json", "hand_scores.json")
"""They make verdicts of what the networks say, as much as weights do."""


def test_every_hash_is_in_the_record(detector):
    hashes = detector.model_hashes()
    assert set(hashes) == {"hand_finder.safetensors", "digit_parser.safetensors", *SMALL_MODELS}
    assert all(len(value) == 64 for value in hashes.values())


def test_the_finders_file_may_name_its_threshold(tmp_path):
    from safetensors.torch import load_file, save_file

    parser, file = parser_file(tmp_path), finder_file(tmp_path)
    pixels = np.random.default_rng(4).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    found = LimbfixHands(finder_file=file, parser_file=parser).detect(picture_of(pixels), ())
    assert found
    tensors = load_file(file)
    save_file(tensors, file, {"threshold": "0.999"})
    assert LimbfixHands(finder_file=file, parser_file=parser).detect(picture_of(pixels), ()) == ()
    save_file(tensors, file, {"threshold": "high"})
    with pytest.raises(ModelCorrupt, match="got 'high'"):
        LimbfixHands(finder_file=file, parser_file=parser).detect(picture_of(pixels), ())


def test_it_works_again_after_it_was_closed(detector):
    pixels = np.random.default_rng(4).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    before = detector.detect(picture_of(pixels), ())
    detector.close()
    assert [part.box for part in detector.detect(picture_of(pixels), ())] == [part.box for part in before]


def hand(box: Box, detector: str = "limbfix_hands", score: float = 0.9, **more) -> Part:
    return Part(kind=PartKind.HAND, box=box, detection_score=score, detector=detector, **more)


def opinion(box: Box, **more) -> Part:
    xy = np.random.default_rng(1).uniform(0, 1, (21, 2)) * (box.width, box.height) + (box.x_min, box.y_min)
    points = Keypoints(layout=HAND21, xy=xy, score=np.full(21, np.nan))
    return hand(
        box, "mediapipe_hands", 0.7, keypoints=points, side=Side.LEFT, side_score=0.8, views=(4, 5), spread=0.1, **more
    )


def test_two_sights_of_one_hand_are_one_part_with_the_best_of_both():
    ours, theirs = hand(Box(0, 0, 100, 100)), opinion(Box(5, 5, 95, 105))
    (joined,) = join_hands([ours, theirs], own="limbfix_hands")
    assert (joined.box, joined.detection_score, joined.detector) == (ours.box, 0.9, "limbfix_hands")
    assert joined.keypoints is theirs.keypoints
    assert (joined.side, joined.side_score, joined.views, joined.spread) == (Side.LEFT, 0.8, (4, 5), 0.1)


def test_neighbours_keep_their_own_opinions_and_lonely_hands_stay():
    one, other, lonely = hand(Box(0, 0, 100, 100)), hand(Box(60, 0, 160, 100)), hand(Box(500, 0, 560, 60))
    for_other, for_one, new = opinion(Box(62, 0, 158, 98)), opinion(Box(2, 2, 98, 98)), opinion(Box(300, 300, 400, 400))
    joined = join_hands([one, other, lonely, for_other, for_one, new], own="limbfix_hands")
    assert [part.box for part in joined] == [one.box, other.box, lonely.box, new.box]
    assert joined[0].keypoints is for_one.keypoints
    assert joined[1].keypoints is for_other.keypoints
    assert joined[2].keypoints is None
    assert joined[0].detection_score == max(one.detection_score or 0, for_one.detection_score or 0)
    assert joined[3].detector == "mediapipe_hands"


def read_as(part: Part, presence: float) -> Part:
    features = {"presence": presence}
    return replace(part, reading=HandReading(digits=(), count=None, cannot_tell=CannotTell.NO_MODEL, features=features))


def test_a_hand_stands_if_finder_and_parser_are_sure_together_or_somebody_else_saw_it():
    even = replace(hand(Box(0, 0, 100, 100)), detection_score=0.5)  # a logit of 0
    assert is_believed(read_as(even, SURE), own=LimbfixHands.name)
    doubtful = read_as(even, SURE - 0.1)
    assert not is_believed(doubtful, own=LimbfixHands.name)
    assert is_believed(replace(doubtful, detection_score=0.8), own=LimbfixHands.name)
    assert not is_believed(replace(doubtful, views=(0, 6)), own=LimbfixHands.name)
    assert is_believed(replace(doubtful, keypoints=opinion(Box(0, 0, 9, 9)).keypoints), own=LimbfixHands.name)
    assert is_believed(opinion(Box(0, 0, 10, 10)), own=LimbfixHands.name)
    assert is_believed(doubtful, own=LimbfixHands.name, sure=SURE)
    assert not is_believed(read_as(even, SURE), own=LimbfixHands.name, sure=SURE - 0.1)


def test_what_another_detector_saw_is_refused_where_bodies_say_that_it_is_none():
    theirs = opinion(Box(0, 0, 10, 10))
    for sure, stands in ((REFUSED - 0.1, False), (REFUSED, True), (SURE, True)):
        assert is_believed(theirs, own=LimbfixHands.name, sure=sure, weighed=True) is stands
        assert is_believed(theirs, own=LimbfixHands.name, sure=sure)


def test_beside_somebody_a_lonely_hand_needs_less():
    even = replace(hand(Box(0, 0, 100, 100)), detection_score=0.5)
    for sure, beside, stands in (
        (SURE_BESIDE, True, True),
        (SURE_BESIDE - 0.1, True, False),
        (SURE_BESIDE, False, False),
    ):
        assert is_believed(even, own=LimbfixHands.name, sure=sure, weighed=True, beside=beside) is stands
    assert not is_believed(even, own=LimbfixHands.name, sure=SURE_BESIDE, beside=True)  # nobody weighed the bodies


def test_what_lies_around_a_box_makes_no_hand_of_what_looks_like_none():
    even = replace(hand(Box(0, 0, 100, 100)), detection_score=0.5)
    for alone, stands in ((LEAST_ALONE - 0.1, False), (LEAST_ALONE, True)):
        assert is_believed(even, own=LimbfixHands.name, sure=9.0, weighed=True, alone=alone) is stands
        assert is_believed(even, own=LimbfixHands.name, sure=9.0, weighed=False, alone=alone)


@pytest.mark.parametrize(
    ("weighed", "sure", "capped"), [(True, SURE - 0.1, True), (True, SURE + DOUBT_ENDS, False), (False, -9.0, False)]
)
def test_a_doubtful_hand_that_another_detector_saw_is_told_and_flags_nothing(weighed, sure, capped):
    wrong = HandReading(digits=(), count=None, cannot_tell=CannotTell.NO_MODEL, scores={"hand.malformed": 0.9})
    theirs = replace(opinion(Box(0, 0, 100, 100)), reading=with_surety(wrong, sure, weighed=weighed))
    score = tempered(theirs, own=LimbfixHands.name).reading.scores["hand.malformed"]
    assert (UNTOUCHED < score < DOUBT_CAP) if capped else score == 0.9


def test_a_lonely_or_weakly_confirmed_proposal_in_a_face_is_part_of_it_and_another_hand_is_not():
    face, nose = Box(0, 0, 100, 120), read_as(hand(Box(30, 40, 70, 80)), 9.0)
    assert is_face(nose, [face], own=LimbfixHands.name)
    assert not is_face(nose, [Box(60, 0, 160, 120)], own=LimbfixHands.name)
    weak = replace(opinion(nose.box), views=(2, 6), reading=read_as(nose, -1.0).reading)
    assert is_face(weak, [face], own=LimbfixHands.name)
    assert not is_face(replace(weak, views=(4, 6)), [face], own=LimbfixHands.name)
    assert not is_face(replace(weak, reading=read_as(nose, 3.0).reading), [face], own=LimbfixHands.name)


def test_what_half_of_the_windows_saw_and_our_networks_deny_is_a_paw():
    seen = replace(opinion(Box(30, 40, 70, 80)), views=(3, 6))
    reading = read_as(seen, 0.0).reading
    denied = replace(seen, reading=with_surety(reading, -0.1, weighed=True))
    assert is_paw(denied)
    assert not is_paw(replace(denied, views=(4, 6)))
    assert not is_paw(replace(seen, reading=with_surety(reading, 0.0, weighed=True)))
    assert not is_paw(replace(seen, reading=with_surety(reading, -0.1)))  # nobody looked at bodies


def test_a_lonely_hand_in_doubt_cannot_flag_a_picture_and_a_sure_one_can():
    even = replace(hand(Box(0, 0, 100, 100)), detection_score=0.5)  # a logit of 0

    def told(presence: float, score: float = 0.9, **changes) -> float:
        part = read_as(replace(even, **changes), presence)
        wrong = replace(part, reading=replace(part.reading, scores={"hand.malformed": score}))
        return tempered(wrong, own=LimbfixHands.name).reading.scores["hand.malformed"]

    assert told(DOUBTED_ALONE - 0.1, 1.0) == DOUBT_CAP
    doubtful = [told(0.0, score) for score in (0.0, 0.2, UNTOUCHED, 0.5, 0.9, 1.0)]
    assert doubtful[:3] == [0.0, 0.2, UNTOUCHED] and doubtful == sorted(set(doubtful))  # the worse stays the worse
    assert told(DOUBTED_ALONE + DOUBT_ENDS) == 0.9
    between = [told(DOUBTED_ALONE + share * DOUBT_ENDS) for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert between == sorted(between) and max(np.diff(between)) < 0.15  # no step
    assert told(0.0, keypoints=opinion(Box(0, 0, 9, 9)).keypoints) == 0.9


def test_a_small_hand_flags_and_rejects_nothing_and_no_step_lies_between():
    def told(side: float, score: float) -> float:
        part = read_as(hand(Box(0, 0, side, side)), 9.0)
        wrong = replace(part, reading=replace(part.reading, scores={"hand.malformed": score}))
        return tempered(wrong, own=LimbfixHands.name).reading.scores["hand.malformed"]

    assert told(LARGER_PX, 1.0) == told(SMALL_PX, 1.0) == SMALL_CAP
    assert told(LARGER_PX, 0.6) == 0.6
    assert told(20, 1.0) == told(LEAST_PX, 1.0) < told(TINY_PX, 1.0) < DOUBT_CAP
    assert told(20, 0.6) < told(20, 0.9) < DOUBT_CAP  # the worse stays the worse
    tiny = [told(side, 1.0) for side in np.linspace(LEAST_PX, LARGER_PX, 13)]
    assert tiny == sorted(tiny) and max(np.diff(tiny)) < 0.11
    assert told(PLAIN_PX, 1.0) == told(300, 1.0) == 1.0
    between = [told(side, 1.0) for side in np.linspace(SMALL_PX, PLAIN_PX, 7)]
    assert between == sorted(between) and max(np.diff(between)) < 0.05


def test_what_is_too_small_to_be_judged_is_so_for_the_default_policy_too():
    assert Policy().min_hand_px == LEAST_PX


@pytest.mark.parametrize(
    ("confirmed", "beside", "bar"), [(False, True, SURE_BESIDE), (False, False, SURE), (True, False, REFUSED)]
)
def test_a_hand_that_is_only_just_believed_takes_little_with_it(confirmed, beside, bar):
    seen = (opinion if confirmed else hand)(Box(0, 0, 100, 100))

    def told(sure: float, *, weighed: bool = True) -> float:
        wrong = HandReading(digits=(), count=None, cannot_tell=CannotTell.NO_MODEL, scores={"hand.malformed": 0.9})
        part = replace(seen, reading=with_surety(wrong, sure, weighed=weighed))
        return tempered(part, own=LimbfixHands.name, beside=beside).reading.scores["hand.malformed"]

    capped = UNTOUCHED + (0.9 - UNTOUCHED) * (DOUBT_CAP - UNTOUCHED) / (1 - UNTOUCHED)
    assert told(bar) == pytest.approx(FAINT * capped, abs=1e-3)
    whole = told(bar + FAINT_ENDS)
    assert whole >= round(capped, 4)
    rising = [told(bar + share * FAINT_ENDS) for share in np.linspace(0, 1, 7)]
    assert rising == sorted(rising) and max(np.diff(rising)) < 0.2
    assert told(bar, weighed=False) >= round(capped, 4)  # nobody looked at bodies: the bar was another one


def test_a_lonely_hand_below_the_bar_is_told_to_be_in_doubt_and_what_another_saw_is_not():
    part = read_as(hand(Box(0, 0, 100, 100)), 0.0)
    for sure, doubt in ((DOUBTED - 0.1, True), (DOUBTED, False)):
        lonely = replace(part, reading=with_surety(part.reading, sure, weighed=True))
        assert tempered(lonely, own=LimbfixHands.name).reading.in_doubt is doubt
        assert not tempered(replace(lonely, detector="mediapipe_hands"), own=LimbfixHands.name).reading.in_doubt


def known_as(part: Part, presence: float, sure: float) -> Part:
    """A hand that was read, and whose surety is not what its presence would say."""
    read = read_as(part, presence)
    return replace(read, reading=with_surety(read.reading, sure))


def test_a_hand_that_was_read_keeps_its_surety_and_every_rule_goes_by_it():
    even = replace(hand(Box(0, 0, 100, 100)), detection_score=0.5)
    raised, lowered = known_as(even, -5.0, DOUBTED + 2.73456), known_as(even, 5.0, -1.0)
    assert raised.reading.features == {"presence": -5.0, "surety": round(DOUBTED + 2.73456, 4)}
    assert (surety(raised), surety(lowered)) == (raised.reading.features["surety"], -1.0)
    assert is_believed(raised, own=LimbfixHands.name) and not is_believed(lowered, own=LimbfixHands.name)

    def worst(part: Part) -> float:
        wrong = replace(part, reading=replace(part.reading, scores={"hand.malformed": 0.9}))
        return tempered(wrong, own=LimbfixHands.name).reading.scores["hand.malformed"]

    assert worst(raised) == 0.9 and worst(lowered) < DOUBT_CAP
    beside = replace(raised, box=Box(20, 0, 120, 100))
    assert [part.box for part in apart([lowered, beside], own=LimbfixHands.name)] == [beside.box]
    face = Box(0, 0, 100, 120)
    weak = {"keypoints": opinion(even.box).keypoints, "views": (2, 6)}
    assert is_face(replace(lowered, **weak), [face], own=LimbfixHands.name)
    assert not is_face(replace(raised, **weak), [face], own=LimbfixHands.name)


class PlantedSight:
    """Sees the points that it was given, in every picture; counts who asks, and for which picture."""

    def __init__(self, detector: LimbfixHands, point: int, xy: tuple[int, int], side: int = 384) -> None:
        self.network, self.asked, self.closed = detector._finder, [], False
        points = np.full((POINTS, side // BODY_STRIDE, side // BODY_STRIDE), -5.0, np.float32)
        points[point, xy[1] // BODY_STRIDE, xy[0] // BODY_STRIDE] = 3.0
        view = View(pixels=np.zeros((side, side, 3), np.uint8), left=0, top=0, scale_xy=(1.0, 1.0))
        maps = Stage(side // BODY_STRIDE, side // BODY_STRIDE).maps()
        stages = tuple(np.zeros((1, side // stride, side // stride), np.float32) for stride in STRIDES)
        self.seen = Seen(view=view, maps=maps, points=points, stages=stages, guides=())

    def look(self, picture: Picture) -> Seen:
        self.asked.append(picture)
        return self.seen

    def close(self) -> None:
        self.closed = True


def weighed(**weights: float) -> BeliefModel:
    """A model that goes by the bodies alone: in doubt where there are none."""
    row = tuple(weights.get(name.replace(".", "_"), 0.0) for name in FEATURES)
    mean = tuple(-5.0 if name in NAMES else 0.0 for name in FEATURES)
    weighing = ClippedLinear(mean=mean, scale=(2.0,) * len(row), weights=row, bias=SURE - 0.1)
    nothing = Direction(weights=(0.0,) * 2 * len(STRIDES), bias=0.0)  # the planted maps have one channel each
    return BeliefModel(weighing=weighing, directions=dict.fromkeys(DIRECTIONS, nothing))


@pytest.fixture
def looks(monkeypatch):
    """Crops are looked at with the body parser's trunk too; what it sees counts for nothing in `weighed`."""
    monkeypatch.setattr(HandReader, "looks", True)


def test_bodies_around_a_box_decide_whether_it_is_a_hand_and_its_reading_tells(detector, monkeypatch, looks):
    wrist, face = 9, 0
    monkeypatch.setattr(limbfix_hands, "shipped_belief", lambda: weighed(wrist_1_6=1.0, face_1_0=-1.0))
    picture = picture_of(np.random.default_rng(4).integers(0, 256, (384, 384, 3), dtype=np.uint8))
    proposed = hand(Box(180, 180, 220, 220))

    def found(point: int, xy: tuple[int, int], *, given: bool = False) -> tuple[Part, ...]:
        sight = PlantedSight(detector, point, xy)
        monkeypatch.setattr(detector, "_sight", sight)
        parts = detector.complete(picture, (proposed,), given=given)
        assert sight.asked == [picture]
        return parts

    (beside,) = found(wrist, (200, 228))
    assert beside.reading.features["surety"] == pytest.approx(SURE - 0.1 + 4)
    assert found(wrist, (20, 20)) == ()
    assert found(face, (200, 200)) == ()
    (given,) = found(face, (200, 200), given=True)
    assert given.reading.features["surety"] == pytest.approx(SURE - 0.1 - 4)


def test_several_proposals_in_one_picture_each_have_their_own_bodies(detector, monkeypatch, looks):
    monkeypatch.setattr(limbfix_hands, "shipped_belief", lambda: weighed(wrist_1_6=1.0))
    picture = picture_of(np.random.default_rng(4).integers(0, 256, (384, 384, 3), dtype=np.uint8))
    boxes = [Box(40 * k, 40 * k, 40 * k + 36, 40 * k + 36) for k in range(9)]
    unjudged = HandReading(digits=(), count=None, cannot_tell=CannotTell.NO_MODEL)
    known = replace(hand(Box(340, 0, 380, 40)), reading=unjudged)  # read before: not asked again
    monkeypatch.setattr(detector, "_sight", PlantedSight(detector, 9, (218, 218)))
    done = detector.complete(picture, (known, *map(hand, boxes)))
    assert {part.box for part in done} == {known.box, boxes[5]}


@pytest.mark.parametrize("missing", ["sight", "model", "look"])
def test_without_bodies_or_without_a_model_the_presence_and_half_the_finders_logit_decide(
    detector, monkeypatch, looks, missing
):
    sight = PlantedSight(detector, 9, (200, 200))
    monkeypatch.setattr(detector, "_sight", None if missing == "sight" else sight)
    model = None if missing == "model" else weighed(wrist_1_0=9.0)
    monkeypatch.setattr(HandReader, "looks", missing != "look")
    monkeypatch.setattr(limbfix_hands, "shipped_belief", lambda: model)
    monkeypatch.setattr(hand_belief, "SURE", -99.0)
    picture = picture_of(np.random.default_rng(4).integers(0, 256, (384, 384, 3), dtype=np.uint8))
    (found,) = detector.complete(picture, (hand(Box(180, 180, 220, 220), score=0.8),))
    features = found.reading.features
    assert features["surety"] == pytest.approx(features["presence"] + np.log(0.8 / 0.2) / 2, abs=1e-3)
    assert sight.asked == []  # nobody weighs what it sees


def test_a_sight_is_in_the_record_and_closed_with_its_detector(tmp_path):
    sight = BodySight(search="single", file=body_file(tmp_path))
    own = LimbfixHands(finder_file=finder_file(tmp_path), parser_file=parser_file(tmp_path), sight=sight)
    assert own.model_hashes().keys() == {
        "hand_finder.safetensors",
        "digit_parser.safetensors",
        "body_parser.safetensors",
        *SMALL_MODELS,
    }
    sight.look(picture_of(np.zeros((9, 9, 3), np.uint8)))
    own.close()
    assert sight._last is None


def test_a_lonely_proposal_on_a_known_hand_is_a_piece_of_it():
    known, piece = opinion(Box(0, 0, 100, 100)), read_as(hand(Box(10, 10, 60, 60)), 5.0)
    weaker = read_as(hand(Box(200, 0, 300, 100)), 1.0)
    stronger = read_as(hand(Box(220, 0, 320, 100)), 2.0)
    beside = read_as(hand(Box(300, 100, 400, 200)), 1.0)
    kept = apart([piece, weaker, known, stronger, beside], own=LimbfixHands.name)
    assert [part.box for part in kept] == [known.box, stronger.box, beside.box]
    person = replace(opinion(Box(0, 0, 300, 600)), reading=read_as(hand(Box(0, 0, 9, 9)), 0.5).reading)
    sure = replace(opinion(Box(100, 300, 160, 380)), reading=read_as(hand(Box(0, 0, 9, 9)), 9.0).reading)
    assert [part.box for part in apart([person, sure], own=LimbfixHands.name)] == [sure.box]
    touching = opinion(Box(40, 0, 140, 100))
    assert len(apart([known, touching], own=LimbfixHands.name)) == 2


def test_joints_on_which_windows_agree_place_the_box():
    xy = np.stack([np.linspace(30, 90, 21), np.linspace(40, 80, 21)], 1).astype(np.float32)
    keypoints = Keypoints(layout=HAND21, xy=xy, score=np.full(21, np.nan))
    ours = replace(hand(Box(0, 0, 60, 60)), keypoints=keypoints)
    picture = picture_of(np.zeros((100, 95, 3), np.uint8))
    assert settled(replace(ours, views=(AGREED - 1, 6)), picture).box == ours.box
    moved = settled(replace(ours, views=(AGREED, 6)), picture).box
    assert moved.x_min < 30 and moved.y_max > 80 and moved.x_max <= 95


@pytest.mark.parametrize(
    ("spread", "is_moved"), [(STEADY_SPREAD - 0.01, True), (STEADY_SPREAD + 0.01, False), (None, True)]
)
def test_joints_that_lie_elsewhere_in_every_window_place_no_box(spread, is_moved):
    xy = np.stack([np.linspace(30, 90, 21), np.linspace(40, 80, 21)], 1).astype(np.float32)
    keypoints = Keypoints(layout=HAND21, xy=xy, score=np.full(21, np.nan))
    ours = replace(hand(Box(0, 0, 60, 60)), keypoints=keypoints, views=(AGREED, 6), spread=spread)
    assert (settled(ours, picture_of(np.zeros((100, 95, 3), np.uint8))).box != ours.box) is is_moved


def test_an_opinion_without_a_sight_says_so_and_adds_no_hand():
    ours = hand(Box(0, 0, 100, 100))
    unseen = replace(hand(ours.box, "mediapipe_hands", 0.0), views=(0, 5))
    (joined,) = join_hands([ours, unseen], own="limbfix_hands")
    assert (joined.views, joined.keypoints, joined.side) == ((0, 5), None, Side.UNKNOWN)


def test_hands_that_only_others_found_are_read_too(detector):
    pixels = np.random.default_rng(4).integers(0, 256, (200, 150, 3), dtype=np.uint8)
    face = Part(kind=PartKind.FACE, box=Box(0, 0, 20, 20), detection_score=0.9, detector="mediapipe_faces")
    done = detector.complete(picture_of(pixels), (face, opinion(Box(30, 30, 120, 130))))
    assert done[0] is face
    assert done[1].reading is not None
    assert done[1].views == (4, 5)
