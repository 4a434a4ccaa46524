"""A run makes what was asked for, the same whatever the number of processes, and survives failures, crashes and Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from same_samples import differences
from toy_streams import OpenToys, ToyStream

from limbfix.errors import AssetMissing, OutputLocked, ReportExists, UsageError
from limbfix.synthesis import photograph_joints, shard_workers
from limbfix.synthesis import production as production_module
from limbfix.synthesis.coco import read_coco
from limbfix.synthesis.production import Production, produce
from limbfix.synthesis.shards import read_shard
from limbfix.synthesis.streams import StreamOptions

OPTIONS = StreamOptions(seed=7, size_px=48)


def wanted(out: Path, **changes) -> Production:
    defaults = {"stream": "hands", "options": OPTIONS, "n": 9, "out": out, "shard_size": 4}
    return Production(**(defaults | changes))


def toys(**faults) -> OpenToys:
    return OpenToys(options=OPTIONS, **faults)


def shard_bytes(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((out / "shards").iterdir())}


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Nine pictures asked for, ten made, by one process."""
    out = tmp_path_factory.mktemp("made") / "out"
    produce(wanted(out), open_stream=toys())
    return out


def test_a_run_makes_whole_groups_in_shards(made):
    samples = [sample for path in sorted((made / "shards").iterdir()) for sample in read_shard(path)]
    straight = [sample for index in range(5) for sample in ToyStream(OPTIONS).group(index)]
    assert [d for one, other in zip(straight, samples, strict=True) for d in differences(one, other)] == []
    assert [path.name for path in sorted((made / "shards").iterdir())] == [f"hands-00000{i}.tar" for i in range(3)]


def test_the_manifest_counts_what_was_made(made):
    manifest = json.loads((made / "manifest.json").read_text())
    assert (manifest["pictures"], manifest["groups"], manifest["failed_groups"]) == (10, 5, 0)
    assert manifest["roles"] == {"defect": 4, "plain": 1, "twin": 5}
    assert manifest["operators"] == {"toys.fewer_bars": 4, "toys.more_bars": 5}
    assert manifest["codes"] == {
        "hand.extra_digit": 2,
        "hand.fused_digits": 2,
        "hand.malformed": 2,
        "hand.missing_digit": 2,
    }
    assert manifest["visible_codes"] == {"hand.extra_digit": 2, "hand.fused_digits": 2, "hand.missing_digit": 2}
    assert manifest["options"]["seed"] == 7
    assert "numpy" in manifest["versions"]
    assert [shard["pictures"] for shard in manifest["shards"]] == [4, 4, 2]


def test_nothing_unfinished_stays_behind(made):
    names = {path.name for path in made.iterdir()} - {".lock"}
    assert names == {"options.json", "shards", "shards.jsonl", "manifest.json"}


def test_two_processes_make_the_same_bytes_and_tell_how_far_they_are(made, tmp_path):
    told = []
    outcome = produce(
        wanted(tmp_path / "b", jobs=2), open_stream=toys(), on_pictures=lambda done, all_: told.append((done, all_))
    )
    assert outcome.pictures == 10
    assert shard_bytes(tmp_path / "b") == shard_bytes(made)
    assert (tmp_path / "b" / "manifest.json").read_bytes() == (made / "manifest.json").read_bytes()
    assert told[-1] == (10, 10)
    assert max(done for done, _ in told) == 10


def test_a_finished_run_is_not_made_again(made):
    before = {path: path.stat().st_mtime_ns for path in (made / "shards").iterdir()}
    outcome = produce(wanted(made), open_stream=toys(failure=AssertionError("no stream is needed")))
    assert outcome.pictures == 10
    assert {path: path.stat().st_mtime_ns for path in (made / "shards").iterdir()} == before


def test_a_shard_that_is_gone_cut_or_unlisted_is_made_again(made, tmp_path):
    import shutil

    out = tmp_path / "out"
    shutil.copytree(made, out)
    (out / "shards" / "hands-000000.tar").unlink()
    (out / "shards" / "hands-000001.tar").write_bytes(b"cut")
    journal = (out / "shards.jsonl").read_text()
    (out / "shards.jsonl").write_text(journal[:-30])  # as after a power cut
    produce(wanted(out), open_stream=toys())
    assert shard_bytes(out) == shard_bytes(made)
    assert (out / "manifest.json").read_bytes() == (made / "manifest.json").read_bytes()


