"""The body benchmark's arithmetic on people drawn by hand: joints without sides, people counted, limbs and pairs of made pictures."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))

import bodies
from limbfix_bench import body_joints, body_reading, body_sheets, made_bodies
from limbfix_bench.body_joints import LabelledPerson
from limbfix_bench.made_bodies import ReadPicture

from limbfix.assembly import assemble
from limbfix.bodies import BodyReading, LimbEnd, LimbKind, LimbLine, LimbRoot, PersonGraph
from limbfix.findings import DefectCode
from limbfix.geometry import Box
from limbfix.layouts import BLAZEPOSE33
from limbfix.parts import Keypoints, Side
from limbfix.synthesis.samples import Instance, Joint, Sample

BODY = {
    "neck": (100, 50), "head_top": (100, 10), "left_shoulder": (120, 60), "right_shoulder": (80, 60), "left_elbow": (130, 100),
    "right_elbow": (70, 100), "left_wrist": (135, 140), "right_wrist": (65, 140), "left_hip": (110, 150), "right_hip": (90, 150),
    "left_knee": (112, 200), "right_knee": (88, 200), "left_ankle": (114, 250), "right_ankle": (86, 250),
}  # fmt: skip
"""Seen from the front; the torso's diagonals are 94.9 px, so 19.0 px is near."""

ARM, LEG = ("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")


def _person(without=()):
    joints = {name: np.array(xy, float) for name, xy in BODY.items() if name not in without}
    return LabelledPerson(name="x.jpg", joints=joints, torso=body_joints.torso_of(joints))


def _limb(index, kind, points, joints=None, score=0.9, root=LimbRoot.JOINED):
    return LimbLine(
        limb_index=index, kind=kind, side=Side.UNKNOWN, side_score=0.5, polyline=np.array(points, np.float32),
        joints=joints or (ARM if kind is LimbKind.ARM else LEG)[: len(points)], joint_scores=np.ones(len(points), np.float32),
        score=score, root=root, end=LimbEnd.BEHIND, end_score=0.9,
    )  # fmt: skip


def _graph(shift=0.0, extra=(), legs=True, neck=True):
    limbs = [[BODY[f"{side}_{joint}"] for joint in ARM] for side in ("right", "left")]
    kinds = [LimbKind.ARM] * 2 + [LimbKind.ARM] * len(extra)
    limbs += list(extra)
    if legs:
        limbs += [[BODY[f"{side}_{joint}"] for joint in LEG] for side in ("left", "right")]
        kinds += [LimbKind.LEG] * 2
    move = np.array([shift, 0])
    lines = tuple(
        _limb(i, kind, np.array(points) + move) for i, (kind, points) in enumerate(zip(kinds, limbs, strict=True))
    )
    return PersonGraph(
        person_index=None, box=Box(60 + shift, 5, 140 + shift, 255), score=0.9,
        neck=np.array(BODY["neck"], float) + move if neck else None, head=np.array([100, 28.0]) + move,
        shoulders=np.array([BODY["left_shoulder"], BODY["right_shoulder"]]) + move,
        hips=np.array([BODY["left_hip"], BODY["right_hip"]]) + move, limbs=lines,
    )  # fmt: skip


def _hits(graphs, person):
    gaps = [body_joints.gaps_without_sides(body_joints.graph_points(graph), person) for graph in graphs]
    return body_joints.nearest(gaps, person)


def test_a_perfect_reading_hits_every_joint_whatever_its_order():
    person = _person()
    hits = _hits([_graph()], person)
    assert hits.hit == hits.labelled == frozenset(BODY)
    rows = {row.measure: row.estimate for row in body_joints.measure([hits], "x", "")}
    assert (rows["pck_limb_joints"].value, rows["pck_limb_joints"].n) == (1.0, 12)
    assert (rows["pck_all_joints"].n, rows["pck_elbow"].n, rows["pck_neck"].n) == (14, 2, 1)


