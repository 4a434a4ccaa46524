"""What this installation brings along is read off the rows of its manifest."""

from __future__ import annotations

import json

import pytest

from limbfix import shipped


@pytest.fixture
def listed(tmp_path, monkeypatch):
    """Writes a manifest with a row for the body parser, or without one."""
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)

    def write(row: dict | None) -> None:
        files = {} if row is None else {shipped.BODY_PARSER: row}
        (tmp_path / shipped.MANIFEST).write_text(json.dumps({"files": files}))

    return write


def test_no_manifest_or_no_row_means_no_bodies(listed):
    assert (shipped.sees_bodies(), shipped.reads_bodies()) == (False, False)
    listed(None)
    assert (shipped.sees_bodies(), shipped.reads_bodies()) == (False, False)


@pytest.mark.parametrize(("row", "reads"), [({}, True), ({"reads": "yes"}, True), ({"reads": "no"}, False)])
def test_a_parser_that_is_listed_sees_and_its_row_says_whether_it_reads(listed, row, reads):
    listed(row)
    assert shipped.sees_bodies()
    assert shipped.reads_bodies() is reads


def test_rows_tell_which_hand_networks_there_are(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    answers = {}
    for names in ((), (shipped.DIGIT_PARSER,), (shipped.HAND_FINDER,), (shipped.HAND_FINDER, shipped.DIGIT_PARSER)):
        (tmp_path / shipped.MANIFEST).write_text(json.dumps({"files": {name: {} for name in names}}))
        answers[names] = (shipped.finds_hands(), shipped.has_hand_networks())
    assert list(answers.values()) == [(False, False), (False, True), (False, False), (True, True)]
