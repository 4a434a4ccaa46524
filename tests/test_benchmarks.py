"""The benchmarks' arithmetic on known values, their tables on tiny records, and the README against the results."""

# ruff: noqa: E402  (benchmarks/ is no package: its folder must be on the path before it is imported)
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
sys.path += [str(BENCHMARKS), str(Path(__file__).parent / "synthesis")]

import accuracy
import speed
import table
from limbfix_bench import data_folders, hand_matching, judging, measures, readme_block, result_rows
from limbfix_bench.data_folders import HandLabel, PictureLabel
from limbfix_bench.estimates import Estimate, auroc, rate, ratio, share
from limbfix_bench.result_rows import Measured, Provenance, Row

from limbfix.errors import ModelError
from limbfix.records import make_error_record, record_schema

ORIGIN = Provenance(commit="abc", machine="test", date="2026-01-01", search="full")


def test_shares_have_the_wilson_interval():
    # Newcombe 1998, table I: 81 of 263 and 15 of 148, without continuity correction.
    for hits, n, low, high in [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)]:
        estimate = share(hits, n)
        assert (estimate.low, estimate.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))
    assert share(20, 20).high == 1.0
    assert share(0, 0).value is None
    with pytest.raises(ValueError, match="hits <= n"):
        share(3, 2)


def test_no_event_in_a_hundred_pictures_is_not_proof_of_none():
    estimate = rate(0, 100)
    assert (estimate.value, estimate.low) == (0.0, 0.0)
    assert estimate.high == pytest.approx(0.03689, abs=1e-4)
    assert rate(10, 1).low == pytest.approx(4.795, abs=1e-3)


def test_auroc_counts_ties_half_and_agrees_with_scikit_learn():
    from sklearn.metrics import roc_auc_score

    ups, downs = [0.9, 0.4, 0.4, 0.0], [0.0, 0.4, 0.1, 0.8, 0.0]
    expected = roc_auc_score([1] * len(ups) + [0] * len(downs), ups + downs)
    assert auroc(ups, downs).value == pytest.approx(expected)
    assert auroc([1, 1], [0, 0]).value == 1.0
    assert auroc([0, 0], [0, 0]).value == 0.5
    assert auroc([1, 2], []).value is None
    assert auroc([1], [0, 0]).low is None


def test_auroc_interval_is_delongs():
    # By hand: placements of positives 1, 1, 1/3, of negatives 2/3, 2/3, 1, so both variances are known.
    estimate = auroc([5, 4, 2], [1, 3, 3])
    ups, downs = (1, 1, 1 / 3), (1, 2 / 3, 2 / 3)
    variance = sum((x - 7 / 9) ** 2 for x in ups) / 2 / 3 + sum((x - 7 / 9) ** 2 for x in downs) / 2 / 3
    assert estimate.value == pytest.approx(7 / 9)
    assert estimate.low == pytest.approx(7 / 9 - 1.959964 * variance**0.5)
    assert estimate.high == 1.0


def test_auroc_refuses_absent_scores():
    with pytest.raises(ValueError, match="nan"):
        auroc([float("nan")], [0.1])


def test_ratio_is_of_sums_and_repeats_exactly():
    first, second = ratio([1, 2, 0], [2, 2, 4]), ratio([1, 2, 0], [2, 2, 4])
    assert first == second
    assert (first.value, first.n) == (0.375, 8)
    assert first.low < 0.375 < first.high
    assert ratio([0], [0]).value is None


def test_a_sample_is_spread_evenly_and_always_the_same(tmp_path):
    folder = tmp_path / "backgrounds"
    folder.mkdir()
    for index in range(100):
        (folder / f"{index:03}.jpg").touch()
    (folder / "labels.csv").touch()
    (tmp_path / data_folders.NOT_EMPTY[0]).touch()
    sample = data_folders.pictures_of(tmp_path, "backgrounds", 10)
    assert sample == [f"backgrounds/{index:03}.jpg" for index in range(5, 100, 10)]
    assert len(data_folders.pictures_of(tmp_path, "backgrounds", None)) == 100
    assert len(set(data_folders.pictures_of(tmp_path, "backgrounds", 99))) == 99