def test_the_nearest_person_is_measured_and_joints_beyond_a_fifth_of_the_torso_are_misses():
    person = _person()
    assert _hits([_graph(shift=500), _graph(shift=18)], person).hit == frozenset(BODY)
    # 22 px aside nothing is near but what may be the other side: the hips, 20 px apart, by 2 px
    far = _hits([_graph(shift=22)], person)
    assert "left_wrist" not in far.hit
    assert _hits([], person).hit == frozenset()
    assert len(_hits([], person).labelled) == 14


def test_absent_joints_are_misses_and_unlabelled_ones_are_not_asked_for():
    assert _hits([_graph(legs=False)], _person()).hit == frozenset(BODY) - {
        f"{side}_{kind}" for side in ("left", "right") for kind in ("knee", "ankle")
    }
    person = _person(without=("left_wrist", "head_top"))
    assert _hits([_graph()], person).labelled == frozenset(BODY) - {"left_wrist", "head_top"}


def test_one_joint_serves_one_side_only():
    points = {"wrist": np.array([[100.0, 140.0]])}
    gaps = body_joints.gaps_without_sides(points, _person())
    assert sorted(np.isfinite([gaps["left_wrist"], gaps["right_wrist"]])) == [False, True]


def test_limbs_that_share_an_inner_joint_give_it_once():
    forked = _graph(extra=[[BODY["left_shoulder"], (150, 90), (170, 130)]])
    points = body_joints.graph_points(forked)
    assert [len(points[kind]) for kind in ("shoulder", "elbow", "wrist")] == [2, 3, 3]


def _keypoints(swapped):
    xy = np.full((33, 2), np.nan)
    for name, place in BODY.items():
        side, _, kind = name.partition("_")
        if side in ("left", "right"):
            other = {"left": "right", "right": "left"}[side]
            xy[BLAZEPOSE33.index(f"{other if swapped else side}_{kind}")] = place
    xy[BLAZEPOSE33.index("left_ear")], xy[BLAZEPOSE33.index("right_ear")] = (105, 35), (95, 35)
    return Keypoints(layout=BLAZEPOSE33, xy=xy, score=np.ones(33), world=None)


def test_a_pose_with_its_sides_swapped_is_right_without_sides_and_wrong_with_them():
    person = _person()
    for swapped, expected in ((False, 14), (True, 2)):
        points = _keypoints(swapped)
        free = body_joints.nearest([body_joints.gaps_without_sides(body_joints.free_points(points), person)], person)
        sided = body_joints.nearest([body_joints.gaps_with_sides(body_joints.sided_points(points), person)], person)
        assert len(free.hit) == 14
        # neck and crown have no side; the hips lie 20 px apart, farther than 19
        assert len(sided.hit) == expected


def test_labels_without_a_torso_have_no_ruler(tmp_path):
    names = list(BODY)
    rows = [[*BODY[name], 1] for name in names]
    hidden = [[x, y, 0 if "hip" in name else 1] for name, (x, y, _) in zip(names, rows, strict=True)]
    file = tmp_path / "lsp.json"
    file.write_text(json.dumps({"landmarks": names, "images": {"b.jpg": rows, "a.jpg": hidden}}))
    (person,) = body_joints.read_labels(file)
    assert (person.name, len(person.joints)) == ("b.jpg", 14)
    assert person.torso == pytest.approx(np.hypot(30, 90))


def test_yolo_boxes_are_read_in_px_and_small_people_are_counted_on_neither_side(tmp_path):
    label = tmp_path / "a.txt"
    label.write_text("0 0.5 0.5 0.25 0.5\n16 0.5 0.5 0.9 0.9\n0 0.1 0.1 0.01 0.05\n\n")
    assert body_reading.boxes_of(label, 400, 200) == [(100.0, 100.0), (4.0, 10.0)]
    assert body_reading.boxes_of(tmp_path / "none.txt", 400, 200) == []
    scene = assemble((), 800, 400, BodyReading(people=(_graph(), _graph(shift=300))))
    assert body_reading.people_in(scene) == 2


