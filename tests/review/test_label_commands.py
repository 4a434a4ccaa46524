"""`limbfix labels` and `limbfix calibrate`, as a user types them: what the files say, and what a check makes of them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from blob_detector import BAD, GOOD, drawn
from cli_runs import check, records
from review_ledgers import fill, new_ledger
from serve_runs import BLOBS
from typer.testing import CliRunner

from limbfix.cli import app
from limbfix.errors import LimbfixError
from limbfix.ledger.cases import find_case
from limbfix.policies import Policy, load_policy
from limbfix.review.answering import Said, write_answer

COUNTS = {"flags": 24, "passes": 24, "rejects": 48}
ALL = ("--audit-passed", "1", "--audit-rejected", "1")
WRONG_FROM = 0.92
"""From this score on, people see a defect. The default policy rejects from 0.8 on."""

runner = CliRunner()


def run(*words: object) -> tuple[int, str]:
    """Runs a command; returns its exit code and what it said. Errors that the last boundary would print are code 2."""
    done = runner.invoke(app, [str(word) for word in words])
    if isinstance(done.exception, LimbfixError):
        return 2, str(done.exception)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose ledger holds an answer to every case but the last rejected one; nobody writes to it."""
    folder = tmp_path_factory.mktemp("reviewed")
    with new_ledger(folder) as ledger:
        for case_id in fill(ledger, **COUNTS)[:-1]:
            with ledger.reading() as reader:
                case = find_case(reader, case_id)
            is_wrong = float(case.data["record"]["defect_score"]) >= WRONG_FROM
            codes = ("hand.extra_digit",) if is_wrong else ()
            choice = "reject" if is_wrong else "accept"
            write_answer(ledger, case, Said(who="Ada", choice=choice, saw=case.latest_hash, codes=codes))
    return folder


def export(reviewed: Path, out: Path, format: str, *more: str) -> tuple[int, str]:
    return run("labels", "--ledger", reviewed / "ledger.db", "--out", out, "--format", format, *ALL, *more)


def test_csv_has_a_line_for_each_answered_picture(reviewed: Path, tmp_path: Path):
    code, said = export(reviewed, tmp_path / "labels.csv", "csv")
    assert (code, said) == (0, "limbfix: 95 labels, 95 of them stand for others too\n")
    lines = list(csv.DictReader(io.StringIO((tmp_path / "labels.csv").read_text())))
    assert len({line["sha256"] for line in lines}) == len(lines) == 95
    for line in lines:
        is_wrong = float(line["score"]) >= WRONG_FROM
        assert line["label"] == ("defective" if is_wrong else "fine")
        assert line["codes"] == ("hand.extra_digit" if is_wrong else "")
        assert (line["who"], line["policy"].partition("@")[0]) == ("Ada", "default")
    # 47 of 48 rejected pictures were answered: each stands for a little more than itself
    weights = {line["verdict"]: float(line["weight"]) for line in lines}
    assert weights == {"flag": 1.0, "pass": 1.0, "reject": pytest.approx(48 / 47, abs=1e-4)}


def test_coco_has_the_pictures_and_the_regions_that_limbfix_found(reviewed: Path, tmp_path: Path):
    assert export(reviewed, tmp_path / "labels.json", "coco")[0] == 0
    found = json.loads((tmp_path / "labels.json").read_text())
    images = {image["id"]: image for image in found["images"]}
    assert len(images) == 95
    assert all((image["width"], image["height"]) == (64, 64) for image in images.values())
    names = {category["id"]: category["name"] for category in found["categories"]}
    marked = {images[one["image_id"]]["limbfix"]["verdict"] for one in found["annotations"]}
    assert len(found["annotations"]) == COUNTS["flags"] + COUNTS["rejects"] - 1
    assert marked == {"flag", "reject"}
    for one in found["annotations"]:
        assert names[one["category_id"]] == "hand.extra_digit"
        assert one["bbox"] == [10.0, 10.0, 50.0, 50.0]
        assert one["picture_label"] == images[one["image_id"]]["limbfix"]["label"]
        assert one["named_by_person"] == (one["picture_label"] == "defective")


def test_label_studio_has_a_task_with_a_choice_for_each_picture(reviewed: Path, tmp_path: Path):
    assert export(reviewed, tmp_path / "tasks.json", "label-studio")[0] == 0
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    assert len(tasks) == 95
    for task in tasks:
        (annotation,) = task["annotations"]
        (result,) = annotation["result"]
        is_wrong = task["data"]["limbfix"]["score"] >= WRONG_FROM
        assert result["value"]["choices"] == ["defective" if is_wrong else "fine"]
        assert (result["from_name"], result["to_name"], result["type"]) == ("label", "image", "choices")
        assert task["data"]["image"] == "/data/local-files/?d=" + task["data"]["limbfix"]["path"]
        assert "completed_by" not in annotation  # Label Studio 1.23 refuses anybody whom it does not know by e-mail
        assert task["data"]["limbfix"]["who"] == "Ada"


def test_what_the_audit_did_not_ask_for_stands_for_nothing(reviewed: Path, tmp_path: Path):
    place = ("--ledger", reviewed / "ledger.db", "--out", tmp_path / "labels.csv")
    code, _ = run("labels", *place, "--audit-rejected", "0")
    assert code == 0
    lines = list(csv.DictReader(io.StringIO((tmp_path / "labels.csv").read_text())))
    assert {line["weight"] for line in lines if line["verdict"] == "reject"} == {""}
    assert {line["weight"] for line in lines if line["verdict"] != "reject"} == {"1.0"}