def _label(defective, *, defects=(), hands=0, experts=False, grave=False):
    return PictureLabel(
        defective=defective, defects=frozenset(defects), hands_visible=hands, experts=experts, grave_hand=grave
    )


def _record(path, verdict="pass", score=0.1, hands=(), people=0):
    record = make_error_record(
        path, "0" * 64, code="picture.unreadable", message="x", policy="default@0123456789ab", models={}, seconds=0.1
    )
    seen = [
        {
            "hand_index": index,
            "person_index": None,
            "side": "left",
            "box_xyxy": box,
            "score": 0.9,
            "defect_score": hand_score,
            "defect_probability": None if hand_score is None else 0.5,
            "digits": {"count": None, "visible": None, "cannot_tell": "no_model"},
        }
        for index, (box, hand_score) in enumerate(hands)
    ]
    record |= {"width": 100, "height": 100, "verdict": verdict, "defect_score": score, "hands": seen, "error": None}
    record["people"] = [{}] * people
    return record


def test_a_mild_hand_fault_is_no_hand_defect_where_experts_graded_it():
    assert _label(True, defects=["malformed_hand"], experts=True, grave=True).has_hand_defect
    assert _label(True, defects=["malformed_hand"]).has_hand_defect
    assert not _label(True, defects=["malformed_hand"], experts=True).has_hand_defect
    assert not _label(None, defects=["malformed_hand"]).has_hand_defect
    assert _label(True, defects=["missing_arm"]).has_limb_defect
    assert not _label(True, defects=["malformed_foot"]).has_limb_defect


def test_pictures_without_a_score_count_as_zero_and_are_counted():
    labels = {
        "ai_images/a/1.jpg": _label(True, defects=["missing_arm"]),
        "ai_images/a/2.jpg": _label(True, defects=["malformed_hand"]),
        "ai_images/a/3.jpg": _label(False),
        "ai_images/a/4.jpg": _label(None),
    }
    scores = {"ai_images/a/1.jpg": 0.9, "ai_images/a/2.jpg": None, "ai_images/a/3.jpg": 0.4, "ai_images/a/4.jpg": 1.0}
    records = {path: _record(path, score=score) for path, score in scores.items()}
    rows = {row.measure: row for row in measures.measure_pictures(records, labels) if row.source == "ai_images"}
    assert rows["auroc_any"].estimate.value == 0.5
    assert rows["auroc_any"].detail == "2 defective, 1 not; 33% without a score, taken as 0"
    assert rows["auroc_hand"].estimate.value == 0.0
    assert rows["auroc_limb"].estimate.value == 1.0
    assert rows["auroc_limb_among_all"].estimate.n == 3


def test_the_number_of_visible_hands_is_measured_beside_the_score():
    labels = {
        "ai_images/a/1.jpg": replace(_label(True, defects=["missing_arm"]), hands_visible=4),
        "ai_images/a/2.jpg": replace(_label(True, defects=["malformed_hand"]), hands_visible=1),
        "ai_images/a/3.jpg": replace(_label(False), hands_visible=2),
    }
    records = {path: _record(path, score=0.5) for path in labels}
    rows = {row.measure: row.estimate.value for row in measures.measure_baseline(records, labels)}
    assert rows["auroc_any_by_hands_visible"] == 0.5
    assert rows["auroc_limb_by_hands_visible"] == 1.0
    assert rows["auroc_hand_by_hands_visible"] == 0.0


def _hand_label(*box, status="ok", size_px=40, digits_visible=None):
    return HandLabel(box_fractions=box, status=status, size_px=size_px, digits_visible=digits_visible)


def test_one_found_hand_serves_one_label_the_best_one():
    labels = [_hand_label(0.1, 0.1, 0.5, 0.5), _hand_label(0.1, 0.1, 0.4, 0.4)]
    record = _record("x", hands=[([10, 10, 40, 40], 0.2)])
    assert [hand is not None for hand in hand_matching.match(labels, record)] == [False, True]
    far = _record("x", hands=[([60, 60, 90, 90], 0.2)])
    assert hand_matching.match(labels, far) == [None, None]


