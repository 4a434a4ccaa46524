"""Where does a model file lie on this machine, and is it one of those in the manifest?

It only looks: it fetches nothing and raises nothing for a file that is missing or wrong, but says so in its rows.
"""

import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from limbfix.weights_manifest import ModelFile

State = Literal["ok", "missing", "corrupt"]

FOLDER_VARIABLE = "LIMBFIX_MODELS"

_PACKAGED = Path(__file__).with_name("models")  # a distributor may put files here; limbfix itself ships none
_known: dict[Path, tuple[int, int, str]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledModel:
    """What the manifest wants beside what is there.

    Attributes:
        model: the manifest's row.
        path: where the file lies, or would lie.
        state: `ok`, `missing` or `corrupt`.
        sha256: of the file's bytes, or None where they cannot be read.
        size: of the file in bytes, or None where it is missing.
        origin: `official` or `wheel`, or None where the state is not `ok`.
    """

    model: ModelFile
    path: Path
    state: State
    sha256: str | None = None
    size: int | None = None
    origin: str | None = None


def model_folder() -> Path:
    """Names the folder for model files: `LIMBFIX_MODELS`, else `limbfix/models` in the user's cache folder.

    Returns:
        an absolute path; the folder need not exist.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named).expanduser().absolute() if named else user_cache() / "limbfix" / "models"


def inspect_model(model: ModelFile, folder: Path | None = None) -> InstalledModel:
    """Looks for a model file.

    Args:
        model: the manifest's row.
        folder: the only place to look at; None looks into the package's own read-only folder and then into
            `model_folder()`, or only into the latter where `LIMBFIX_MODELS` names it.

    Returns:
        the first file that is right; where there is none, the last one looked at.
    """
    candidates = _candidates(model, folder)
    row = InstalledModel(model=model, path=candidates[-1], state="missing")
    for path in candidates:
        if not path.is_file():
            continue
        sha256 = _sha256(path)
        origin = model.origins.get(sha256) if sha256 else None
        state: State = "ok" if origin else "corrupt"
        size = path.stat().st_size
        row = InstalledModel(model=model, path=path, state=state, sha256=sha256, size=size, origin=origin)
        if origin:
            return row
    return row


def _candidates(model: ModelFile, folder: Path | None) -> list[Path]:
    if folder is not None:
        return [folder / model.file]
    if os.environ.get(FOLDER_VARIABLE):
        return [model_folder() / model.file]  # named on purpose, so nothing else may slip in
    return [_PACKAGED / model.file, model_folder() / model.file]


def _sha256(path: Path) -> str | None:
    """Hashes a file once per process; its size and time of change tell whether it must be done again."""
    try:
        status = path.stat()
        known = _known.get(path)
        if known and known[:2] == (status.st_mtime_ns, status.st_size):
            return known[2]
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None  # a row with no SHA-256 is `corrupt`: it is there and cannot be used
    _known[path] = (status.st_mtime_ns, status.st_size, sha256)
    return sha256


def user_cache() -> Path:
    """Names the user's cache folder, as the system has it; it need not exist."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return named if named.is_absolute() else Path.home() / ".cache"
