"""An inspection shows itself, and what it shows comes from the record and not from whoever named the file."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from blob_detector import BAD, BlobDetector, count_hands, drawn
from PIL import Image
from synthetic import BLAZEPOSE33, person, scene, whole_person

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