def test_a_run_can_be_extended_but_not_shrunk(made, tmp_path):
    out = tmp_path / "out"
    produce(wanted(out, n=5), open_stream=toys())
    assert json.loads((out / "manifest.json").read_text())["pictures"] == 6
    produce(wanted(out), open_stream=toys())
    assert shard_bytes(out) == shard_bytes(made)
    with pytest.raises(UsageError, match="holds 10 pictures, expected at most 4; ask for at least 10"):
        produce(wanted(out, n=4), open_stream=toys())
    assert shard_bytes(out) == shard_bytes(made)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"options": replace(OPTIONS, seed=8)}, r"seed 7 \(now 8\)"),
        ({"options": replace(OPTIONS, degrade=False)}, "degrade True"),
        ({"options": replace(OPTIONS, operators=("limbs.",))}, "operators"),
        ({"picture": "jpg"}, "picture 'png'"),
        ({"shard_size": 2}, "shard_size 4"),
        ({"stream": "bodies"}, "stream 'hands'"),
    ],
)
def test_other_options_in_the_same_folder_are_refused(made, change, words):
    before = shard_bytes(made)
    with pytest.raises(UsageError, match=words):
        produce(wanted(made, **change), open_stream=toys())
    assert shard_bytes(made) == before
    assert (made / "manifest.json").is_file()


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ReportExists, match=r"expected an empty folder.*found thesis\.txt"):
        produce(wanted(tmp_path), open_stream=toys())
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_of_backgrounds_that_changed_is_noticed(tmp_path):
    backgrounds = tmp_path / "backgrounds"
    backgrounds.mkdir()
    (backgrounds / "a.png").write_bytes(b"123")
    options = replace(OPTIONS, backgrounds=backgrounds)
    produce(wanted(tmp_path / "out", options=options, n=2), open_stream=toys())
    (backgrounds / "b.png").write_bytes(b"123")
    with pytest.raises(UsageError, match="backgrounds"):
        produce(wanted(tmp_path / "out", options=options, n=2), open_stream=toys())


def test_a_passing_failure_is_tried_again_and_leaves_no_trace(made, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    outcome = produce(wanted(tmp_path / "out"), open_stream=toys(raising_once=(2,), scratch=scratch))
    assert outcome.failed_groups == 0
    assert (scratch / "asked-2").read_text() == "2"
    assert shard_bytes(tmp_path / "out") == shard_bytes(made)
    assert not (tmp_path / "out" / "errors.jsonl").exists()


def test_a_lasting_failure_is_written_down_and_tried_again_by_the_next_run(made, tmp_path):
    out, scratch = tmp_path / "out", tmp_path / "scratch"
    scratch.mkdir()
    outcome = produce(wanted(out), open_stream=toys(raising=(2,), scratch=scratch))
    assert (outcome.pictures, outcome.failed_groups) == (8, 1)
    assert (scratch / "asked-2").read_text() == "2"
    (error,) = lines(out / "errors.jsonl")
    assert (error["group"], error["shard"]) == (2, 1)
    assert "this one never works" in error["error"]
    assert json.loads((out / "manifest.json").read_text())["failed_groups"] == 1
    assert produce(wanted(out), open_stream=toys()).failed_groups == 0
    assert shard_bytes(out) == shard_bytes(made)
    assert not (out / "errors.jsonl").exists()


def test_a_group_that_kills_its_process_twice_is_given_up_and_the_run_goes_on(tmp_path):
    out = tmp_path / "out"
    outcome = produce(wanted(out, jobs=2), open_stream=toys(dying=(1,)))
    assert (outcome.pictures, outcome.failed_groups) == (8, 1)
    (error,) = lines(out / "errors.jsonl")
    assert (error["group"], error["error"]) == (1, "its process ended with exit code 3")


def test_a_process_that_falls_silent_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(shard_workers, "SILENCE_SECONDS", 0.7)
    outcome = produce(wanted(tmp_path / "out", n=2), open_stream=toys(seconds=60))
    assert (outcome.pictures, outcome.failed_groups) == (0, 1)


def test_a_process_that_has_grown_is_replaced_between_shards(made, tmp_path, monkeypatch):
    monkeypatch.setattr(shard_workers, "GROWTH", 0.0)
    monkeypatch.setattr(shard_workers, "SPARE_BYTES", 0)
    produce(wanted(tmp_path / "out"), open_stream=toys())
    assert shard_bytes(tmp_path / "out") == shard_bytes(made)


def test_what_this_machine_lacks_ends_the_run_with_the_remedy(tmp_path):
    failure = AssetMissing("expected body data, found none; fetch them with: a command")
    with pytest.raises(AssetMissing, match="a command"):
        produce(wanted(tmp_path / "out"), open_stream=toys(failure=failure))


def test_ctrl_c_leaves_a_folder_that_can_be_resumed(made, tmp_path):
    out = tmp_path / "out"

    def press() -> None:
        deadline = time.monotonic() + 30
        while not (out / "shards.jsonl").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press).start()
    outcome = produce(wanted(out), open_stream=toys(seconds=0.4))
    assert outcome.manifest is None
    assert 4 <= outcome.pictures < 10
    assert not (out / "manifest.json").exists()
    assert not (out / ".scratch").exists()
    assert produce(wanted(out), open_stream=toys()).manifest is not None
    assert shard_bytes(out) == shard_bytes(made)


