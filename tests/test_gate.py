"""The way from a file to its record: nothing that happens on it may turn into a pass, and nothing may move a box."""

from __future__ import annotations

import io
import json

import jsonschema
import numpy as np
import pytest
from blob_detector import BAD, GOOD, BlobDetector, count_hands, drawn
from picture_files import FORMATS, encoded, in_display_p3, oriented, rgb_16bit, with_text
from PIL import Image, ImageOps

import limbfix
from limbfix.errors import DetectorError, PolicyError, UnreadablePicture, UsageError
from limbfix.gate import Gate, detect
from limbfix.geometry import Box
from limbfix.images import open_picture
from limbfix.parts import Part, PartKind
from limbfix.policies import Policy
from limbfix.records import record_schema

SCHEMA = jsonschema.Draft202012Validator(record_schema())


@pytest.fixture
def gate(monkeypatch):
    """A gate in the drawn world; see blob_detector."""
    monkeypatch.setattr("limbfix.gate.check", count_hands)
    with Gate(detectors=[BlobDetector()]) as made:
        yield made


def boxes(record) -> list[list[float]]:
    return [one["box_xyxy"] for one in (*record["people"], *record["hands"], *record["findings"])]


def assert_same(record, expected, *, px=1.0):
    SCHEMA.validate(record)
    assert (record["width"], record["height"]) == (expected["width"], expected["height"])
    assert record["verdict"] == expected["verdict"]
    assert record["defect_score"] == pytest.approx(expected["defect_score"], abs=0.02)
    assert np.shape(boxes(record)) == np.shape(boxes(expected))
    assert np.abs(np.array(boxes(record)) - boxes(expected)).max() <= px


def test_a_good_picture_passes_and_a_bad_one_is_rejected(gate):
    """Without both, every test below could hold on a gate that always says the same."""
    good, bad = gate.inspect(drawn(GOOD)), gate.inspect(drawn(BAD))
    assert (good.verdict, len(good.record["hands"])) == ("pass", 2)
    assert (bad.verdict, len(bad.record["hands"])) == ("reject", 3)
    assert "3 hands" in bad.reason
    for inspection in (good, bad):
        SCHEMA.validate(inspection.record)


def test_the_record_names_file_models_and_policy(gate, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(drawn()))
    record = gate.judge_path(str(path)).record
    assert record["path"] == str(path)
    assert record["models"] == {"blobs.model": "b" * 64}
    assert record["policy"] == Policy().label
    assert 0 <= record["seconds"] < 5


# R6: orientation


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("hands", [GOOD, BAD], ids=["good", "bad"])
def test_every_orientation_gives_the_verdict_and_boxes_of_the_upright_picture(gate, hands, orientation, kind):
    options = {"subsampling": 0} if kind == "JPEG" else {}
    upright = gate.inspect(drawn(hands)).record
    assert_same(gate.inspect(oriented(drawn(hands), orientation, kind, **options)).record, upright)


def test_the_orientation_test_can_fail(gate):
    """A turned picture without the word for it is another picture."""
    turned = drawn().transpose(Image.Transpose.ROTATE_90)
    with pytest.raises(AssertionError):
        assert_same(gate.inspect(turned).record, gate.inspect(drawn()).record)


# R7: colour


def _transparent(image: Image.Image) -> Image.Image:
    """RGBA whose white is transparent, over black that must not be seen."""
    alpha = ImageOps.invert(image.convert("L")).point(lambda level: 255 if level else 0)
    pixels = Image.composite(image, Image.new("RGB", image.size, "black"), alpha)
    pixels.putalpha(alpha)
    return pixels


def _palette_with_hole(image: Image.Image) -> bytes:
    palette = image.convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
    return encoded(palette, transparency=palette.getpixel((0, 0)))


MODES = {
    "grey": lambda image: encoded(image.convert("L")),
    "grey and alpha": lambda image: encoded(_transparent(image).convert("LA")),
    "16-bit grey": lambda image: encoded(Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)),
    "16-bit RGB": rgb_16bit,
    "RGBA": lambda image: encoded(_transparent(image)),
    "palette": lambda image: encoded(image.convert("P", palette=Image.Palette.ADAPTIVE, colors=8)),
    "palette with tRNS": _palette_with_hole,
    "CMYK": lambda image: encoded(image.convert("CMYK"), "JPEG", subsampling=0),
    "Display P3": in_display_p3,
    "transparent WebP": lambda image: encoded(_transparent(image), "WEBP"),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("hands", [GOOD, BAD], ids=["good", "bad"])
def test_every_colour_mode_gives_the_verdict_of_its_rgb_twin(gate, hands, mode):
    assert_same(gate.inspect(MODES[mode](drawn(hands))).record, gate.inspect(drawn(hands)).record)


def test_a_file_its_bytes_its_image_and_its_array_are_judged_alike(gate, tmp_path):
    image = drawn(BAD)
    path = tmp_path / "a.png"
    path.write_bytes(encoded(image))
    expected = gate.inspect(path).record
    for source in (str(path), path.read_bytes(), image, np.asarray(image)):
        assert_same(gate.inspect(source).record, expected, px=0)


