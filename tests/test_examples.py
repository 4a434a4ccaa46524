"""Every example runs as it is, from anywhere, and its exit code means what it says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
KNOWN = {"gate_folder.py", "judge_one.py", "ci_step.py", "judge_one.ipynb", "wrap_diffusers.py"}
MAKERS = {"make_pictures.py"}
"""Scripts that need the extra `synthesis` and minutes; no test runs them."""

pytestmark = [
    pytest.mark.models,
    pytest.mark.skipif(not any(EXAMPLES.glob("*.py")), reason=f"no examples in {EXAMPLES}"),
]


def run(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=120)


def example(name: str) -> Path:
    if not (EXAMPLES / name).is_file():
        pytest.skip(f"no {name} in {EXAMPLES}")
    return EXAMPLES / name


def test_every_example_is_run_here():
    assert {path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".ipynb")} <= KNOWN | MAKERS


def test_gating_a_folder_lists_every_picture_and_its_exit_code_tells_the_worst(pictures, tmp_path):
    names = ("clean_person_standing.jpg", "third_arm.jpg", "clean_hand_peace.webp")
    for name in names:
        (tmp_path / name).write_bytes((pictures / name).read_bytes())
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    done = run(example("gate_folder.py"), tmp_path)
    lines = done.stdout.splitlines()
    assert [any(name in line for line in lines) for name in (*names, "broken.png")] == [True] * 4, done.stderr
    verdicts = {line.split()[0] for line in lines}
    assert "unjudged" in verdicts
    assert done.returncode == (1 if "reject" in verdicts else 3), done.stderr


def test_gating_a_folder_of_good_pictures_succeeds(pictures, tmp_path):
    (tmp_path / "a.jpg").write_bytes((pictures / "clean_person_standing.jpg").read_bytes())
    done = run(example("gate_folder.py"), tmp_path)
    assert done.returncode == 0, done.stderr


def test_judging_one_picture_prints_its_verdict(pictures):
    done = run(example("judge_one.py"), pictures / "clean_person_standing.jpg")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] in ("pass", "flag")


@pytest.mark.parametrize("place", [".", "examples"])  # editors start a notebook in its own folder
def test_the_notebook_runs_from_top_to_bottom(pictures, tmp_path, place):
    cells = json.loads(example("judge_one.ipynb").read_text(encoding="utf-8"))["cells"]
    code = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    script = tmp_path / "notebook.py"
    script.write_text("display = print\n" + code, encoding="utf-8")
    done = run(script, cwd=EXAMPLES.parent / place)
    assert done.returncode == 0, done.stderr


def test_wrapping_a_tiny_pipeline_prints_a_report_for_each_picture():
    done = run(example("wrap_diffusers.py"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("64x64  no_subject  seeds [") == 2


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_the_ci_step_judges_what_a_branch_adds_and_nothing_else(pictures, tmp_path, monkeypatch):
    command_line = run("-m", "limbfix", "check", "--help")
    if command_line.returncode:
        pytest.skip("`limbfix check` does not start here")
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "old.jpg").write_bytes((pictures / "third_arm.jpg").read_bytes())
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "old")
    git(tmp_path, "checkout", "-qb", "branch")
    nothing = run(example("ci_step.py"), "main", cwd=tmp_path)
    assert (nothing.returncode, nothing.stderr.strip()) == (0, "no picture added or changed")
    (tmp_path / "new é.jpg").write_bytes((pictures / "clean_person_standing.jpg").read_bytes())
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "new")
    done = run(example("ci_step.py"), "main", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    cases = ElementTree.parse(tmp_path / "limbfix.xml").iter("testcase")
    assert [case.get("name") for case in cases] == ["new é.jpg"]
    monkeypatch.setenv("LIMBFIX_MODELS", str(tmp_path / "none"))
    blind = run(example("ci_step.py"), "main", cwd=tmp_path)
    assert (
        blind.returncode == 2 and "limbfix models pull" in blind.stderr
    )  # nobody reads the stderr of a step that passed
