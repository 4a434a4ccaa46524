"""A report folder is complete or it is no report; nobody's files are lost, killed or not."""

from __future__ import annotations

import csv
import gc
import hashlib
import json
import os
import random
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from made_records import evidence, finding, record

from limbfix.errors import OutputError, OutputLocked, ReportExists
from limbfix.reports import site
from limbfix.reports.folder import ReportFolder
from limbfix.reports.summary import RunTally

PROVENANCE = {"created": "2026-11-23", "command": "limbfix check renders"}
VERDICTS = ("reject", "pass", "unjudged", "flag", "no_subject")


def build(folder: Path, count: int = 5, *, force: bool = False, name: str = "picture", **options) -> Path:
    tally = RunTally()
    with ReportFolder(folder, force=force, **options) as report:
        for k in range(count):
            made = record(f"{name}{k}.png", VERDICTS[k % 5])
            tally.add(made)
            report.add(made, evidence(made))
        return report.finish(tally.summary(1.0), PROVENANCE)


def whole(folder: Path) -> bool:
    """Says whether the folder is a report: its manifest is there. Fails if one of its files is not as it says."""
    manifest = folder / site.MANIFEST
    if not manifest.exists():
        return False
    files = json.loads(manifest.read_text())["files"]
    on_disk = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert on_disk == {*files, site.MANIFEST}
    for name, noted in files.items():
        content = (folder / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == noted["sha256"], name
        assert len(content) == noted["bytes"], name
    return True


def paths_in(folder: Path) -> list[str]:
    return [json.loads(line)["path"] for line in (folder / "records.jsonl").read_text().splitlines()]


def snapshot(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_finished_report_holds_every_file_and_every_record_in_order(tmp_path: Path) -> None:
    index = build(tmp_path / "report", 7)
    folder = index.parent
    assert whole(folder)
    assert index.name == "index.html"
    assert paths_in(folder) == [f"picture{k}.png" for k in range(7)]
    rows = list(csv.DictReader((folder / "records.csv").open(encoding="utf-8", newline="")))
    assert [row["path"] for row in rows] == paths_in(folder)
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["pictures"] == 7
    assert summary["provenance"]["command"] == "limbfix check renders"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["schema_version"] == 1
    assert manifest["counts"] == {
        "pictures": 7,
        "shown": 7,
        "reject": 2,
        "flag": 1,
        "pass": 2,
        "no_subject": 1,
        "unjudged": 1,
    }
    names = sorted(p.name for p in (folder / "evidence").iterdir())
    assert names[:3] == ["000000-00-hand.extra_digit.jpg", "000000.jpg", "000001.jpg"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report"], "no lock and no temporary folder is left"


def test_an_empty_run_is_a_report_too(tmp_path: Path) -> None:
    assert whole(build(tmp_path / "report", 0).parent)


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    assert snapshot(build(tmp_path / "a").parent) == snapshot(build(tmp_path / "b").parent)


def test_evidence_names_never_hold_a_users_string(tmp_path: Path) -> None:
    made = record("../../x.png", "reject", findings=[finding("../../../etc/passwd")])
    with ReportFolder(tmp_path / "report") as report:
        report.add(made, evidence(made))
        report.finish(RunTally().summary(0), PROVENANCE)
    names = [p.name for p in (tmp_path / "report" / "evidence").iterdir()]
    assert sorted(names) == ["000000-00-finding.jpg", "000000.jpg"]


def test_only_the_worst_pictures_stand_on_the_page(tmp_path: Path) -> None:
    html = build(tmp_path / "report", 20, shown=6).read_text()
    assert html.count('<li class="card"') == 6
    assert "This page holds the worst 6 pictures. 14 more" in html
    shown = [line.split('data-verdict="')[1].split('"')[0] for line in html.splitlines() if '<li class="card"' in line]
    assert shown == ["reject"] * 4 + ["flag"] * 2


def test_a_report_is_not_overwritten_without_force(tmp_path: Path) -> None:
    folder = build(tmp_path / "report").parent
    before = snapshot(folder)
    with pytest.raises(ReportExists, match="--force"):
        build(folder)
    assert snapshot(folder) == before


def test_with_force_the_new_report_replaces_the_old_one_whole(tmp_path: Path) -> None:
    folder = build(tmp_path / "report", 9, name="old").parent
    build(folder, 2, force=True, name="new")
    assert whole(folder)
    assert paths_in(folder) == ["new0.png", "new1.png"]
    assert [p.name for p in tmp_path.iterdir()] == ["report"]


def test_the_old_report_stays_in_place_until_the_new_one_is_complete(tmp_path: Path) -> None:
    folder = build(tmp_path / "report", name="old").parent
    with ReportFolder(folder, force=True) as report:
        report.add(record("new.png"), None)
        assert whole(folder)
        assert paths_in(folder)[0] == "old0.png"
        report.finish(RunTally().summary(0), PROVENANCE)
    assert paths_in(folder) == ["new.png"]


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    "put",
    [
        lambda folder: (folder / "thesis.docx").write_text("years of work"),
        lambda folder: (folder / "manifest.json").write_text('{"name": "a web app"}'),
        lambda folder: (folder / "evidence").mkdir() or (folder / "evidence" / "photo.jpg").write_text("x"),
    ],
    ids=["a file", "another manifest", "another evidence folder"],
)
def test_foreign_folders_are_never_touched(tmp_path: Path, force: bool, put: Callable[[Path], object]) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    put(folder)
    before = snapshot(folder)
    with pytest.raises(ReportExists):
        build(folder, force=force)
    assert snapshot(folder) == before
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("name", ["notes.txt", "evidence/holiday.jpg"])
def test_a_file_that_someone_put_into_a_report_is_not_deleted_by_force(tmp_path: Path, name: str) -> None:
    folder = build(tmp_path / "report").parent
    (folder / name).write_text("mine")
    with pytest.raises(ReportExists, match=name):
        build(folder, force=True)
    assert (folder / name).read_text() == "mine"


def test_a_file_in_the_place_of_the_folder_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "report").write_text("mine")
    with pytest.raises(ReportExists):
        build(tmp_path / "report", force=True)
    assert (tmp_path / "report").read_text() == "mine"


def test_an_empty_folder_and_an_unfinished_report_need_no_force(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "report"
    folder.mkdir(parents=True)
    build(folder)
    (folder / site.MANIFEST).unlink()
    (folder / ".records.csv.part").write_text("half")
    build(folder, 1)
    assert whole(folder)


def test_a_link_to_a_folder_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    build(tmp_path / "link", name="old")
    build(tmp_path / "link", force=True, name="new")
    assert (tmp_path / "link").is_symlink()
    assert paths_in(tmp_path / "real")[0] == "new0.png"


@pytest.mark.parametrize("exists", [False, True])
def test_an_error_half_way_leaves_no_report_and_no_litter(tmp_path: Path, exists: bool) -> None:
    folder = tmp_path / "report"
    if exists:
        folder.mkdir()
    with pytest.raises(RuntimeError), ReportFolder(folder) as report:
        report.add(record(), evidence(record()))
        raise RuntimeError
    assert folder.exists() == exists
    assert sum(1 for _ in tmp_path.rglob("*")) == exists


def test_an_error_half_way_keeps_the_old_report(tmp_path: Path) -> None:
    folder = build(tmp_path / "report").parent
    before = snapshot(folder)
    with pytest.raises(RuntimeError), ReportFolder(folder, force=True) as report:
        report.add(record(), None)
        raise RuntimeError
    assert snapshot(folder) == before
    assert [p.name for p in tmp_path.iterdir()] == ["report"]


@pytest.mark.parametrize(
    "stray", ["original.png", "rejected/000001.jpg", "evidence/mine.png", "evidence/deep/000001.jpg"]
)
@pytest.mark.parametrize("ends", ["well", "badly", "well over an old report", "badly over an old report"])
def test_a_file_that_comes_during_a_run_is_never_deleted(tmp_path: Path, ends: str, stray: str) -> None:
    folder, warnings = tmp_path / "report", []
    if "old" in ends:
        build(folder, name="old")
    try:
        with ReportFolder(folder, force=True, warn=warnings.append) as report:
            (folder / stray).parent.mkdir(parents=True, exist_ok=True)
            (folder / stray).write_text("mine")
            report.add(record("new.png"), None)
            if "badly" in ends:
                raise RuntimeError
            report.finish(RunTally().summary(0), PROVENANCE)
    except RuntimeError:
        pass
    (found,) = [path for path in tmp_path.rglob(Path(stray).name) if path.read_bytes() == b"mine"]
    home = next(parent for parent in found.parents if parent.parent == tmp_path)
    is_told = ends in ("badly", "well over an old report")
    assert [str(home) in line and stray.split("/")[0] in line for line in warnings] == [True] * is_told


def test_a_folder_with_the_name_of_one_of_our_files_is_not_ours(tmp_path: Path) -> None:
    folder = build(tmp_path / "report").parent
    (folder / ".mine.part").mkdir()
    (folder / ".mine.part" / "a.png").write_text("mine")
    with pytest.raises(ReportExists, match=r"\.mine\.part"):
        build(folder, force=True)
    assert (folder / ".mine.part" / "a.png").read_text() == "mine"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_an_output_error_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No space left"), ReportFolder(tmp_path / "report") as report:
        (tmp_path / "report" / "evidence" / ".000000.jpg.part").symlink_to("/dev/full")
        report.add(record(), evidence(record()))


def test_a_second_writer_is_refused_at_once_and_the_first_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    with ReportFolder(folder) as first:
        started = time.perf_counter()
        with pytest.raises(OutputLocked, match="another limbfix"):
            build(folder, force=True)
        assert time.perf_counter() - started < 10
        first.add(record(), None)
        first.finish(RunTally().summary(0), PROVENANCE)
    assert whole(folder)
    build(folder, force=True)


def test_a_place_where_nothing_can_be_made_is_not_said_to_be_busy(tmp_path: Path, monkeypatch) -> None:
    def refuse(place: Path, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(OutputError, match=r"expected a writable place.*Permission denied"):
        build(tmp_path / "report")


def test_two_processes_cannot_write_the_same_report(tmp_path: Path) -> None:
    code = (
        "import sys; from limbfix.reports.folder import ReportFolder; ReportFolder(sys.argv[1], force=True).__enter__()"
    )
    with ReportFolder(tmp_path / "report"):
        command = [sys.executable, "-c", code, str(tmp_path / "report")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "OutputLocked" in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is POSIX")
@pytest.mark.parametrize("has_old", [True, False], ids=["over an old report", "fresh"])
def test_kill_9_never_leaves_a_partial_report_and_never_loses_the_old_one(tmp_path: Path, has_old: bool) -> None:
    folder = tmp_path / "report"
    if has_old:
        build(folder, 3)
    # The child builds one report after the other, so that it dies anywhere in a build or between two.
    code = (
        "import sys, itertools; sys.path.insert(0, sys.argv[2])\n"
        "from pathlib import Path; from test_report_folder import build\n"
        "build(Path(sys.argv[1]).with_name('warm'), 1, force=True)\n"
        "print('ready', flush=True)\n"
        "for k in itertools.count(): build(Path(sys.argv[1]), 4, force=True, name=f'run{k}_')\n"
    )
    rounds = int(os.environ.get("LIMBFIX_TEST_KILLS", "6"))
    rng = random.Random(7 + has_old)
    for _ in range(rounds):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(folder), str(Path(__file__).parent)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0, 0.12))
        process.kill()
        process.wait()
        process.stdout.close()
        if has_old:
            assert whole(folder), "the old report or a newer one is there, whole"
        elif folder.exists() and not whole(folder):
            finals = {p.name for p in folder.iterdir() if not p.name.startswith(".")} - {site.EVIDENCE}
            assert finals <= set(site.FILES)
    build(folder, 2, force=has_old or whole(folder), name="last")
    assert whole(folder)
    assert paths_in(folder) == ["last0.png", "last1.png"]
    assert sorted(p.name for p in tmp_path.iterdir() if "report" in p.name) == ["report"]


def test_a_kill_between_the_two_renames_brings_the_old_report_back(tmp_path: Path) -> None:
    folder = build(tmp_path / "report", name="old").parent
    folder.rename(tmp_path / ".report.limbfix-old")
    with pytest.raises(ReportExists):
        build(folder)
    assert paths_in(folder)[0] == "old0.png"


def test_memory_stays_flat_over_thousands_of_pictures(tmp_path: Path) -> None:
    made = record(verdict="reject")
    seen = evidence(made)
    with ReportFolder(tmp_path / "report", shown=20) as report:
        for _ in range(100):
            report.add(made, seen)
        gc.collect()
        objects = len(gc.get_objects())
        tracemalloc.start()
        for _ in range(2000):
            report.add(made, seen)
        gc.collect()
        ours = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/limbfix/*")])
        tracemalloc.stop()
        assert len(gc.get_objects()) - objects < 200
    assert sum(trace.size for trace in ours.traces) < 100_000
