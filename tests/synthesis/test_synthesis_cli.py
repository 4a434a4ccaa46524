"""The command line of the engine: what it makes, its last line on stderr, and its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from toy_streams import OpenToys, ToyStream
from typer.testing import CliRunner

from limbfix.errors import AssetMissing, UsageError
from limbfix.synthesis import __main__ as cli
from limbfix.synthesis import assets, production
from limbfix.synthesis.streams import STREAMS, StreamOptions, make_stream

SMALL = ["hands", "--n", "4", "--seed", "7", "--size", "48", "--shard-size", "2", "--no-progress"]


@pytest.fixture
def toys(monkeypatch):
    """Puts toys in the place of the named streams; returns a function that sets their faults."""
    faults: dict = {}
    monkeypatch.setattr(production, "OpenNamed", lambda stream, options: OpenToys(options=options, **faults))
    return faults.update


def run(*words: str):
    return CliRunner().invoke(cli.app, list(words))


def test_a_run_makes_shards_and_says_so(toys, tmp_path):
    done = run(*SMALL, "--out", str(tmp_path / "out"))
    assert (done.exit_code, done.stdout) == (0, "")
    assert "limbfix.synthesis: DONE - 4 pictures in" in done.stderr
    assert len(list((tmp_path / "out" / "shards").iterdir())) == 2


def test_every_option_reaches_the_run(toys, monkeypatch, tmp_path):
    asked = []

    def produce(wish, **_):
        asked.append(wish)
        return production.ProductionOutcome(pictures=0, failed_groups=0, manifest={})

    monkeypatch.setattr(production, "produce", produce)
    words = ["--size", "64", "--jobs", "2", "--format", "coco", "--picture", "jpg", "--no-degrade", "--shard-size", "9"]
    folders = ["--backgrounds", "/b", "--photographs", "/p", "--out", str(tmp_path)]
    assert run("edits", "--n", "5", "--seed", "3", *words, *folders).exit_code == 0
    (wish,) = asked
    assert (wish.stream, wish.n, wish.jobs, wish.shard_size, wish.picture, wish.coco) == ("edits", 5, 2, 9, "jpg", True)
    options = wish.options
    assert (options.seed, options.size_px, options.degrade) == (3, 64, False)
    assert (str(options.backgrounds), str(options.photographs)) == ("/b", "/p")
    assert options.operators == ()
    chosen = ["--operators", "limbs.third_", "--operators", "feet."]
    assert run("bodies", "--n", "5", "--out", str(tmp_path), *chosen).exit_code == 0
    assert asked[1].options.operators == ("limbs.third_", "feet.")


def test_operators_are_chosen_for_bodies_alone():
    with pytest.raises(UsageError, match="stream bodies alone, got them for hands"):
        make_stream("hands", StreamOptions(seed=1, operators=("limbs.",)))


def test_the_coco_format_writes_both_forms(toys, tmp_path):
    pytest.importorskip("pycocotools")
    assert run(*SMALL, "--out", str(tmp_path / "out"), "--format", "coco").exit_code == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"shards", "images", "masks", "annotations.json", "manifest.json"} <= names


def test_failed_groups_make_the_exit_code_3(toys, tmp_path):
    toys({"raising": (1,)})
    done = run(*SMALL, "--out", str(tmp_path / "out"))
    assert done.exit_code == 3
    assert "INCOMPLETE - 2 pictures" in done.stderr
    assert json.loads((tmp_path / "out" / "errors.jsonl").read_text())["group"] == 1


def test_an_interrupted_run_ends_with_130_and_says_how_to_go_on(monkeypatch, tmp_path):
    stopped = production.ProductionOutcome(pictures=2, failed_groups=0, manifest=None)
    monkeypatch.setattr(production, "produce", lambda *_, **__: stopped)
    done = run(*SMALL, "--out", str(tmp_path))
    assert done.exit_code == 130
    assert "the same command goes on" in done.stderr


def test_expected_errors_are_one_line_and_exit_code_2(toys, monkeypatch, capsys, tmp_path):
    toys({"failure": AssetMissing("expected body data, found none; run: python -m limbfix.synthesis fetch")})
    monkeypatch.setattr(sys, "argv", ["limbfix.synthesis", *SMALL, "--out", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("limbfix.synthesis: ERROR - expected body data")


def test_unforeseen_errors_are_exit_code_2_with_a_hint(monkeypatch, capsys, tmp_path):
    def fail(*_, **__):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(production, "produce", fail)
    monkeypatch.setattr(sys, "argv", ["limbfix.synthesis", *SMALL, "--out", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    hint, line = capsys.readouterr().err.splitlines()
    assert "LIMBFIX_DEBUG=1" in hint
    assert line.endswith("internal error, ZeroDivisionError: oh")


def test_fetch_prints_the_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(assets, "fetch_body_data", lambda say: say("fetching") or tmp_path)
    done = run("fetch")
    assert (done.exit_code, done.stdout.strip(), done.stderr.strip()) == (0, str(tmp_path), "fetching")


def test_sheet_prints_the_files(monkeypatch, tmp_path):
    from limbfix.synthesis import streams

    monkeypatch.setattr(streams, "make_stream", lambda name, options: ToyStream(options))
    done = run("sheet", "--stream", "hands", "--size", "48", "--most-groups", "2", "--out", str(tmp_path), "--labels")
    assert done.stdout.split() == [str(tmp_path / "toys-fewer_bars.jpg"), str(tmp_path / "toys-more_bars.jpg")]


def test_there_is_a_command_for_every_stream():
    assert set(cli._SUMMARIES) == set(STREAMS)
    for stream in STREAMS:
        assert "Exit codes" in run(stream, "--help").stdout


def test_help_loads_nothing_heavy():
    code = "import sys, limbfix.synthesis.__main__; print(*{n.split('.')[0] for n in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "cv2", "numpy", "PIL", "moderngl", "rich"} & set(loaded)


def test_the_gate_does_not_know_the_engine():
    code = "import sys, limbfix, limbfix.gate, limbfix.cli; print(*[n for n in sys.modules if 'synthesis' in n])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