def test_hands_are_measured_one_by_one():
    path = "ai_images/hastings/sdxl_1.jpg"
    hands = {
        path: [
            _hand_label(0.0, 0.0, 0.4, 0.4, status="defective"),
            _hand_label(0.5, 0.5, 0.9, 0.9),
            _hand_label(0.5, 0.0, 0.6, 0.1, status="ok", size_px=10),
        ]
    }
    records = {
        path: _record(path, hands=[([0, 0, 40, 40], 0.8), ([50, 50, 90, 90], None), ([0, 60, 30, 90], 0.1)]),
        "ai_images/b/empty.jpg": _record("ai_images/b/empty.jpg", hands=[([0, 0, 9, 9], 0.5)]),
    }
    labels = {path: _label(True, hands=4), "ai_images/b/empty.jpg": _label(False, hands=0)}
    rows = {(row.measure, row.source): row.estimate for row in measures.measure_hands(records, hands, labels)}
    assert rows["auroc_hand_by_hand", "ai_images"].value == 1.0
    records[path]["hands"][1]["defect_probability"] = 0.6  # of the hand that is fine
    again = {(row.measure, row.source): row.estimate for row in measures.measure_hands(records, hands, labels)}
    assert again["auroc_hand_by_hand", "ai_images"].value == 1.0
    assert again["auroc_hand_by_hand_chance", "ai_images"].value == 0.0
    assert rows["boxes_found", "ai_images"].value == pytest.approx(2 / 3)
    assert rows["boxes_found_from_32_px", "ai_images"].value == 1.0
    assert rows["box_precision", "ai_images"].value == 0.5
    assert rows["box_precision", "ai_images/hastings"].value == pytest.approx(2 / 3)
    (visible,) = measures.measure_hands_visible(records, labels)
    assert (visible.estimate.value, visible.estimate.n) == (0.75, 4)


def test_told_digits_are_compared_with_what_a_person_sees():
    path = "ai_images/hastings/sdxl_1.jpg"
    boxes = [[0, 0, 40, 40], [50, 50, 90, 90], [50, 0, 90, 40], [0, 50, 40, 90]]
    hands = {
        path: [
            _hand_label(*(side / 100 for side in box), digits_visible=n)
            for box, n in zip(boxes, (5, 5, 4, None), strict=True)
        ]
    }
    record = _record(path, hands=[(box, 0.1) for box in boxes])
    for hand, told in zip(record["hands"], (5, 6, None, 5), strict=True):
        hand["digits"] = {"count": told}
    rows = {
        row.measure: row.estimate
        for row in measures.measure_hands({path: record}, hands, {path: _label(True)})
        if row.source == "ai_images"
    }
    assert (rows["digits_told"].value, rows["digits_told"].n) == (pytest.approx(2 / 3), 3)
    assert rows["digits_told_exact"].value == 0.5


def test_verdicts_validity_and_causes_are_counted():
    good, bad = _record("a", verdict="pass"), _record("b", verdict="reject", score=0.9)
    bad["surplus"] = 1
    bad["findings"] = [
        {"code": "hand.malformed", "defect_score": 0.95, "exception": "cartoon"},
        {"code": "person.extra_arm", "defect_score": 0.9, "exception": None},
    ]
    rows = {
        row.measure: row
        for row in measures.measure_folder({"a": good, "b": bad}, "x", record_schema(), expects_hand=True)
    }
    assert rows["records_valid"].estimate.value == 0.5
    assert rows["verdict_reject"].detail == "1 pictures: person.extra_arm 1"
    assert rows["hand_found"].estimate.value == 0.0


def test_backgrounds_count_hands_not_pictures():
    records = {
        "a": _record("a", hands=[([0, 0, 9, 9], 0.1)] * 2),
        "b": _record("b", verdict="no_subject", score=None),
    }
    rows = {row.measure: row.estimate.value for row in measures.measure_backgrounds(records, "backgrounds")}
    assert rows == {"false_hands_per_picture": 1.0, "false_people_per_picture": 0.0, "not_no_subject": 0.5}


def _row(measure, source, value=0.5, search="full") -> Row:
    measured = Measured(measure=measure, source=source, estimate=Estimate(n=4, value=value, low=0.1, high=0.9))
    origin = Provenance(commit="abc", machine="test", date="2026-01-01", search=search)
    return result_rows.make_row(measured, origin, "4 of 4")


