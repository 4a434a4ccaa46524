"""The house has floors: a file imports only from floors below its own, and some things are imported in one place only."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "limbfix"

ROWS = [
    row.split()
    for row in (
        "errors printing interruption",
        "geometry layouts outlines inpainting filling clipped_linear",
        "exif containers workflows boosted_trees",
        "flat_tables",
        "crops sources decoding",
        "images path_lists",
        "discovery",
        "generators shards",
        "digits",
        "parts digit_records limb_looks",
        "bodies",
        "body_matching limb_records unclaimed_limbs mirroring",
        "bundles weights_manifest",
        "fetching model_files",
        "pulling",
        "weights",
        "nets digit_assembly",
        "runtime digit_masks digit_owners digit_neighbours body_bones",
        "shipped body_places body_guides",
        "hand_scores digit_beliefs body_chains",
        "readings body_assembly body_masks limb_ends",
        "hidden_limbs limb_beliefs feet body_pieces",
        "body_readings",
        "detectors",
        "skeletons",
        "assembly",
        "findings",
        "calibration explanations picture_scores",
        "checks",
        "policies",
        "verdicts",
        "records",
        "drawing",
        "inspections",
        "actions serve_settings",
        "reports",
        "states settings",
        "ledger",
        "refund_reports",
        "review",
        "gate",
        "repair",
        "licences",
        "doctor",
        "workers",
        "watching",
        "runs service",
        "synthesis",
        "inpainters",
        "fixing",
        "training",
        "wrapping",
        "cli",
        "__main__",
    )
]
"""Rooms from the cellar up. A package is one room."""

FLOOR = {room: floor for floor, rooms in enumerate(ROWS) for room in rooms}

KNOWN_EXCEPTIONS = {
    ("crops", "images"): "names the type Picture; images hands out crops, so neither can lie above the other",
}
"""(importer, imported) pairs, each with its reason; type-checking imports only."""

UNSAFE_MODULES = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}
UNSAFE_NAMES = {"eval", "exec"}
UNSAFE_CALLS = {
    "torch.load",
    "yaml.load",
    "yaml.unsafe_load",
    "yaml.full_load",
    "numpy.load_pickle",
    "pandas.read_pickle",
}


def modules(package: Path) -> dict[str, Path]:
    """Every module of a package by its dotted name below the package; `a` for `a/__init__.py`, '' for the package."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, package: Path) -> Iterator[tuple[str, int]]:
    """(dotted name, line) of everything that a file imports, inside functions and under TYPE_CHECKING too."""
    here = (package.name, *path.relative_to(package).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else ()
            origin = ".".join((*base, *((node.module,) if node.module else ())))
            yield from ((f"{origin}.{alias.name}", node.lineno) for alias in node.names)


def room(dotted: str) -> str:
    """The top room of a dotted name below the package."""
    return dotted.split(".")[0]


def wrong_imports(package: Path) -> list[str]:
    """Every import that does not lead downwards, and every room without a floor."""
    problems = []
    rooms = {room(name) for name in modules(package) if name}
    problems += [f"{name}: no floor; give it one in ROWS" for name in sorted(rooms - FLOOR.keys())]
    for name, path in modules(package).items():
        importer = room(name)
        if not importer or importer not in FLOOR:
            continue  # the package's own face resolves names on first use and may name everything
        for target, line in imports(path, package):
            parts = target.split(".")
            if parts[0] != package.name or len(parts) < 2 or parts[1] not in rooms or parts[1] == importer:
                continue
            known = (importer, parts[1]) in KNOWN_EXCEPTIONS
            if not known and FLOOR.get(parts[1], 99) >= FLOOR[importer]:
                problems.append(f"{path.relative_to(package)}:{line}: {importer} imports {parts[1]}, not below it")
    return problems


def importers(package: Path, foreign: str) -> set[str]:
    """The modules that import a foreign package."""
    return {
        name
        for name, path in modules(package).items()
        for target, _ in imports(path, package)
        if room(target) == foreign
    }


def unsafe_uses(package: Path) -> list[str]:
    """Every way in which bytes from outside could become running code."""
    problems = []
    for path in modules(package).values():
        place = path.relative_to(package)
        problems += [
            f"{place}:{line}: imports {target}"
            for target, line in imports(path, package)
            if room(target) in UNSAFE_MODULES or target in UNSAFE_CALLS
        ]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called in UNSAFE_NAMES or (called in UNSAFE_CALLS and not _is_restricted(node, called, place)):
                problems.append(f"{place}:{node.lineno}: calls {called}")
            if any(word.arg == "allow_pickle" and not _is_false(word.value) for word in node.keywords):
                problems.append(f"{place}:{node.lineno}: allows pickles")
            if any(word.arg == "weights_only" and _is_false(word.value) for word in node.keywords):
                problems.append(f"{place}:{node.lineno}: loads more than weights")
    return problems


def _is_restricted(node: ast.Call, called: str, place: Path) -> bool:
    """Training starts from weights that others published as a pickle; torch's restricted reader makes tensors of it only."""
    told = any(word.arg == "weights_only" and ast.unparse(word.value) == "True" for word in node.keywords)
    return called == "torch.load" and told and place.parts[0] == "training"


def _is_false(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is False


@pytest.fixture
def planted(tmp_path: Path):
    """Makes a package `limbfix` of one file in an otherwise clean house."""

    def plant(path: str, text: str) -> Path:
        package = tmp_path / "limbfix"
        for name in ("__init__.py", "errors.py", "verdicts.py", "policies.py", "checks/__init__.py"):
            (package / name).parent.mkdir(parents=True, exist_ok=True)
            (package / name).write_text("")
        (package / path).parent.mkdir(parents=True, exist_ok=True)
        (package / path).write_text(text)
        return package

    return plant


def test_imports_lead_downwards():
    assert wrong_imports(PACKAGE) == []


def test_every_known_exception_is_still_needed():
    pairs = {
        (room(name), target.split(".")[1])
        for name, path in modules(PACKAGE).items()
        for target, _ in imports(path, PACKAGE)
        if target.startswith("limbfix.")
    }
    assert set(KNOWN_EXCEPTIONS) <= pairs


@pytest.mark.parametrize(
    "text",
    [
        "from limbfix.verdicts import judge",
        "from limbfix import verdicts",
        "import limbfix.verdicts",
        "from .verdicts import judge",
        "def later():\n    from limbfix.verdicts import judge",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from limbfix.verdicts import judge",
    ],
)
def test_an_import_upwards_is_caught(planted, text):
    problems = wrong_imports(planted("errors.py", text))
    assert len(problems) == 1
    assert "errors imports verdicts" in problems[0]


def test_a_package_counts_as_its_top_room(planted):
    (problem,) = wrong_imports(planted("checks/hands/count.py", "from ...policies import Policy"))
    assert "checks imports policies" in problem


def test_an_import_downwards_and_a_clean_house_are_silent(planted):
    assert wrong_imports(planted("verdicts.py", "from limbfix.errors import LimbfixError\nimport json")) == []


def test_a_room_without_a_floor_is_caught(planted):
    assert wrong_imports(planted("utils.py", "")) == ["utils: no floor; give it one in ROWS"]


def test_checks_never_know_the_policy():
    names = [
        target
        for name, path in modules(PACKAGE).items()
        if room(name) == "checks"
        for target, _ in imports(path, PACKAGE)
    ]
    assert not [name for name in names if "polic" in name or "verdict" in name or "settings" in name]


def test_ultralytics_has_one_door():
    assert importers(PACKAGE, "ultralytics") <= {"detectors.ultralytics_yolo"}


def test_only_training_hints_and_the_command_line_know_the_data_engine():
    rooms = {
        room(name)
        for name, path in modules(PACKAGE).items()
        for target, _ in imports(path, PACKAGE)
        if target.split(".")[:2] == ["limbfix", "synthesis"]
    }
    assert rooms <= {"synthesis", "inpainters", "training", "cli"}


def test_mediapipe_has_one_door_and_the_doctor_who_looks_behind_it():
    assert importers(PACKAGE, "mediapipe") == {"detectors.mediapipe_tasks", "doctor"}


def test_nothing_read_becomes_code():
    assert unsafe_uses(PACKAGE) == []


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from pickle import loads",
        "import torch\ntorch.load('a.pt')",
        "import torch\ntorch.load('a.pt', weights_only=True)",
        "from torch import load",
        "x = eval('1')",
        "exec('x = 1')",
        "import yaml\nyaml.load('')",
        "import numpy as np\nnp.load('a.npy', allow_pickle=True)",
        "import other\nother.load('a', weights_only=False)",
    ],
)
def test_every_unsafe_use_is_caught(planted, text):
    assert len(unsafe_uses(planted("errors.py", text))) == 1


def test_no_file_names_a_package_index():
    """Addresses of registries and mirrors belong to the machine that installs, not to the repository."""
    tail = r"\.(org|com|io|net|python)"
    hosts = re.compile(
        "|".join(
            (
                "py" + r"pi\.org",
                "python" + r"hosted\.org",
                "test\\.py" + "pi",
                "conda\\." + "anaconda",
                "npm" + r"js\.(org|com)",
                r"(artifactory|nexus|devpi|pypiserver|verdaccio)[\w-]*" + tail,
                r"--(extra-)?index-" + "url[ =]+https?:",
                "index-" + r"url\s*=\s*[\"']?https?:",
            )
        ),
        re.IGNORECASE,
    )
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout: git ls-files fails")
    found = []
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if not path.is_file():
            continue
        data = path.read_bytes()
        if b"\0" not in data[:4096]:
            found += [f"{name}: {match.group()}" for match in hosts.finditer(data.decode("utf-8", "replace"))]
    assert found == []
