"""Whatever comes in, what comes out is a valid record or an error of ours; the originals and the process stay as they were."""

from __future__ import annotations

import gc
import hashlib
import json
import math
import os
from pathlib import Path

import jsonschema
import pytest
from blob_detector import BAD, GOOD, BlobDetector, count_hands, drawn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from picture_files import FOREIGN, FORMATS, encoded, png_bomb, text_bomb
from synthetic import HEIGHT, WIDTH, face, hand, person, person_box, picture

from limbfix.assembly import assemble
from limbfix.checks import check
from limbfix.errors import LimbfixError
from limbfix.gate import Gate
from limbfix.geometry import Box
from limbfix.layouts import BLAZEPOSE33
from limbfix.parts import Part, PartKind, Side
from limbfix.policies import Policy
from limbfix.records import make_record, record_schema
from limbfix.verdicts import judge

SCHEMA = jsonschema.Draft202012Validator(record_schema())


@pytest.fixture
def gate(monkeypatch):
    monkeypatch.setattr("limbfix.gate.check", count_hands)
    with Gate(detectors=[BlobDetector()]) as made:
        yield made


# R5: bytes that nobody meant

SEEDS = [encoded(drawn(hands), kind) for kind in FORMATS for hands in (GOOD, BAD)]


@st.composite
def mutated(draw) -> bytes:
    """A picture file with some bytes changed, cut out or doubled."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, max(len(data) - 1, 0)))
        change = draw(st.sampled_from(("set", "cut", "double", "end")))
        length = draw(st.integers(1, 40))
        if change == "set" and data:
            data[place] = draw(st.integers(0, 255))
        elif change == "cut":
            del data[place : place + length]
        elif change == "double":
            data[place:place] = data[place : place + length]
        elif change == "end":
            del data[place:]
    return bytes(data)


@given(st.one_of(mutated(), st.binary(max_size=300)))
@settings(max_examples=250, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_mutated_files_end_in_a_valid_record_or_in_an_error_of_ours(gate, data):
    try:
        record = gate.inspect(data).record
    except LimbfixError as error:
        assert str(error)
    else:
        SCHEMA.validate(record)
        json.dumps(record, allow_nan=False)


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_bytes_under_a_pictures_name_are_one_unjudged_record(gate, tmp_path, name):
    path = tmp_path / "a.png"
    path.write_bytes(FOREIGN[name])
    record = gate.judge_path(str(path)).record
    SCHEMA.validate(record)
    assert (record["verdict"], record["error"]["code"]) == ("unjudged", "unsupported_format")


@pytest.mark.parametrize(
    ("data", "codes"),
    [(png_bomb(60_000, 60_000), {"too_large"}), (text_bomb(), {"too_large", "unreadable"})],
    ids=["pixels", "text"],
)
def test_a_bomb_is_one_unjudged_record_and_the_run_goes_on(gate, tmp_path, data, codes):
    (tmp_path / "a.png").write_bytes(data)
    (tmp_path / "b.png").write_bytes(encoded(drawn()))
    first, second = gate.run(sorted(tmp_path.iterdir()))
    assert first.record["error"]["code"] in codes
    assert second.verdict == "pass"


# Scenes that no renderer meant

places = st.floats(-400, 1400, allow_nan=False)
sizes = st.sampled_from([0.0, 0.5, 3.0, 30.0, 80.0, 400.0, 2000.0])
landmarks = st.sampled_from(BLAZEPOSE33.landmarks)
bodies = st.builds(
    person,
    places,
    places,
    sizes,
    mirrored=st.booleans(),
    score=st.sampled_from([0.0, 0.5, 1.0]),
    visibility=st.sampled_from([0.0, 0.4, 0.99, float("nan")]),
    unseen=st.lists(landmarks, max_size=6),
    absent=st.lists(landmarks, max_size=12),
    moved=st.dictionaries(landmarks, st.tuples(places, places), max_size=6),
)
hands = st.builds(
    hand,
    places,
    places,
    sizes,
    side=st.sampled_from(list(Side)),
    angle_deg=st.floats(0, 360),
    palm=st.booleans(),
    score=st.sampled_from([None, 0.0, 1.0]),
)
bare_hands = st.builds(
    lambda x, y, size: Part(
        kind=PartKind.HAND, box=Box(x, y, x + size, y + size), detection_score=None, detector="bare"
    ),
    places,
    places,
    sizes,
)
bare_people = st.builds(lambda x, y, size: person_box(x, y, x + size, y + size), places, places, sizes)
faces = st.builds(face, places, places, sizes)
PICTURE = picture()


@given(st.lists(st.one_of(bodies, hands, bare_hands, bare_people, faces), max_size=7))
@settings(max_examples=250, deadline=None)
def test_no_scene_is_too_strange_for_a_valid_record(parts):
    scene = assemble(tuple(parts), WIDTH, HEIGHT)
    findings = check(scene)
    for finding in findings:
        assert all(map(math.isfinite, finding.box.xyxy)), finding
        assert finding.message
        assert finding.hand_index is None or 0 <= finding.hand_index < len(scene.hands)
        assert finding.person_index is None or 0 <= finding.person_index < len(scene.people)
    policy = Policy()
    verdict = judge(findings, scene, policy.for_prompt(None))
    record = make_record(
        PICTURE, scene, verdict, policy=policy.label, min_hand_px=policy.min_hand_px, models={}, seconds=0.0
    )
    SCHEMA.validate(record)
    for owner in (*record["people"], *record["hands"], *record["findings"]):
        x_min, y_min, x_max, y_max = owner["box_xyxy"]
        assert 0 <= x_min <= x_max <= WIDTH
        assert 0 <= y_min <= y_max <= HEIGHT
    json.dumps(record, allow_nan=False)


@given(st.lists(st.one_of(bodies, hands), min_size=1, max_size=5), st.randoms())
@settings(max_examples=60, deadline=None)
def test_the_order_in_which_hands_and_bodies_were_seen_changes_no_score(parts, random):
    def scores(parts):
        found = check(assemble(tuple(parts), WIDTH, HEIGHT))
        return sorted((finding.code, round(finding.defect_score, 6)) for finding in found)

    shuffled = list(parts)
    random.shuffle(shuffled)
    ranks = [(part.detection_score or 0.0) for part in parts if part.kind is PartKind.PERSON]
    if len(set(ranks)) == len(ranks):  # of two equally sure sights of one body, the first one stays
        assert scores(shuffled) == scores(parts)


# R16, R30: the originals, and the process


def test_judging_leaves_the_originals_as_they_were(gate, tmp_path):
    for index, seed in enumerate(SEEDS):
        (tmp_path / f"{index}.img").write_bytes(seed)
    (tmp_path / "broken.png").write_bytes(SEEDS[0][:90])

    def state(path: Path):
        return hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns, path.stat().st_mode

    before = {path: state(path) for path in sorted(tmp_path.iterdir())}
    for inspection in gate.run(before):
        if inspection.picture is not None:
            inspection.draw()
    assert {path: state(path) for path in sorted(tmp_path.iterdir())} == before


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


ON_LINUX = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")


@ON_LINUX
def test_memory_and_open_files_stay_flat_over_many_pictures(gate, tmp_path):
    for index, seed in enumerate(SEEDS):
        (tmp_path / f"{index}.img").write_bytes(seed)
    paths = sorted(tmp_path.iterdir()) * 50

    def resident() -> int:
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    for inspection in gate.run(paths[:60]):
        inspection.record["verdict"]
    memory, files = resident(), open_files()
    judged = sum(inspection.verdict in ("pass", "reject") for inspection in gate.run(paths))
    assert judged == 300
    assert resident() - memory < 20 << 20
    assert open_files() == files


@ON_LINUX
@pytest.mark.models
def test_real_detectors_leave_no_file_open_after_closing(pictures):
    with Gate(search="single") as first:
        first.inspect(pictures / "clean_hand_peace.webp")
    before = open_files()
    for _ in range(3):
        with Gate(search="single") as again:
            again.inspect(pictures / "clean_hand_peace.webp")
    assert open_files() <= before