def test_an_older_file_and_a_missing_ledger_are_refused(reviewed: Path, tmp_path: Path):
    out = tmp_path / "labels.csv"
    out.write_text("mine")
    code, said = export(reviewed, out, "csv")
    assert code == 2 and "--force" in said
    assert out.read_text() == "mine"
    assert export(reviewed, out, "csv", "--force")[0] == 0
    assert out.read_text().startswith("case_id,")
    assert run("labels", "--ledger", tmp_path / "none.db", "--out", tmp_path / "new.csv")[0] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.csv"]


@pytest.mark.parametrize("format", ["csv", "coco", "label-studio"])
def test_every_format_calibrates_alike(reviewed: Path, tmp_path: Path, format: str):
    export(reviewed, tmp_path / "labels", format)
    out = tmp_path / "calibration.json"
    code, said = run("calibrate", "--labels", tmp_path / "labels", "--out", out)
    assert code == 0
    found = json.loads(out.read_text())["calibration"]
    wrong = sum(0.81 + 0.18 * (place + 0.5) / 48 >= WRONG_FROM for place in range(47))
    assert (found["labels"], found["defective"]) == (95, wrong)
    assert f"95 labels, {wrong} of them defective" in said
    assert found["flag_at"] == pytest.approx(WRONG_FROM, abs=0.02)
    assert 0.8 < found["flag_at"] <= found["reject_at"]
    assert found["brier_after"] < found["brier_before"]
    policy = load_policy(out)
    assert (policy.flag_at, policy.reject_at) == (found["flag_at"], found["reject_at"])


def test_a_check_by_the_calibration_passes_what_people_found_right(reviewed: Path, tmp_path: Path):
    export(reviewed, tmp_path / "labels.csv", "csv")
    (tmp_path / "shop.toml").write_text('name = "shop"\nmin_hand_px = 10\n')
    words = ("--labels", tmp_path / "labels.csv", "--policy", tmp_path / "shop.toml")
    assert run("calibrate", *words, "--out", tmp_path / "calibration.json")[0] == 0
    drawn(GOOD).save(tmp_path / "good.png")
    drawn(BAD).save(tmp_path / "bad.png")
    verdicts = {}
    for policy in ("shop.toml", "calibration.json"):
        done = check(
            "good.png", "bad.png", "--format", "jsonl", "--fail-on", "never", "--policy", policy, program=BLOBS, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found = {record["path"]: record for record in records(done.stdout)}
        assert 0.8 < found["bad.png"]["defect_score"] < 0.9
        verdicts[found["bad.png"]["policy"].partition("@")[0]] = [found[name]["verdict"] for name in sorted(found)]
    assert verdicts == {"shop": ["reject", "pass"], "shop-calibrated": ["pass", "pass"]}


def test_labels_of_another_policy_are_said_to_be(reviewed: Path, tmp_path: Path):
    (tmp_path / "shop.toml").write_text('name = "shop"\nignore = ["hand"]\n')
    for format in ("csv", "coco", "label-studio"):
        labels = tmp_path / format
        export(reviewed, labels, format)
        code, said = run("calibrate", "--labels", labels, "--out", tmp_path / "calibration.json", "--force")
        assert code == 0 and "another policy" not in said
        words = (
            "--labels",
            labels,
            "--policy",
            tmp_path / "shop.toml",
            "--out",
            tmp_path / "calibration.json",
            "--force",
        )
        code, said = run("calibrate", *words)
        assert code == 0 and f"95 labels were judged under another policy ({Policy().label})" in said
        assert "--policy" in json.loads((tmp_path / "calibration.json").read_text())["calibration"]["notes"][-1]


def test_too_few_labels_write_no_calibration(reviewed: Path, tmp_path: Path):
    export(reviewed, tmp_path / "labels.csv", "csv")
    lines = (tmp_path / "labels.csv").read_text().splitlines(keepends=True)
    for name, kept in (("few.csv", lines[:50]), ("none.csv", lines[:1])):
        (tmp_path / name).write_text("".join(kept))
        code, said = run("calibrate", "--labels", tmp_path / name, "--out", tmp_path / "calibration.json")
        assert code == 2
        assert ("at least 50" if len(kept) > 1 else "expected labels, got none") in said
    fine = [line for line in lines if ",defective," not in line]
    (tmp_path / "fine.csv").write_text("".join(fine))
    code, said = run("calibrate", "--labels", tmp_path / "fine.csv", "--out", tmp_path / "calibration.json")
    assert code == 2 and "(0 defective)" in said
    assert not (tmp_path / "calibration.json").exists()


def test_a_calibration_that_a_check_would_not_read_is_refused(reviewed: Path, tmp_path: Path):
    export(reviewed, tmp_path / "labels.csv", "csv")
    code, said = run("calibrate", "--labels", tmp_path / "labels.csv", "--out", tmp_path / "shop.txt")
    assert code == 2 and ".json" in said
    assert not (tmp_path / "shop.txt").exists()


def test_an_older_calibration_is_left_as_it_is(reviewed: Path, tmp_path: Path):
    export(reviewed, tmp_path / "labels.csv", "csv")
    out = tmp_path / "calibration.json"
    out.write_text("mine")
    words = ("calibrate", "--labels", tmp_path / "labels.csv", "--out", out)
    assert run(*words)[0] == 2
    assert out.read_text() == "mine"
    assert run(*words, "--force", "--flag-chance", "0.2")[0] == 0
    assert json.loads(out.read_text())["calibration"]["flag_chance"] == 0.2