def test_people_are_right_within_one():
    found = body_reading.count_rows([(1, 1), (2, 3), (3, 5), (9, 2)], "x")
    assert found[0].detail == "mean error -1.00 of 3.75 people; always saying 2: 0.75 within one"
    rows = {row.measure: row.estimate for row in found}
    assert rows["people_within_one"].value == 0.5
    assert rows["people_exact"].value == 0.25
    assert (rows["people_within_one_to_four"].value, rows["people_within_one_to_four"].n) == (pytest.approx(2 / 3), 3)


def _seen(*graphs):
    reading = BodyReading(people=graphs)
    scene = assemble((), 800, 400, reading)
    return body_reading.Seen(reading=reading, scene=scene, scores=body_reading.worst_scores(scene))


def test_a_third_arm_is_claimed_where_three_are_read_and_counted_by_folder():
    third = _seen(_graph(extra=[[(80, 70), (50, 90), (30, 130)]]))
    seen = {"coco/a.jpg": third, "coco/b.jpg": _seen(_graph()), "ai/c.jpg": _seen()}
    ((name, score),) = body_reading.arm_claims(seen)
    assert (name, score >= 0.5) == ("coco/a.jpg", True)
    assert seen["ai/c.jpg"].score(DefectCode.PERSON_EXTRA_ARM) == 0.0
    found = body_reading.false_arm_rows(seen)
    assert found[1].detail.startswith("1 of 2 pictures, 2 with somebody seen")
    rows = {row.source: row.estimate for row in found}
    assert (rows["contact/coco"].value, rows["contact/ai"].value) == (0.5, 0.0)


