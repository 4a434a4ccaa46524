"""An inspection shows itself, and what it shows comes from the record and not from whoever named the file."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from blob_detector import BAD, SIZE_WH, BlobDetector, count_hands, drawn
from PIL import Image
from read_hands import read_hand
from synthetic import BLAZEPOSE33, person, scene, whole_person

from limbfix.digits import CannotTell
from limbfix.gate import Gate
from limbfix.inspections import Inspection, keypoints_for_drawing


@pytest.fixture
def inspection(monkeypatch):
    monkeypatch.setattr("limbfix.gate.check", count_hands)
    with Gate(detectors=[BlobDetector()]) as gate:
        return gate.inspect(drawn(BAD), name='<script>alert("x")</script>.png')


def test_it_says_what_its_record_says(inspection):
    record = inspection.record
    assert inspection.verdict == record["verdict"] == "reject"
    assert inspection.defect_score == record["defect_score"] == 0.9
    assert inspection.reason == record["reason"]
    assert [finding.defect_score for finding in inspection.findings] == [0.9]


def test_it_draws_on_a_copy(inspection):
    before = inspection.picture.pixels.copy()
    overlay = inspection.draw()
    assert overlay.size == (320, 240)
    assert not np.array_equal(np.asarray(overlay.convert("RGB")), before)
    assert np.array_equal(inspection.picture.pixels, before)


def test_a_notebook_gets_a_picture_and_escaped_text(inspection):
    assert Image.open(io.BytesIO(inspection._repr_png_())).size == (320, 240)
    page = inspection._repr_html_()
    assert "<b>reject</b>" in page and "data:image/png;base64," in page
    hostile = Inspection(record=inspection.record | {"reason": "<img src=x onerror=alert(1)>"})
    assert "<img src=x" not in hostile._repr_html_()
    assert "&lt;script&gt;" in page and "<script" not in page, (
        "the picture has its name, in words and for who cannot see it"
    )
    assert 'alt="&lt;script&gt;' in page and "max-width:100%" in page


def test_an_unread_picture_shows_its_reason_and_cannot_be_drawn(tmp_path):
    missing = Gate(detectors=[BlobDetector()]).judge_path(str(tmp_path / "none.png"))
    assert missing._repr_png_() is None
    assert "unjudged" in missing._repr_html_() and "no score" in missing._repr_html_()
    with pytest.raises(ValueError, match=r"none\.png"):
        missing.draw()


def test_keypoints_for_drawing_are_plain_json_with_null_for_what_is_absent():
    plain = keypoints_for_drawing(scene(*whole_person(absent=("hip",))))
    assert [one["layout"] for one in plain] == ["blazepose33", "hand21", "hand21"]
    assert json.loads(json.dumps(plain, allow_nan=False)) == list(plain)
    assert plain[0]["xy"][BLAZEPOSE33.index("left_hip")] is None
    assert plain[0]["xy"][0] is not None
    assert plain[1]["score"] == [None] * 21


def test_people_without_keypoints_are_not_drawn_as_skeletons():
    assert keypoints_for_drawing(scene()) == ()
    assert len(keypoints_for_drawing(scene(person()))) == 1


class Reader(BlobDetector):
    """Sees two hands and has read one of them."""

    def detect(self, picture, known):
        hidden = read_hand(250, 150, 60, number=2, cannot_tell=CannotTell.OCCLUDED)
        return (read_hand(90, 150, 60, number=6), hidden)


def test_the_hierarchy_leads_from_a_hand_to_its_digits_segments_and_nails():
    with Gate(detectors=[Reader()]) as gate:
        made = gate.inspect(drawn(BAD))
    first, second = made.hands
    assert [first.count, first.visible, first.cannot_tell, len(first.digits)] == [6, 6, None, 6]
    assert [second.count, second.visible, second.cannot_tell] == [None, 2, CannotTell.OCCLUDED]
    assert first.defect_probability == made.record["hands"][0]["defect_probability"] == 0.05
    digit = first.digits[3]
    assert [segment.name for segment in digit.segments] == ["proximal", "middle", "distal"]
    for mask in (first.mask, digit.mask, digit.segments[0].mask, digit.nail):
        full = mask.full(*SIZE_WH)
        assert full.shape == SIZE_WH[::-1] and full.sum() == mask.area > 0
    assert "mask" not in made.record["hands"][0], "records hold masks only where they are asked for"


def test_a_gate_that_is_asked_for_masks_writes_them_into_its_records():
    with Gate(detectors=[Reader()], masks=True) as gate:
        row = gate.inspect(drawn(BAD)).record["hands"][0]
    assert row["digits"]["items"][0]["mask"]["size"] == [240, 320]


def test_a_picture_that_could_not_be_read_has_no_hands(tmp_path):
    assert Gate(detectors=[BlobDetector()]).judge_path(str(tmp_path / "none.png")).hands == ()
