"""The real detectors on pictures whose anatomy we know: what is there is found, where it is, on the right side."""

from __future__ import annotations

import csv
import shutil
from types import SimpleNamespace

import jsonschema
import numpy as np
import pytest
from blob_detector import drawn
from conftest import MODELS, PICTURES
from PIL import Image, ImageOps

from limbfix import weights
from limbfix.detectors.mediapipe_faces import MediaPipeFaces
from limbfix.detectors.mediapipe_hands import MediaPipeHands
from limbfix.detectors.mediapipe_pose import MediaPipePose
from limbfix.errors import DetectorError, ModelCorrupt, ModelMissing
from limbfix.gate import Gate
from limbfix.geometry import Box
from limbfix.images import open_picture
from limbfix.parts import Part, PartKind
from limbfix.records import record_schema

pytestmark = pytest.mark.models

SCHEMA = jsonschema.Draft202012Validator(record_schema())
TRUTH = {row["file"]: row for row in csv.DictReader((PICTURES / "truth.csv").open())} if PICTURES.is_dir() else {}
CLEAN = [name for name, row in TRUTH.items() if row["defective"] == "0"]

FINGERTIPS = {
    "clean_hand_dorsal.jpg": ((627, 494), (549, 276), (427, 208), (298, 204), (208, 300)),
    "clean_hand_open_palm.png": ((632, 180), (460, 80), (275, 130), (177, 225), (198, 404)),
    "clean_hand_peace.webp": ((408, 292), (302, 252), (250, 530), (208, 535)),
    "extra_thumb.webp": ((581, 130), (448, 135), (145, 272), (85, 453), (122, 589), (245, 680)),
}
"""Outermost points of the hands, read off by eye, px."""

FOREARMS = {
    "clean_hand_dorsal.jpg": (300, 758),
    "clean_hand_open_palm.png": (745, 755),
    "clean_hand_peace.webp": (225, 735),
    "extra_thumb.webp": (700, 411),
}
"""A point on each forearm, well behind the wrist, px."""

SIDES = {
    "clean_hand_dorsal.jpg": ["left"],
    "clean_hand_open_palm.png": ["right"],
    "clean_hand_peace.webp": ["right"],
    "clean_hand_pointing.jpg": ["right"],
    "clean_person_sitting.jpg": ["right", "left"],
    "clean_person_standing.jpg": ["right", "left"],
    "clean_person_walking.png": ["right", "left"],
    "clean_two_people.webp": ["right", "left", "right", "left"],
}
"""The subject's own sides from left to right on the picture; see the pictures' README."""


CUT_OFF = {"clean_hand_pointing.jpg": 1}
"""Hands of which a fingertip or two reach into the picture: not counted as visible, and whoever finds them is right."""


@pytest.fixture(scope="module")
def records(real_gate, pictures):
    return {name: real_gate.inspect(pictures / name).record for name in TRUTH}


@pytest.fixture(scope="module")
def single_gate():
    with Gate(search="single") as gate:
        yield gate


@pytest.mark.parametrize("name", TRUTH)
def test_every_record_is_valid_and_every_box_in_the_picture(records, name):
    record = records[name]
    SCHEMA.validate(record)
    for owner in (*record["people"], *record["hands"], *record["findings"]):
        x_min, y_min, x_max, y_max = owner["box_xyxy"]
        assert 0 <= x_min < x_max <= record["width"]
        assert 0 <= y_min < y_max <= record["height"]


@pytest.mark.parametrize("name", TRUTH)
def test_hands_and_people_are_as_many_as_there_are(records, name):
    found, visible = len(records[name]["hands"]), int(TRUTH[name]["hands_visible"])
    assert visible <= found <= visible + CUT_OFF.get(name, 0)
    assert len(records[name]["people"]) == int(TRUTH[name]["people"])


@pytest.mark.parametrize("name", CLEAN)
def test_no_clean_picture_is_rejected(records, name):
    assert records[name]["verdict"] in ("pass", "flag")


@pytest.mark.parametrize("name", FINGERTIPS)
def test_a_hands_box_holds_the_hand_without_the_forearm(records, name):
    x_min, y_min, x_max, y_max = Box(*records[name]["hands"][0]["box_xyxy"]).grown(0.01).xyxy
    for x, y in FINGERTIPS[name]:
        assert x_min <= x <= x_max and y_min <= y <= y_max
    x, y = FOREARMS[name]
    assert not (x_min <= x <= x_max and y_min <= y <= y_max)