# R4, R34: what cannot be judged is no pass


@pytest.mark.parametrize("kind", FORMATS)
def test_a_truncated_file_never_passes(gate, tmp_path, kind):
    data = encoded(drawn(GOOD), kind)
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(data)
    assert gate.judge_path(str(path)).verdict == "pass"
    for cut in range(20):
        path.write_bytes(data[: cut * len(data) // 20])
        inspection = gate.judge_path(str(path))
        SCHEMA.validate(inspection.record)
        assert (inspection.verdict, inspection.defect_score) == ("unjudged", None)
        assert inspection.record["error"]["code"] in ("unreadable", "unsupported_format")


def test_a_failing_detector_is_an_error_with_its_name_and_never_nothing_found(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(drawn()))
    gate = Gate(detectors=[BlobDetector(fails=True)])
    record = gate.judge_path(str(path)).record
    SCHEMA.validate(record)
    assert (record["verdict"], record["error"]["code"]) == ("unjudged", "detector_failed")
    assert "detector blobs" in record["reason"]
    assert record["sha256"] is not None
    with pytest.raises(DetectorError, match="detector blobs"):
        gate.inspect(path)


@pytest.mark.parametrize("answer", [lambda: None, lambda: [_hand_at(float("nan"))]])
def test_a_detector_that_answers_with_no_parts_or_none_that_lie_anywhere_has_failed(tmp_path, answer):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(drawn()))
    detector = BlobDetector()
    detector.detect = lambda picture, known: answer()
    record = Gate(detectors=[detector]).judge_path(str(path)).record
    SCHEMA.validate(record)
    assert (record["verdict"], record["error"]["code"]) == ("unjudged", "detector_failed")
    json.dumps(record, allow_nan=False)


def test_a_detector_may_answer_with_a_list():
    detector = BlobDetector()
    detector.detect = lambda picture, known: [_hand_at(5.0)]
    assert len(Gate(detectors=[detector]).inspect(drawn()).record["hands"]) == 1


def _hand_at(x: float) -> Part:
    return Part(kind=PartKind.HAND, box=Box(x, 5, x + 40, 45), detection_score=0.9, detector="blobs")


def test_one_failing_detector_among_several_is_enough(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(drawn()))
    second = BlobDetector(fails=True)
    second.name = "second"
    assert "detector second" in Gate(detectors=[BlobDetector(), second]).judge_path(str(path)).reason


def test_a_detector_that_saw_nothing_makes_no_subject(gate):
    record = gate.inspect(Image.new("RGB", (64, 48), "white")).record
    SCHEMA.validate(record)
    assert (record["verdict"], record["defect_score"]) == ("no_subject", None)


def test_a_person_without_hands_is_not_passed(gate):
    assert gate.inspect(drawn(())).verdict == "unjudged"


@pytest.mark.parametrize("size_wh", [(1, 1), (8, 8), (4096, 16), (16, 4096), (1, 4096)])
@pytest.mark.parametrize("color", ["white", "black"])
def test_tiny_and_thin_pictures_are_judged_or_refused_and_never_passed(gate, size_wh, color):
    record = gate.inspect(Image.new("RGB", size_wh, color)).record
    SCHEMA.validate(record)
    assert record["verdict"] in ("no_subject", "unjudged") or len(record["hands"]) == 1  # one black hand


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff"])
def test_an_empty_or_hollow_file_is_unjudged(gate, tmp_path, data):
    path = tmp_path / "a.png"
    path.write_bytes(data)
    assert gate.judge_path(str(path)).verdict == "unjudged"
    with pytest.raises(limbfix.LimbfixError):
        gate.inspect(path)


def test_a_missing_file_is_one_record_and_the_run_goes_on(gate, tmp_path):
    good = tmp_path / "good.png"
    good.write_bytes(encoded(drawn()))
    made = list(gate.run([tmp_path / "none.png", good]))
    assert [one.verdict for one in made] == ["unjudged", "pass"]
    assert made[0].record["sha256"] is None
    with pytest.raises(UnreadablePicture):
        gate.inspect(tmp_path / "none.png")


# R22: the same picture twice


def test_two_runs_are_equal_but_for_their_seconds(gate, tmp_path):
    paths = []
    for name, hands in (("a", GOOD), ("b", BAD), ("c", ())):
        paths.append(tmp_path / f"{name}.jpg")
        paths[-1].write_bytes(encoded(drawn(hands), "JPEG"))
    first, second = ([json.dumps(one.record | {"seconds": 0}) for one in gate.run(paths)] for _ in range(2))
    assert first == second


def test_a_mirrored_picture_has_the_same_verdict_and_mirrored_boxes(gate):
    for hands in (GOOD, BAD):
        record = gate.inspect(drawn(hands)).record
        mirrored = gate.inspect(ImageOps.mirror(drawn(hands))).record
        assert (mirrored["verdict"], mirrored["defect_score"]) == (record["verdict"], record["defect_score"])
        back = sorted([320 - box[2], box[1], 320 - box[0], box[3]] for box in boxes(mirrored))
        assert np.allclose(back, sorted(boxes(record)), atol=0.2)


# Policies on the way


def test_the_prompt_in_the_picture_wakes_the_policys_rule_and_the_record_names_it(gate, tmp_path):
    rules = ({"when_prompt": "kali|shiva", "allow": ["extra_hand"]},)
    gate.policy = limbfix.Policy(rules=rules)
    parameters = "{}\nSteps: 20, Sampler: Euler, Seed: 7, Model: m"
    plain = gate.inspect(with_text(drawn(BAD), parameters=parameters.format("a dancer"))).record
    named = gate.inspect(with_text(drawn(BAD), parameters=parameters.format("the goddess Kali dancing"))).record
    assert (plain["verdict"], plain["exceptions"]) == ("reject", [])
    assert named["verdict"] == "pass"
    assert named["exceptions"] == ["allow extra_hand (when_prompt:kali|shiva)"]
    assert named["source"]["prompt"] == "the goddess Kali dancing"
    SCHEMA.validate(named)


def test_a_policy_file_is_read_at_once(tmp_path):
    path = tmp_path / "p.toml"
    path.write_text('name = "mine"\n')
    assert Gate(path, detectors=[BlobDetector()]).policy.name == "mine"
    with pytest.raises(PolicyError):
        Gate(tmp_path / "none.toml", detectors=[BlobDetector()])


@pytest.mark.parametrize("options", [{"search": "deep"}, {"detectors": ["eyes"]}, {"detectors": []}])
def test_impossible_wishes_are_refused_before_the_first_picture(options):
    with pytest.raises(UsageError):
        Gate(**options)


def test_too_large_a_picture_is_refused_by_the_gates_own_limit(monkeypatch):
    monkeypatch.setattr("limbfix.gate.check", count_hands)
    detector = BlobDetector()
    gate = Gate(detectors=[detector], max_pixels=1000)
    with pytest.raises(limbfix.LimbfixError, match=r"1,?000"):
        gate.inspect(encoded(drawn()))
    assert detector.looks == 0


def test_each_detector_is_told_what_those_before_it_saw():
    told = []

    class Listener(BlobDetector):
        name = "listener"

        def detect(self, picture, known):
            told.append(len(known))
            return ()

    picture = open_picture(drawn(BAD))
    parts = detect(picture, [Listener(), BlobDetector(), Listener()])
    assert told == [0, 4]
    assert len(parts) == 4


def test_a_closed_gate_has_closed_its_detectors():
    detector = BlobDetector()
    with Gate(detectors=[detector]):
        assert not detector.closed
    assert detector.closed


def test_a_state_of_the_world_is_not_kept_between_pictures(gate):
    before = gate.inspect(drawn(GOOD)).record
    gate.inspect(drawn(BAD))
    after = gate.inspect(drawn(GOOD)).record
    assert after | {"seconds": 0} == before | {"seconds": 0}


# The real detectors


@pytest.mark.models
def test_a_real_picture_is_judged_alike_in_every_orientation(real_gate, pictures):
    upright = Image.open(pictures / "third_arm.jpg").convert("RGB")
    expected = real_gate.inspect(upright).record
    assert expected["hands"]
    for orientation in range(1, 9):
        assert_same(real_gate.inspect(oriented(upright, orientation, "PNG", compress_level=1)).record, expected)


@pytest.mark.models
def test_real_detectors_give_the_same_record_twice_whatever_came_between(real_gate, pictures):
    names = ("clean_two_people.webp", "third_arm.jpg")
    first = [real_gate.inspect(pictures / name).record | {"seconds": 0} for name in names]
    second = [real_gate.inspect(pictures / name).record | {"seconds": 0} for name in reversed(names)]
    assert first == second[::-1]


@pytest.mark.models
@pytest.mark.disable_socket
def test_judging_opens_no_socket(real_gate, pictures):
    buffer = io.BytesIO((pictures / "clean_hand_peace.webp").read_bytes())
    assert real_gate.inspect(buffer.getvalue()).record["hands"]
    with limbfix.Gate(search="single") as fresh:
        assert fresh.inspect(pictures / "clean_person_standing.jpg").record["people"]


def test_an_unforeseen_failure_of_a_detector_is_an_error_with_its_name(tmp_path):
    class Broken:
        name = "broken"

        def model_hashes(self):
            return {}

        def detect(self, picture, known):
            raise IndexError("no such peak")

        def close(self):
            pass

    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    (inspection,) = Gate(detectors=[Broken()]).run([tmp_path / "a.png"])
    assert inspection.verdict == "unjudged"
    assert inspection.record["error"]["code"] == "detector_failed"
    assert "detector broken" in inspection.reason
    assert "no such peak" in inspection.reason