def test_new_rows_replace_those_of_their_folder_and_search_only(tmp_path):
    path = tmp_path / "accuracy.csv"
    old = [
        _row("a", "backgrounds", 0.1),
        _row("a", "backgrounds_2", 0.2),
        _row("a", "backgrounds/part", 0.3),
        _row("a", "backgrounds", 0.4, search="single"),
    ]
    result_rows.write_rows(path, old)
    result_rows.replace_rows(path, [_row("a", "backgrounds", 0.9)], ["backgrounds"])
    assert [(row.source, row.value, row.search) for row in result_rows.read_rows(path)] == [
        ("backgrounds_2", "0.2000", "full"),
        ("backgrounds", "0.4000", "single"),
        ("backgrounds", "0.9000", "full"),
    ]


def test_absent_values_are_empty_in_the_results_and_dashes_in_the_readme(tmp_path):
    path = tmp_path / "accuracy.csv"
    measured = Measured(
        measure="auroc_any", source="ai_images", estimate=Estimate(n=0, value=None, low=None, high=None)
    )
    result_rows.write_rows(path, [result_rows.make_row(measured, ORIGIN, "0 of 0")])
    (row,) = result_rows.read_rows(path)
    assert (row.value, row.low, row.high) == ("", "", "")
    assert "| 0 | – | – |" in readme_block.make_block([row])


def test_the_table_shows_each_measure_in_its_own_unit():
    rows = [
        _row("verdict_reject", "real_hands/sld", 0.012),
        _row("verdict_reject", "ai_images", 0.6),
        _row("auroc_any", "ai_images", 0.71),
        _row("auroc_any", "ai_images/hastings", 0.99),
        _row("auroc_any", "ai_images", 0.33, search="single"),
    ]
    block = readme_block.make_block(rows)
    assert "| `real_hands/sld` | 4 | 1.2 % | 10.0 % to 90.0 % | ≤ 2 % |" in block
    assert "| 4 | 0.71 | 0.10 to 0.90 |" in block
    assert "60.0 %" not in block and "0.99" not in block and "0.33" not in block
    assert "commit `abc`, test, 2026-01-01" in block
    headlines = readme_block.make_headlines(rows)
    assert "| `real_hands/sld` | 4 | 1.2 % |" in headlines and "0.71" not in headlines


def test_the_table_is_rewritten_between_its_marks_only(tmp_path, capsys):
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{readme_block.BEGIN}\nold\n{readme_block.END}\nafter\n", encoding="utf-8")
    result_rows.write_rows(tmp_path / "accuracy.csv", [_row("auroc_any", "ai_images")])
    arguments = ["--document", str(readme), "--results", str(tmp_path)]
    assert table.main([*arguments, "--check"]) == 1
    assert "old" in readme.read_text(encoding="utf-8")
    assert table.main(arguments) == 0
    text = readme.read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    assert table.main([*arguments, "--check"]) == 0
    readme.write_text("no marks", encoding="utf-8")
    assert table.main(arguments) == 1
    assert "once each" in capsys.readouterr().out
    assert readme.read_text(encoding="utf-8") == "no marks"


def test_without_the_pictures_nothing_is_measured_and_nothing_fails(tmp_path, capsys):
    out = tmp_path / "accuracy.csv"
    assert accuracy.main(["--data", str(tmp_path / "absent"), "--out", str(out)]) == 0
    assert speed.main(["--data", str(tmp_path), "--out", str(out)]) == 0
    assert capsys.readouterr().out.count("Nothing was measured.") == 2
    assert not out.exists()


def _keep(records, *kept, code="0"):
    records.mkdir()
    about = {"code": code, "commit": "abc", "machine": "test", "date": "2026-01-01", "search": "full"}
    (records / "run.json").write_text(json.dumps(about), encoding="utf-8")
    lines = "".join(json.dumps(record) + "\n" for record in kept)
    judging.records_file(records, "backgrounds").write_text(lines + '{"path": "cut sho', encoding="utf-8")