@pytest.mark.parametrize("name", SIDES)
def test_left_and_right_are_the_subjects_own(records, name):
    sides = [hand["side"] for hand in records[name]["hands"]]
    if name in CUT_OFF:  # of a fingertip nobody knows the side
        sides = [side for side in sides if side != "unknown"]
    assert sides == SIDES[name]


@pytest.mark.parametrize("name", ["clean_hand_open_palm.png", "clean_person_standing.jpg"])
def test_the_mirrored_picture_shows_the_other_sides_at_the_mirrored_places(real_gate, records, pictures, name):
    mirrored = ImageOps.mirror(Image.open(pictures / name).convert("RGB"))
    hands = real_gate.inspect(mirrored).record["hands"][::-1]
    swapped = {"left": "right", "right": "left"}
    assert [swapped[hand["side"]] for hand in hands] == [hand["side"] for hand in records[name]["hands"]]
    for hand, original in zip(hands, records[name]["hands"], strict=True):
        x_min, y_min, x_max, y_max = hand["box_xyxy"]
        back = Box(mirrored.width - x_max, y_min, mirrored.width - x_min, y_max)
        assert back.iou(Box(*original["box_xyxy"])) > 0.8


def test_each_of_two_people_owns_two_hands(records):
    hands = records["clean_two_people.webp"]["hands"]
    assert [hand["person_index"] for hand in hands] == [0, 0, 1, 1]


def test_three_hands_of_one_person_are_all_that_persons(records):
    assert [hand["person_index"] for hand in records["third_arm.jpg"]["hands"]] == [0, 0, 0]
    assert records["third_arm.jpg"]["people"][0]["limbs"]["hands"]["seen"] == 3


def test_a_count_is_that_of_digits_that_were_seen_and_never_mediapipes_five(records):
    digits = [hand["digits"] for record in records.values() for hand in record["hands"]]
    assert any(one["count"] is None for one in digits)
    for one in digits:
        assert one["cannot_tell"] if one["count"] is None else one["count"] == len(one["items"])


# One pass


@pytest.mark.parametrize("name", ["clean_person_sitting.jpg", "third_arm.jpg"])
def test_a_single_pass_is_valid_and_finds_what_is_large(single_gate, pictures, name):
    record = single_gate.inspect(pictures / name).record
    SCHEMA.validate(record)
    assert len(record["people"]) == int(TRUTH[name]["people"])
    assert len(record["hands"]) == int(TRUTH[name]["hands_visible"])


def test_a_single_pass_has_no_second_opinion(pictures):
    picture = open_picture(pictures / "clean_hand_peace.webp")
    hands = MediaPipeHands(search="single")
    (part,) = hands.detect(picture, ())
    hands.close()
    assert (part.views, part.spread) == (None, None)
    assert part.kind is PartKind.HAND


# Nothing to see


@pytest.mark.parametrize("size_wh", [(1, 1), (8, 8), (7, 300), (4096, 16)])
def test_pictures_too_small_for_anybody_hold_nobody(real_gate, size_wh):
    record = real_gate.inspect(Image.new("RGB", size_wh, (120, 160, 90))).record
    SCHEMA.validate(record)
    assert record["verdict"] == "no_subject"


def test_noise_stripes_and_drawn_blobs_are_nobody(real_gate):
    rng = np.random.default_rng(5)
    noise = rng.integers(0, 256, (400, 400, 3), dtype=np.uint8)
    stripes = np.repeat((np.indices((400, 400)).sum(axis=0) % 40 < 20)[..., None] * np.uint8(255), 3, axis=2)
    for pixels in (noise, stripes, np.asarray(drawn())):
        assert real_gate.inspect(pixels).verdict == "no_subject"


# Parts


def test_a_body_has_a_mask_of_the_picture_that_covers_its_trunk(pictures):
    picture = open_picture(pictures / "clean_person_standing.jpg")
    pose = MediaPipePose()
    (body,) = pose.detect(picture, ())
    pose.close()
    assert body.mask.shape == (picture.height, picture.width)
    assert body.mask.dtype == bool
    middle = body.keypoints.xy[[11, 12, 23, 24]].mean(axis=0).round().astype(int)
    assert body.mask[middle[1], middle[0]]
    assert not body.mask[5, 5]