def test_two_runs_in_one_folder_do_not_mix(tmp_path):
    from filelock import FileLock

    with FileLock(tmp_path / ".lock"), pytest.raises(OutputLocked, match="another process"):
        produce(wanted(tmp_path), open_stream=toys())


def test_the_coco_form_holds_the_same_samples(tmp_path):
    pytest.importorskip("pycocotools")
    out = tmp_path / "out"
    produce(wanted(out, coco=True), open_stream=toys())
    shards = [sample for path in sorted((out / "shards").iterdir()) for sample in read_shard(path)]
    assert [d for one, other in zip(shards, read_coco(out), strict=True) for d in differences(one, other)] == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n": 0}, "--n"),
        ({"jobs": 0}, "--jobs"),
        ({"options": replace(OPTIONS, size_px=8)}, "--size from 32"),
        ({"options": replace(OPTIONS, backgrounds=Path("/nowhere/at/all"))}, "expected a folder of pictures"),
        ({"stream": "feet"}, "expected a stream"),
    ],
)
def test_impossible_wishes_are_refused_before_anything_is_written(tmp_path, change, words):
    with pytest.raises(UsageError, match=words):
        produce(wanted(tmp_path / "out", **change), open_stream=toys())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("stream", "looks"), [("edits", 1), ("hands", 0)])
def test_photographs_are_looked_at_once_before_any_process_has_to_open_them(tmp_path, monkeypatch, stream, looks):
    """Each process had to be ready in five minutes, and looked at thousands of photographs in them."""
    events = []

    def refuse(workers):
        events.append("start")
        raise AssetMissing("stop here")

    monkeypatch.setattr(production_module, "look_at", lambda folder: events.append(folder.name))
    monkeypatch.setattr(shard_workers.ShardWorkers, "start", refuse)
    options = replace(OPTIONS, photographs=tmp_path)
    with pytest.raises(AssetMissing, match="stop here"):
        produce(wanted(tmp_path / "out", stream=stream, options=options, jobs=3))
    assert events == [tmp_path.name] * looks + ["start"]


def test_photographs_are_not_looked_at_where_nothing_will_be_made(tmp_path, monkeypatch):
    looks = []
    monkeypatch.setattr(production_module, "look_at", looks.append)
    (photographs := tmp_path / "photographs").mkdir()
    options = replace(OPTIONS, photographs=photographs)
    asked = wanted(tmp_path / "out", stream="edits", options=options, n=2)
    produce(asked, open_stream=toys())
    assert looks
    looks.clear()
    produce(asked, open_stream=toys())
    with pytest.raises(UsageError):
        produce(replace(asked, options=replace(options, seed=8)), open_stream=toys())
    assert not looks


def test_a_folder_without_people_is_still_looked_at_for_hands(tmp_path, monkeypatch):
    seen = []

    def nobody(folder):
        seen.append(folder)
        raise AssetMissing("expected a whole person, found none")

    monkeypatch.setattr(photograph_joints, "find_hands", nobody)
    monkeypatch.setattr(photograph_joints, "find_bodies", nobody)
    photograph_joints.look_at(tmp_path)
    assert seen == [tmp_path, tmp_path]


def test_a_named_stream_is_opened_by_its_name(monkeypatch):
    asked = []
    monkeypatch.setattr(production_module, "make_stream", lambda name, options: asked.append((name, options)))
    production_module.OpenNamed(stream="hands", options=OPTIONS)()
    assert asked == [("hands", OPTIONS)]