def test_tables_are_made_again_from_records(tmp_path):
    data, records, out = tmp_path / "data", tmp_path / "records", tmp_path / "accuracy.csv"
    (data / "backgrounds").mkdir(parents=True)
    for name in ("a.jpg", "b.jpg"):
        (data / "backgrounds" / name).touch()
    _keep(records, _record("backgrounds/a.jpg", hands=[([0, 0, 9, 9], 0.1)]))
    arguments = ["--data", str(data), "--from-records", str(records), "--out", str(out), "--folders", "backgrounds"]
    assert accuracy.main(arguments) == 0
    rows = {row.measure: row for row in result_rows.read_rows(out)}
    assert (rows["false_hands_per_picture"].value, rows["false_hands_per_picture"].n) == ("1.0000", 1)
    assert rows["records_valid"].data.startswith("1 of 2 sha256:")
    assert rows["records_valid"].commit == "abc"


@pytest.mark.models
def test_a_run_judges_real_pictures_in_workers(tmp_path):
    data, out = tmp_path / "data", tmp_path / "accuracy.csv"
    (data / "real_bodies" / "coco_people").mkdir(parents=True)
    shutil.copy(
        BENCHMARKS.parent / "examples" / "pictures" / "clean_person_standing.jpg", data / "real_bodies/coco_people"
    )
    (data / "real_bodies" / "coco_people" / "broken.jpg").write_bytes(b"no picture")
    arguments = ["--data", str(data), "--folders", "real_bodies/coco_people", "--jobs", "1", "--search", "single"]
    assert accuracy.main([*arguments, "--records", str(tmp_path / "records"), "--out", str(out)]) == 0
    rows = {row.measure: row for row in result_rows.read_rows(out)}
    assert (rows["records_valid"].value, rows["records_valid"].n) == ("1.0000", 2)
    assert rows["verdict_unjudged"].detail.startswith("1 pictures: ")
    kept = judging.read_records(tmp_path / "records", "real_bodies/coco_people")
    assert sorted(kept) == ["real_bodies/coco_people/broken.jpg", "real_bodies/coco_people/clean_person_standing.jpg"]


def test_a_second_run_judges_only_what_is_missing(tmp_path, monkeypatch):
    records = tmp_path / "records"
    _keep(records, _record("backgrounds/a.jpg"))
    judged = []

    def judge(data, paths, **options):
        for path in paths:
            judged.append(path)
            yield _record(path)

    monkeypatch.setattr(judging, "_judge", judge)
    paths = ["backgrounds/a.jpg", "backgrounds/b.jpg"]
    for _ in range(2):
        found = judging.judge_folder(tmp_path, "backgrounds", paths, records=records, search="full", jobs=1)
        assert list(found) == paths
    assert judged == ["backgrounds/b.jpg"]


def test_records_of_other_code_are_refused(tmp_path):
    _keep(tmp_path / "records", code="of another day")
    with pytest.raises(SystemExit, match="Name another folder"):
        judging.open_records(tmp_path / "records", "full")


