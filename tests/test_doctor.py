"""The doctor names what is wrong and what to do, and imports nothing heavy to find out."""

import hashlib
import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from limbfix import doctor, shipped, weights
from limbfix.doctor import Diagnosis
from limbfix.licences import is_copyleft, licence_of
from limbfix.weights_manifest import read_manifest


class Package(metadata.Distribution):
    """A package that is nothing but its metadata."""

    def __init__(self, facts: str) -> None:
        self.facts = facts

    def read_text(self, filename: str) -> str | None:
        return self.facts if filename == "METADATA" else None

    def locate_file(self, path: object) -> Path:
        return Path(str(path))


def installed(folder: Path, name: str, version: str, *, top_level: str = "", more: str = "") -> None:
    """Puts a package's metadata into a folder on sys.path."""
    place = folder / f"{name}-{version}.dist-info"
    place.mkdir(parents=True)
    (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{more}")
    (place / "top_level.txt").write_text(top_level)


@pytest.fixture
def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole of sys.path."""
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    return tmp_path


@pytest.mark.parametrize(
    ("facts", "licence"),
    [
        ("License-Expression: MIT\nLicense: something else\n", "MIT"),
        ("Classifier: License :: OSI Approved :: BSD License\nLicense: long text\n", "BSD License"),
        ("License: Apache 2.0\n        and more lines\n", "Apache 2.0"),
        ("Classifier: License :: OSI Approved\n", "licence not stated"),
        ("", "licence not stated"),
    ],
)
def test_a_licence_is_read_wherever_the_package_states_it(facts: str, licence: str) -> None:
    package = Package(f"Metadata-Version: 2.1\nName: p\nVersion: 1\n{facts}")

    assert licence_of(package) == licence


@pytest.mark.parametrize(
    ("licence", "forbidden"),
    [
        ("GNU Affero General Public License v3 or later (AGPLv3+)", True),
        ("AGPL-3.0-only", True),
        ("GPL-2.0-or-later", True),
        ("GNU General Public License v3 (GPLv3)", True),
        ("CC-BY-NC-4.0", True),
        ("LGPL-2.1-only", False),
        ("GNU Lesser General Public License v2 (LGPLv2)", False),
        ("LGPL-3.0 OR GPL-2.0", True),
        ("Apache-2.0", False),
        ("MIT-CMU", False),
        ("BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0", False),
    ],
)
def test_copyleft_and_non_commercial_licences_are_told_from_permissive_ones(licence: str, forbidden: bool) -> None:
    assert is_copyleft(licence) is forbidden


@pytest.mark.parametrize(
    ("owners", "status", "part"),
    [
        ([("opencv-contrib-python", "5.0.0")], "ok", "one owner"),
        ([("opencv-contrib-python", "5.0.0"), ("opencv-python", "5.0.0")], "warn", "2 packages own cv2"),
        ([("opencv-contrib-python", "5.0.0"), ("opencv-python", "4.9.0")], "fail", "different versions"),
        ([], "fail", "no package provides OpenCV"),
    ],
)
def test_owners_of_cv2_are_counted(owners: list[tuple[str, str]], status: str, part: str) -> None:
    row = doctor.opencv_owners(owners)

    assert row.status == status
    assert part in row.message
    assert (row.remedy is None) == (status == "ok")


def test_owners_of_cv2_are_found_by_what_they_install_not_by_their_name(only: Path) -> None:
    installed(only, "a_fork", "1.0", top_level="cv2\n")
    installed(only, "opencv_lookalike", "1.0", top_level="lookalike\n")
    (only / "cv2").mkdir()
    (only / "cv2" / "__init__.py").touch()

    assert doctor.opencv_owners().message == "one owner: a_fork 1.0"


def test_a_cv2_that_lost_its_files_to_an_uninstall_fails(only: Path) -> None:
    installed(only, "opencv-contrib-python", "5.0.0", top_level="cv2\n")
    (only / "cv2" / "data").mkdir(parents=True)

    row = doctor.opencv_owners()

    assert row.status == "fail"
    assert "files are gone" in row.message


NEEDS = """License-Expression: Apache-2.0
Requires-Dist: good>=2
Requires-Dist: old>=2
Requires-Dist: absent>=1
Requires-Dist: caged>=1; extra == "yolo"
Requires-Dist: unwanted; extra == "train"
Requires-Dist: tool; extra == "dev"
"""


@pytest.fixture
def environment(only: Path) -> Path:
    installed(only, "limbfix", "0.1.0", more=NEEDS)
    installed(only, "good", "2.1", more="License-Expression: MIT\n")
    installed(only, "old", "1.0", more="License-Expression: MIT\n")
    installed(only, "caged", "8.4", more="License-Expression: AGPL-3.0-only\n")
    installed(only, "tool", "1.0", more="License-Expression: GPL-3.0-only\n")
    return only


def test_packages_are_listed_with_version_licence_and_what_is_wrong(environment: Path) -> None:
    rows = {row.name: row for row in doctor.packages()}

    assert rows.keys() == {"limbfix", "good", "old", "absent", "caged"}
    assert rows["good"] == Diagnosis(name="good", status="ok", message="2.1, MIT")
    assert rows["old"].status == "fail"
    assert "expected >=2" in rows["old"].message
    assert rows["absent"].remedy == "pip install 'absent>=1'"
    assert rows["caged"].status == "warn"
    assert "AGPL-3.0-only (extra yolo)" in rows["caged"].message


def test_what_an_uninstall_left_of_a_package_is_none(environment: Path) -> None:
    for name in ("absent-1.0", "good-1.0", "limbfix-0.0.9", "stranger-3.0"):
        (environment / f"{name}.dist-info").mkdir()
    installed(environment, "a_fork", "1.0", top_level="cv2\n")

    rows = {row.name: row for row in doctor.packages()}

    assert (rows["limbfix"].message[:5], rows["good"].message) == ("0.1.0", "2.1, MIT")
    assert rows["absent"].message == "not installed, expected >=1"
    assert doctor.opencv_owners().message.startswith("a_fork 1.0 should provide cv2")


def test_the_permissive_policy_forbids_copyleft_packages(environment: Path) -> None:
    rows = {row.name: row.status for row in doctor.packages("permissive")}

    assert rows["caged"] == "fail"
    assert rows["good"] == "ok"


def test_a_folder_that_is_not_installed_is_said_to_be_so(only: Path) -> None:
    (row,) = doctor.packages()

    assert (row.name, row.status, row.remedy) == ("limbfix", "warn", "pip install -e .")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks only on Linux")
@pytest.mark.parametrize(("own", "status"), [(True, "warn"), (False, "fail")])
def test_a_system_library_that_does_not_load_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, own: bool, status: str
) -> None:
    monkeypatch.setattr(doctor, "finds_hands", lambda: own)
    monkeypatch.setattr(doctor, "SYSTEM_LIBRARIES", {"libno-such.so.1": "libno-such1"})

    rows = doctor.system_libraries(["libno-such.so.1", "libc.so.6"])

    assert [row.status for row in rows] == [status, "ok"]
    assert rows[0].remedy == "apt-get install libno-such1"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks only on Linux")
def test_a_bare_system_without_the_libraries_of_opencv_fails_and_a_headless_opencv_needs_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor, "OPENCV_LIBRARIES", {"libno-such.so.1": "libno-such1"})
    monkeypatch.setattr(doctor, "_cv2_owners", lambda: [("opencv-contrib-python", "5.0")])

    (row,) = doctor.opencv_libraries(["libno-such.so.1"])

    assert (row.status, row.remedy) == ("fail", "apt-get install libno-such1")
    assert {"libGL.so.1", "libglib-2.0.so.0"} <= {row.name for row in doctor.diagnose()}
    monkeypatch.setattr(doctor, "_cv2_owners", lambda: [("opencv-contrib-python-headless", "5.0")])
    assert doctor.opencv_libraries(["libno-such.so.1"]) == []


@pytest.mark.parametrize(("own", "status"), [(True, "warn"), (False, "fail")])
def test_missing_and_corrupt_models_are_named_with_the_command_that_fetches_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: bool, status: str
) -> None:
    monkeypatch.setattr(doctor, "finds_hands", lambda: own)
    monkeypatch.setenv("LIMBFIX_MODELS", str(tmp_path))
    (tmp_path / "hand_landmarker.task").write_bytes(b"not a model")

    rows = doctor.model_files()

    assert [row.name for row in rows] == [f"model {model.name}" for model in read_manifest().models]
    assert rows[0].status == "fail"  # a broken file is never passed over
    assert {row.status for row in rows[1:]} == {status}
    assert ("without it" in rows[1].message) == own
    assert "hand_landmarker.task is corrupt" in rows[0].message
    assert "pose_landmarker.task is missing" in rows[1].message
    assert {row.remedy for row in rows} == {weights.PULL_COMMAND}


def test_the_disk_row_warns_when_room_is_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "not" / "there" / "yet"
    assert doctor.free_disk(folder).status == "ok"
    assert str(tmp_path) in doctor.free_disk(folder).message

    monkeypatch.setattr(doctor, "FREE_DISK_WARN_BYTES", 1 << 80)

    assert doctor.free_disk(folder).status == "warn"


def test_the_worst_row_gives_the_status() -> None:
    def row(status: doctor.Status) -> Diagnosis:
        return Diagnosis(name="row", status=status, message="")

    assert doctor.worst_status([]) == "ok"
    assert doctor.worst_status([row("ok"), row("warn")]) == "warn"
    assert doctor.worst_status([row("warn"), row("fail"), row("ok")]) == "fail"


def test_the_doctor_imports_nothing_heavy_unless_asked() -> None:
    program = (
        "import sys; from limbfix import doctor; rows = doctor.diagnose(); assert len(rows) > 5, rows\n"
        "print({'torch', 'cv2', 'mediapipe', 'diffusers', 'ultralytics', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"


@pytest.mark.models
def test_the_deep_look_opens_every_model_and_names_the_device() -> None:
    if any(row.state != "ok" for row in weights.installed_models()):
        pytest.skip("the model files are not there; limbfix models pull fetches them")
    rows = {row.name: row for row in doctor.diagnose(deep=True)}

    assert rows["torch device"].status == "ok"
    for model in read_manifest().models:
        assert rows[f"open {model.name}"].status == "ok", rows[f"open {model.name}"].message


def test_networks_that_come_along_are_listed_with_their_hashes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    data, card = b"weights", "net.md"
    sha256 = hashlib.sha256(data).hexdigest()
    row = {"sha256": sha256, "bytes": 7, "licence": "Apache-2.0", "card": card}
    (tmp_path / "net.safetensors").write_bytes(data)
    (tmp_path / "bad.safetensors").write_bytes(b"other")
    (tmp_path / "manifest.json").write_text(
        json.dumps({"files": {name: row for name in ("net.safetensors", "bad.safetensors", "gone.safetensors")}})
    )
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    shipped.shipped_file.cache_clear()
    whole, broken, gone = doctor.own_networks()
    shipped.shipped_file.cache_clear()
    assert (whole.name, whole.status) == ("network net.safetensors", "ok")
    assert sha256 in whole.message and "Apache-2.0" in whole.message and card in whole.message
    assert [broken.status, gone.status] == ["fail", "fail"]
    assert sha256 in broken.message and broken.remedy


def test_an_installation_without_networks_lists_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    assert doctor.own_networks() == []


def test_a_network_under_a_copyleft_licence_fails_a_permissive_policy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "n.safetensors").write_bytes(b"")
    row = {"sha256": hashlib.sha256(b"").hexdigest(), "bytes": 0, "licence": "AGPL-3.0-only", "card": "n.md"}
    (tmp_path / "manifest.json").write_text(json.dumps({"files": {"n.safetensors": row}}))
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    shipped.shipped_file.cache_clear()
    assert [one.status for one in doctor.own_networks("permissive")] == ["fail"]
    assert [one.status for one in doctor.own_networks("any")] == ["ok"]
    shipped.shipped_file.cache_clear()
