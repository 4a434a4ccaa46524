"""May a report be built in this folder? Nobody's files are deleted, and no finished report is lost."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from limbfix.discovery import REPORT_MARKER
from limbfix.errors import OutputError, OutputLocked, ReportExists

if TYPE_CHECKING:
    from filelock import BaseFileLock

MARKER = REPORT_MARKER  # discovery keeps out of folders that hold it
"""Written first. A folder with a marker and without a manifest is a report that was never finished."""

MANIFEST = "manifest.json"
"""Written last. A folder without it is not a report."""

EVIDENCE = "evidence"
FILES: tuple[str, ...] = ("index.html", "records.jsonl", "records.csv", "summary.json")

_OWN_FILE = re.compile(rf"({re.escape(MARKER)}|{MANIFEST}|{'|'.join(map(re.escape, FILES))})|\..*\.part")
_OWN_EVIDENCE = re.compile(r"\d{6,}(-after|-\d{2,}-[a-z0-9_.]+)?\.jpg|\..*\.part")
_SYSTEM_FILES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
"""Left by file browsers in any folder; nobody misses them."""

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


class Holding(Enum):
    """What a folder holds."""

    NOTHING = "nothing"
    UNFINISHED = "an unfinished report"
    FINISHED = "a report"
    FOREIGN = "other files"


def holding_of(folder: Path) -> tuple[Holding, str | None]:
    """Returns what a folder holds, and for foreign ones the name of one file that is not of limbfix.

    A folder that is missing or empty holds nothing. One with a marker is foreign too, once somebody put a file there.
    """
    if not folder.exists():
        return Holding.NOTHING, None
    if not folder.is_dir():
        return Holding.FOREIGN, folder.name
    names = sorted(entry.name for entry in folder.iterdir())
    if not names:
        return Holding.NOTHING, None
    if names == [f".{MARKER}.part"]:  # killed while the marker itself was written
        return Holding.UNFINISHED, None
    if MARKER not in names:
        return Holding.FOREIGN, names[0]
    evidence = folder / EVIDENCE
    has_evidence = evidence.is_dir()
    strays = [
        one.name for one in folder.iterdir() if not _is_own(one, _OWN_FILE) and not (has_evidence and one == evidence)
    ]
    if has_evidence:
        strays += [f"{EVIDENCE}/{one.name}" for one in evidence.iterdir() if not _is_own(one, _OWN_EVIDENCE)]
    if strays:
        return Holding.FOREIGN, min(strays)
    return (Holding.FINISHED if MANIFEST in names else Holding.UNFINISHED), None


def _is_own(entry: Path, names: re.Pattern[str]) -> bool:
    """Says whether something may go with a report: it has a name of ours and is no folder."""
    is_named = entry.name in _SYSTEM_FILES or names.fullmatch(entry.name) is not None
    return is_named and (entry.is_symlink() or not entry.is_dir())


def build_folder(target: Path, *, force: bool) -> Path:
    """Returns an empty folder to build in: the target itself, or a sibling where a finished report must survive.

    Call it while holding the target's lock. It repairs what a killed run left behind.

    Raises:
        ReportExists: a finished report without force, or foreign files, there or in what a killed run left; nothing was
            touched.
        OutputError: the target is a mount point with a report in it, which cannot be replaced as a whole.
    """
    sibling, retired = target.with_name(f".{target.name}.limbfix-new"), _retired(target)
    if not target.exists() and holding_of(retired)[0] is Holding.FINISHED:
        retired.rename(target)
    holding, stray = holding_of(target)
    if holding is Holding.FOREIGN:
        raise ReportExists(
            f"{target}: expected an empty folder or a limbfix report, found {stray!r}; "
            "choose another folder, or move the file away"
        )
    if holding is Holding.FINISHED and not force:
        raise ReportExists(f"{target}: a report is already there; choose another folder, or overwrite it with --force")
    if holding is Holding.FINISHED and os.path.ismount(target):
        raise OutputError(f"{target}: a mount point cannot be replaced as a whole; choose a new folder inside it")
    for leftover in (sibling, retired):
        discard(leftover)
    build = sibling if holding is Holding.FINISHED else target
    if holding is Holding.UNFINISHED:
        empty(target)
    build.mkdir(parents=True, exist_ok=True)
    return build


def publish(build: Path, target: Path) -> Path | None:
    """Puts a complete build in the target's place, in one step where the system can.

    Returns:
        Where the old report lies now, for `discard`; None where the target was built in place.
    """
    if build == target:
        return None
    if _exchange(build, target):
        return build
    # The two renames leave a moment without a target; `build_folder` brings the old one back if we die in it.
    target.rename(_retired(target))
    build.rename(target)
    return _retired(target)


def discard(folder: Path) -> None:
    """Deletes a folder of our own, if it is there.

    Raises:
        ReportExists: as `empty`.
    """
    if folder.exists():
        empty(folder)
        folder.rmdir()


def empty(folder: Path) -> None:
    """Deletes what limbfix wrote into a folder of ours, the manifest first and the marker last: a killed run leaves it ours.

    Raises:
        ReportExists: it holds something else too; nothing was deleted.
    """
    holding, stray = holding_of(folder)
    if holding is Holding.FOREIGN:
        raise ReportExists(
            f"{folder}: expected nothing but what limbfix wrote, found {stray!r} too; "
            "the folder was left as it is, move what is yours away and delete the rest"
        )
    entries = sorted(folder.iterdir(), key=lambda entry: (entry.name == MARKER, entry.name != MANIFEST))
    for entry in entries:  # what was put there since the look above stays, and the folder around it too
        if entry.name == EVIDENCE and not entry.is_symlink():  # a link is deleted, never followed
            _unlink_own(entry.iterdir(), _OWN_EVIDENCE)
            entry.rmdir()
        elif entry.name == EVIDENCE:
            entry.unlink()
        else:
            _unlink_own([entry], _OWN_FILE)


def _unlink_own(entries: Iterable[Path], names: re.Pattern[str]) -> None:
    for entry in entries:
        if _is_own(entry, names):
            entry.unlink()


def lock(target: Path) -> BaseFileLock:
    """Returns the held lock of a report folder; it lies beside the folder, and `unlock` removes it.

    Raises:
        OutputLocked: another process holds it.
    """
    from filelock import FileLock, Timeout

    place = target.with_name(f".{target.name}.limbfix-lock")
    file_lock = FileLock(place)
    try:
        place.touch()  # a lock that cannot be made looks like one that another holds
        file_lock.acquire(timeout=0)
    except OSError as error:
        if isinstance(error, Timeout):
            raise OutputLocked(
                f"{target}: another limbfix is writing a report there; wait for it, or choose another folder"
            ) from error
        raise OutputError(
            f"{target}: expected a writable place for the report, got: {error.strerror or error}"
        ) from error
    return file_lock


def unlock(file_lock: BaseFileLock) -> None:
    """Releases a lock and removes its file, while holding it: who opened it by then sees a nameless one and retries."""
    with suppress(OSError):
        Path(file_lock.lock_file).unlink()
    file_lock.release()


def _retired(target: Path) -> Path:
    return target.with_name(f".{target.name}.limbfix-old")


def _exchange(a: Path, b: Path) -> bool:
    """Swaps two folders atomically; False where the system or the file system has no such call."""
    if not sys.platform.startswith("linux"):
        return False
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    if renameat2(_AT_FDCWD, os.fsencode(a), _AT_FDCWD, os.fsencode(b), _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EXDEV):
        return False
    raise OutputError(f"{b}: the finished report could not replace the old one ({os.strerror(code)}); it lies in {a}")