def test_other_weights_make_other_records(tmp_path, monkeypatch):
    monkeypatch.setattr(judging, "ROOT", tmp_path)
    (tmp_path / "limbfix" / "shipped").mkdir(parents=True)
    (tmp_path / "limbfix" / "gate.py").write_text("", encoding="utf-8")
    digests = set()
    for sha256 in ("0" * 64, "1" * 64):
        manifest = {"files": {"digit_parser.safetensors": {"sha256": sha256}}}
        (tmp_path / "limbfix" / "shipped" / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        digests.add(judging.code_digest())
    assert len(digests) == 2


def test_a_run_without_an_answer_for_every_file_is_not_timed():
    command = [sys.executable, "-c", "print('{}')"]
    assert speed._timed("one answer", command, ["a"], fine=(0,)).wall_s > 0
    with pytest.raises(SystemExit, match="2 JSON lines, got 0 and 1"):
        speed._timed("one answer", command, ["a", "b"], fine=(0,))
    with pytest.raises(SystemExit, match="got 4 and 0"):
        speed._timed("fails", [sys.executable, "-c", "raise SystemExit(4)"], ["a"], fine=(0,))


def test_the_plain_loop_does_what_the_gate_does_and_shares_no_code_with_it():
    from limbfix.detectors import mediapipe_hands, mediapipe_pose

    text = (BENCHMARKS / "limbfix_bench" / "plain_loop.py").read_text(encoding="utf-8")
    assert "import limbfix" not in text and "from limbfix" not in text
    try:
        command = speed._plain_command()
    except ModelError as error:
        pytest.skip(f"needs the models: {error}")
    options = (mediapipe_hands.MAX_HANDS, mediapipe_hands.CONFIDENCE, mediapipe_pose.MAX_PEOPLE)
    assert command[-3:] == [str(option) for option in options]
    assert all(Path(path).is_file() for path in command[1:4])


def test_the_documents_say_what_the_results_say():
    readme = BENCHMARKS.parent / "README.md"
    if not readme.is_file() or not list((BENCHMARKS / "results").glob("*.csv")):
        pytest.skip("no README or no results yet")
    assert table.main(["--check"]) == 0, "run: python benchmarks/table.py"


@pytest.mark.skipif(not accuracy.DATA.is_dir(), reason="needs ../shared/data, which is not part of the repository")
def test_the_labels_are_read_as_they_were_counted():
    labels = data_folders.read_picture_labels(accuracy.DATA)
    hands = data_folders.read_hand_labels(accuracy.DATA)
    counts = [sum(label.defective is answer for label in labels.values()) for answer in (True, False, None)]
    assert counts == [75, 54, 38]
    assert sum(map(len, hands.values())) == 353
    assert set(hands) <= set(labels) == set(data_folders.pictures_of(accuracy.DATA, data_folders.AI))


def test_made_hands_are_counted_by_fault_and_by_what_the_gate_would_do():
    from limbfix_bench.hand_reading import ReadHand, measure

    def hand(group: str, order: int, score: float, *faults: str) -> ReadHand:
        return ReadHand(
            stream="edits", group=group, order=order, operator="", faults=frozenset(faults), present=5, tips=5, read=5,
            claimed=None, score=score, logits={"any": score},
        )  # fmt: skip

    extra = "hand.extra_digit"
    hands = [
        hand("a", 0, 0.1), hand("a", 1, 0.9, extra),
        hand("b", 0, 0.6), hand("b", 1, 0.6, extra),  # a tie tells nobody which is worse
        hand("c", 0, 0.2), hand("c", 1, 0.4, extra),
    ]  # fmt: skip
    found = {row.measure: row.estimate for row in measure(hands)}
    assert {row.source for row in measure(hands)} == {"made/edits"}
    assert [round(found[name].value, 3) for name in ("flagged_extra_digit", "rejected_extra_digit")] == [0.667, 0.333]
    assert [round(found[name].value, 3) for name in ("flagged_normal", "rejected_normal")] == [0.333, 0.0]
    assert round(found["pairs_ranked_by_score"].value, 3) == 0.667
    assert "flagged_fused_digits" not in found


def test_a_joint_within_a_limb_must_lie_on_it_and_one_at_its_end_may_lie_just_beside():
    """A fingertip's bone ends on the outline: its own pixel mostly shows what is behind, and says nothing against the label."""
    from limbfix_bench import made_pictures
    from toy_streams import FIRST_DIGIT, ToyStream

    from limbfix.synthesis.streams import StreamOptions

    sample = ToyStream(StreamOptions(seed=3, size_px=128)).group(0)[0]
    rows, columns = (sample.instance_map == FIRST_DIGIT).nonzero()
    x, top = columns.mean() + 0.5, float(rows.min())

    def counts(name: str, beside: float) -> tuple[list[int], list[int]]:
        items = [
            replace(
                item,
                joints=tuple(
                    replace(joint, xy=(x, top - beside), visible=item.id == FIRST_DIGIT and joint.name == name)
                    for joint in item.joints
                ),
            )
            for item in sample.instances
        ]
        truth = made_pictures.Truth()
        made_pictures.measure_labels([replace(sample, instances=tuple(items))], truth)
        return truth.joints, truth.ends

    assert counts("dip", -1.5) == ([1, 1], [0, 0])
    assert counts("dip", 1.5) == ([0, 1], [0, 0])
    assert counts("tip", 1.5) == ([0, 0], [1, 1])
    assert counts("tip", made_pictures.END_PX + 1.5) == ([0, 0], [0, 1])
