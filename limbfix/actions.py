"""What happens to the file of a judged picture? It is copied or moved, if asked for, whole or not at all, and never over another.

A move between disks is a copy that was read back and agrees before the original goes. Killed at any moment, the bytes
are at the old place, at the new one, or at both; a run that resumes finishes what was begun.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
import uuid
from contextlib import suppress
from itertools import count
from pathlib import Path

from limbfix.errors import OutputError
from limbfix.printing import printable

_NO_LINKS_HERE = {errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS, errno.EACCES}


def target_of(file: str | None, relative: str, folder: Path, sha256: str, *, size: int | None = None) -> Path:
    """Returns where a file may go: `folder/relative`, with a number where other content lies under that name.

    Args:
        file: the file; None where its bytes are not written yet.
        relative: its path below the folder that was judged; no `..`.
        folder: where files of this verdict go.
        sha256: of the file's bytes.
        size: how many they are; None = as many as the file has.

    Returns:
        A path where nothing lies, or where the same bytes lie already.
    """
    wanted = folder / relative
    for number in count(1):
        target = wanted if number == 1 else wanted.with_name(f"{_shortened(wanted.stem)}-{number}{wanted.suffix}")
        if not os.path.lexists(target):
            return target
        if target.is_symlink() or not target.is_file():
            continue
        # Many pictures may have one name, and reading all of them for each would take the square of their bytes.
        is_same = file is not None and _is_same(file, target)
        if is_same or (_is_as_large(file, size, target) and sha256_of(target) == sha256):
            return target
    raise AssertionError("count() never ends")


def move_file(file: str, target: Path, sha256: str) -> None:
    """Moves a file to a target from `target_of`.

    Raises:
        OutputError: it is a link, its bytes are not those that were judged, or the disk refuses; it stays in place.
    """
    try:
        source = Path(file)
        if source.is_symlink():
            raise OutputError(f"{printable(file)}: expected a file, this is a link; move what it points to by hand")
        if target.exists() and _is_same(file, target) and source.stat().st_nlink == 1:
            return  # Two names of one folder entry: it lies there already, and removing one would remove both.
        _require_content(file, sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() and not _link(source, target):
            _copy(source, target, sha256)
        elif not _is_same(file, target):
            _require_content(str(target), sha256)
        source.unlink()
    except OSError as error:
        raise OutputError(
            f"{printable(file)}: could not be moved to {printable(str(target))} ({error.strerror or error}); "
            "it lies where it was"
        ) from error


def copy_file(file: str, target: Path, sha256: str) -> None:
    """Copies a file to a target from `target_of`; what lies there already is the same and stays.

    Raises:
        OutputError: its bytes are not those that were judged, or the disk refuses.
    """
    try:
        if target.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        _copy(Path(file), target, sha256)
    except OSError as error:
        raise OutputError(
            f"{printable(file)}: could not be copied to {printable(str(target))} ({error.strerror or error})"
        ) from error


def write_new(target: Path, data: bytes) -> None:
    """Writes a file that appears whole or not at all, and never over another.

    Raises:
        OutputError: something lies there already, or the disk refuses.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.parent / f".limbfix-{uuid.uuid4().hex}.part"
        try:
            with part.open("xb") as writing:
                writing.write(data)
                writing.flush()
                os.fsync(writing.fileno())
            if not _link(part, target):
                with target.open("xb"):  # Claims the name; fails where somebody was faster.
                    pass
                part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{printable(str(target))}: could not be written ({error.strerror or error})") from error


def sha256_of(path: str | os.PathLike[str]) -> str | None:
    """Returns the SHA-256 of a regular file's bytes; None of anything else, or where it cannot be read."""
    try:
        if not Path(path).is_file():  # Opening a pipe would wait for its writer.
            return None
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):
        return None


def _shortened(stem: str) -> str:
    """Cuts a name so that it still fits with a number: file systems allow 255 bytes."""
    return os.fsdecode(os.fsencode(stem)[:230])


def _is_same(file: str, target: Path) -> bool:
    try:
        return Path(file).samefile(target)
    except OSError:
        return False


def _is_as_large(file: str | None, size: int | None, target: Path) -> bool:
    """Says whether a target has as many bytes as a file; where that cannot be told, it may."""
    try:
        if size is None and file is not None:
            size = Path(file).stat().st_size
        return size is None or size == target.stat().st_size
    except OSError:
        return True


def _require_content(file: str, sha256: str) -> None:
    if sha256_of(file) != sha256:
        raise OutputError(f"{printable(file)}: changed after it was judged; it was left where it is, judge it again")


def _link(source: Path, target: Path) -> bool:
    """Gives the file its second name, in one step that cannot overwrite; False where that takes a copy."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno in _NO_LINKS_HERE:
            return False
        raise
    return True


def _copy(source: Path, target: Path, sha256: str) -> None:
    """Writes the bytes under another name, to the disk, checks them there, and only then gives them the target's name."""
    descriptor, name = tempfile.mkstemp(prefix=".limbfix-", suffix=".part", dir=target.parent)
    part = Path(name)
    try:
        with source.open("rb") as reading, os.fdopen(descriptor, "wb") as writing:
            shutil.copyfileobj(reading, writing, 1 << 20)
            writing.flush()
            os.fsync(writing.fileno())
        if sha256_of(part) != sha256:
            raise OutputError(
                f"{printable(str(source))}: its copy differs from what was judged; the original was left where it is"
            )
        with suppress(OSError):  # Times and rights are a courtesy that some disks cannot do.
            shutil.copystat(source, part)
        if not _link(part, target):
            with target.open("xb"):  # Claims the name; fails where somebody was faster.
                pass
            part.replace(target)
            return
    finally:
        part.unlink(missing_ok=True)