def test_contact_pictures_leave_out_those_whose_labels_name_a_limb_too_many(tmp_path):
    (tmp_path / "ai_images").mkdir()
    with (tmp_path / "ai_images" / "labels.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["file", "defects", "note"])
        writer.writeheader()
        for row in (
            ("a_wrestling_1.jpg", "malformed_hand", ""), ("a_wrestling_2.jpg", "other;extra_arm", ""),
            ("a_wrestling_3.jpg", "", "extra limb (arm/leg not resolved)"), ("a_pizza_1.jpg", "", ""),
        ):  # fmt: skip
            writer.writerow(dict(zip(("file", "defects", "note"), row, strict=True)))
    assert body_reading.contact_pictures(tmp_path) == ["ai_images/a_wrestling_1.jpg"]


def _sample(arms=2, seen=1.0, fault=()):
    def row(id, kind, owner, joints=(), **more):
        return Instance(id=id, kind=kind, name=kind, side=None, owner=owner, joints=joints, **more)

    torso = (Joint(name="neck", xy=BODY["neck"], visible=True), Joint(name="pelvis", xy=(100, 150), visible=True))
    items = [row(1, "person", None), row(2, "torso", 1, torso)]
    items += [row(3 + i, "arm", 1, visible_fraction=seen) for i in range(arms)]
    items += [row(20 + i, "leg", 1, visible_fraction=1.0) for i in range(2)]
    items += [row(30, "leg", 1, present=False, faults=("missing",)), row(40, "hand", 3, faults=fault)]
    blank = np.zeros((300, 200), np.uint8)
    return Sample(
        key="k", group="g", stream="bodies", role="plain", operator="", order=0, pixels=np.zeros((300, 200, 3), np.uint8),
        instance_map=blank.astype(np.uint16), part_map=blank, surface_map=blank, instances=tuple(items),
    )  # fmt: skip


def _counts(sample, graphs):
    return {count.kind: (count.true, count.read) for count in made_bodies.counted_limbs(sample, graphs)}


def test_limbs_are_counted_where_all_are_in_view():
    assert _counts(_sample(), [_graph()]) == {LimbKind.ARM: (2, 2), LimbKind.LEG: (2, 2)}
    assert _counts(_sample(arms=3), [_graph(shift=5)]) == {LimbKind.ARM: (3, 2), LimbKind.LEG: (2, 2)}
    assert _counts(_sample(seen=0.3), [_graph()]) == {LimbKind.LEG: (2, 2)}
    assert _counts(_sample(seen=float("nan")), [_graph()]) == {LimbKind.LEG: (2, 2)}
    assert _counts(_sample(fault=("detached",)), [_graph()]) == {LimbKind.LEG: (2, 2)}


def test_a_person_who_is_not_found_is_no_right_count():
    assert _counts(_sample(), []) == {LimbKind.ARM: (2, None), LimbKind.LEG: (2, None)}
    assert _counts(_sample(), [_graph(shift=90)])[LimbKind.ARM] == (2, None)
    assert _counts(_sample(), [_graph(neck=False)])[LimbKind.ARM] == (2, None)
    picture = ReadPicture(
        group="g", faults=frozenset(), scores={}, counts=tuple(made_bodies.counted_limbs(_sample(), []))
    )
    rows = {row.measure: row for row in made_bodies.measure([picture])}
    assert rows["limbs_exact_all_visible"].estimate.value == 0.0
    assert rows["limbs_exact_all_visible"].detail.startswith("2 of people not found")


def _made(group, code, score):
    faults = frozenset({code.value}) if code else frozenset()
    scores = {} if score is None else {DefectCode.PERSON_EXTRA_ARM.value: score}
    return ReadPicture(group=group, faults=faults, scores=scores, counts=())


def test_pairs_tie_is_wrong_and_scores_without_a_measure_are_nought():
    arm = DefectCode.PERSON_EXTRA_ARM
    pictures = [
        _made("a", None, 0.1), _made("a", arm, 0.9), _made("b", None, 0.1), _made("b", arm, 0.1),
        _made("c", None, None), _made("c", arm, 0.05), _made("d", arm, 0.9), _made("e", DefectCode.PERSON_MISSING_LEG, None),
    ]  # fmt: skip
    rows = {row.measure: row for row in made_bodies.measure(pictures)}
    assert (rows["pairs_ranked"].estimate.value, rows["pairs_ranked"].estimate.n) == (pytest.approx(2 / 3), 3)
    assert "person.extra_arm 2/3; 1 ties" in rows["pairs_ranked"].detail
    # 0.9, 0.1, 0.05, 0.9 against 0.1, 0.1, 0: 3 + 2 + 1 + 3 of 12
    assert rows["auroc_extra_limb"].estimate.value == pytest.approx((3 + 0.5 * 2 + 1 + 1 + 3) / 12)
    assert "pairs_ranked_ends_and_loose" not in rows


def test_overlays_show_limbs_and_keep_the_pictures_shape():
    pixels = np.zeros((300, 200, 3), np.uint8)
    drawn = body_sheets.overlay(
        pixels, BodyReading(people=(_graph(),), loose=(_limb(0, LimbKind.LEG, [(5, 5), (5, 80)]),))
    )
    assert drawn.size == (320, 480)
    assert np.asarray(drawn).any()
    assert body_sheets.sheet([drawn] * 5).size == (4 * body_sheets.SIDE, 2 * body_sheets.SIDE)


def test_nothing_is_measured_without_data_weights_or_shards(tmp_path, capsys):
    out = tmp_path / "bodies.csv"
    weights = tmp_path / "w.safetensors"
    for question in ("joints", "people", "false_arms"):
        assert bodies.main([question, "--weights", str(weights), "--data", str(tmp_path), "--out", str(out)]) == 0
        assert "Nothing was measured" in capsys.readouterr().out
    assert bodies.main(["made", "--weights", str(weights), "--out", str(out)]) == 0
    assert "--shards" in capsys.readouterr().out
    assert not out.exists()


def test_a_sample_of_numbers_is_spread_evenly():
    assert list(bodies.evenly(3, 5)) == [0, 1, 2]
    assert list(bodies.evenly(10, 2)) == [2, 7]