def test_keypoints_stand_on_the_picture_and_name_the_subjects_sides(pictures):
    pose = MediaPipePose(masks=False, crops=False)
    (body,) = pose.detect(open_picture(pictures / "clean_person_standing.jpg"), ())
    pose.close()
    point = body.keypoints.point
    assert body.mask is None
    assert point("left_shoulder")[0] > point("right_shoulder")[0]  # he faces us
    assert point("nose")[1] < point("left_hip")[1] < point("left_ankle")[1]


def test_faces_are_found_where_the_noses_are(pictures):
    picture = open_picture(pictures / "clean_two_people.webp")
    faces, pose = MediaPipeFaces(), MediaPipePose(masks=False)
    found, bodies = faces.detect(picture, ()), pose.detect(picture, ())
    faces.close()
    pose.close()
    for face in found:
        nearest = min(np.linalg.norm(face.box.center - body.keypoints.point("nose")) for body in bodies)
        assert nearest < face.box.size
    assert len(found) <= len(bodies) == 2


# Models


def test_no_model_is_one_clear_error_before_the_first_picture(tmp_path, monkeypatch):
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(ModelMissing, match="limbfix models pull"):
        Gate(detectors=("mediapipe",))


def test_without_mediapipes_models_our_own_eyes_judge_hands_and_every_record_says_what_is_missing(
    tmp_path, monkeypatch, pictures, caplog
):
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    with Gate() as gate:
        record = gate.inspect(pictures / "clean_hand_peace.webp").record
    assert len(record["hands"]) == 1
    assert any("no faces" in note and "model files are missing" in note for note in record["notes"])
    assert "limbfix models pull" in caplog.text
    with pytest.raises(ModelMissing, match="limbfix models pull"):
        Gate(require_models=True)


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty"])
def test_a_damaged_model_is_refused(tmp_path, monkeypatch, damage):
    for path in MODELS.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    path = tmp_path / "hand_landmarker.task"
    data = bytearray(path.read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 1
    path.write_bytes({"flip": data, "truncate": data[:-1], "empty": b""}[damage])
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(ModelCorrupt, match="hand_landmarker"):
        Gate()


def test_a_model_under_the_name_of_another_is_refused(tmp_path, monkeypatch):
    for path in MODELS.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    shutil.copy(MODELS / "pose_landmarker.task", tmp_path / "hand_landmarker.task")
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(ModelCorrupt):
        Gate()


@pytest.mark.parametrize("detector", [MediaPipeHands, MediaPipePose, MediaPipeFaces])
def test_a_failure_inside_mediapipe_carries_the_detectors_name(detector):
    """The graph is real; it is handed pixels with a channel too many, which no Picture can hold."""
    four_channels = SimpleNamespace(pixels=np.zeros((64, 64, 4), dtype=np.float64), width=64, height=64)
    made = detector()
    with pytest.raises(DetectorError, match=f"detector {detector.name}: expected a result, got"):
        made.detect(four_channels, ())
    made.close()


def test_a_second_opinion_answers_each_known_hand_and_adds_the_missed_one(pictures):
    picture = open_picture(pictures / "clean_hand_peace.webp")
    hands = MediaPipeHands(search="full", second=True)
    (alone,) = hands.detect(picture, ())  # nothing known: the look at the whole picture finds it
    nothing = Box(0, 0, 60, 60)
    ours = [
        Part(kind=PartKind.HAND, box=box, detection_score=0.9, detector="limbfix_hands") for box in (alone.box, nothing)
    ]
    seen, unseen = hands.detect(picture, tuple(ours))
    (of_nothing, missed) = hands.detect(picture, (ours[1],))
    hands.close()
    assert seen.box == alone.box
    assert seen.keypoints is not None
    assert seen.views == (6, 6)
    assert (unseen.box, unseen.views, unseen.keypoints) == (nothing, (0, 6), None)
    assert of_nothing.views == (0, 6)
    assert missed.box.iou(alone.box) > 0.9
