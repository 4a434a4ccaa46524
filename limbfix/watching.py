"""Which pictures come into the folders while a run is watching them? Each is handed on once it has come to rest.

Folders are looked through again and again, with the same eyes as any other run's (`limbfix.discovery`). A file is at rest when its
size, its times and its inode have been seen unchanged `REST_SECONDS` apart. One that is written again is handed on again if its
content differs from what was judged, so touching it changes nothing. A file that goes away is forgotten: whatever comes under its name
later is new.

What is remembered of each file that lies there is about half a kilobyte, and nothing of those that went.
"""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limbfix.actions import sha256_of
from limbfix.discovery import FoundPicture, place_of
from limbfix.errors import UsageError
from limbfix.printing import printable

if TYPE_CHECKING:
    from limbfix.workers import Judged

REST_SECONDS = 1.0
"""How long a file must stay as it is before it is judged."""

LOOK_SECONDS = 0.5
"""Shortest time from one look through the folders to the next."""

LOOK_SHARE = 10
"""The pause between looks is at least so many times as long as a look took: large folders must not cost the judging its time."""

_PAUSE_SECONDS = 0.1  # a signal, and what other processes have judged, waits so long at most

Mark = tuple[int, int, int, int]
"""Size, time of change, time of change of the inode and the inode's number: another mark may be another content."""

Look = Callable[[list[str], frozenset[str], Counter[str]], Iterator[FoundPicture]]
"""Finds the pictures of paths: (paths, places of pictures that were moved away and are listed all the same, counts of unread files)."""


@dataclass(slots=True)
class _File:
    """What is remembered of a file.

    Attributes:
        mark: as it was last seen; None where nothing lies there.
        since: when it was first seen so, monotonic seconds.
        round: number of the look that saw the file last.
        is_waiting: it is to come to rest.
        is_given: it was handed on and is not judged yet.
        content: SHA-256 of what was judged; None = nothing, or it could not be read.
        is_failed: the last record said that it could not be judged.
    """

    mark: Mark | None
    since: float
    round: int
    is_waiting: bool = True
    is_given: bool = False
    content: bytes | None = None
    is_failed: bool = False


class Watch:
    """Hands on pictures as they come to rest, until it is over.

    Args:
        paths: the folders.
        look: finds the pictures in them.
        is_over: asked again and again; True ends the watch.
        gone: places of pictures that an earlier run moved away; they are handed on once, as by any run that resumes.
        is_moving: whether rejected files are moved away: then one that lies there again is judged again, whatever its content.
        tell: told one line about each folder that went away.

    Attributes:
        unread: files that are named like pictures of other kinds, by suffix, as the last look counted them.
    """

    def __init__(
        self,
        paths: Iterable[str],
        *,
        look: Look,
        is_over: Callable[[], bool],
        gone: Iterable[str] = (),
        is_moving: bool = False,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._paths, self._find, self._is_over = list(paths), look, is_over
        self._gone = frozenset(gone)
        self._is_moving, self._tell = is_moving, tell
        self._files: dict[str, _File] = {}
        self._waiting: deque[FoundPicture] = deque()  # in the order of `_File.since`
        self._missing: set[str] = set()
        self._round = 0
        self._next_look = 0.0
        self.unread: Counter[str] = Counter()

    def pictures(self) -> Iterator[FoundPicture | None]:
        """Yields pictures at rest, and None, after a short pause, whenever there is none just now.

        Raises:
            UsageError: a path does not exist when the watch begins.
        """
        while not self._is_over():
            if time.monotonic() >= self._next_look:
                self._look(self._is_over)
            found = self._next_at_rest()
            if found is None:
                time.sleep(_PAUSE_SECONDS)
            yield found
        self._look(lambda: False)  # What came since the last look was not judged either.

    def is_news(self, judged: Judged) -> bool:
        """Takes note of what was judged, and says whether the record is to be written.

        A file that could not be judged makes one record until it can be, so that a writer's pauses make no more; internal errors are
        always told.
        """
        file, record = self._files.get(judged.task.path), judged.record
        if file is None:
            return True
        is_failed = record["error"] is not None
        is_news = judged.trace is not None or not (is_failed and file.is_failed)
        may_stay = not (self._is_moving and record["verdict"] == "reject")
        file.content = bytes.fromhex(record["sha256"]) if record["sha256"] and may_stay else None
        file.is_failed, file.is_given = is_failed, False
        return is_news

    def left(self) -> int:
        """Returns how many files lie there unjudged, or other than they were judged."""
        return sum(
            _mark_of(found.path) is not None and not self._is_known(found, self._files[found.path])
            for found in self._waiting
        )

    def _look(self, is_over: Callable[[], bool]) -> None:
        """Looks through the folders: new and changed files begin to wait, and those that went are forgotten."""
        began = time.monotonic()
        self._round += 1
        unseen, unread = self._told_missing(), Counter()
        try:
            for found in self._find([path for path in self._paths if path not in self._missing], self._gone, unread):
                if is_over():
                    return
                self._see(found)
                if found.is_folder:
                    unseen.append(found.path)
        except UsageError:  # A folder went away in this very moment; the next look tells.
            if self._round == 1:
                raise
            return
        self._gone, self.unread = frozenset(), unread
        self._forget(tuple(os.path.join(folder, "") for folder in unseen))  # noqa: PTH118
        now = time.monotonic()
        self._next_look = now + max(LOOK_SECONDS, LOOK_SHARE * (now - began))

    def _told_missing(self) -> list[str]:
        """Returns the folders that are not there just now; tells of those that were at the last look."""
        missing = {path for path in self._paths if self._round > 1 and not os.path.lexists(path)}
        for path in sorted(missing - self._missing):
            self._tell(f"{printable(path)}: gone; it is watched again as soon as it is back")
        self._missing = missing
        return list(missing)

    def _see(self, found: FoundPicture) -> None:
        file, mark = self._files.get(found.path), _mark_of(found.path)
        if file is None:
            if mark is not None or place_of(found.path) in self._gone:
                self._files[found.path] = _File(mark, time.monotonic(), self._round)
                self._waiting.append(found)
            return
        file.round = self._round
        if mark is not None and mark != file.mark and not file.is_waiting and not file.is_given:
            file.mark, file.since, file.is_waiting = mark, time.monotonic(), True
            self._waiting.append(found)

    def _forget(self, unseen: tuple[str, ...]) -> None:
        """Forgets the files that the last look did not see, except below folders that it could not look into."""
        went = [
            path
            for path, file in self._files.items()
            if file.round != self._round and not file.is_waiting and not file.is_given and not path.startswith(unseen)
        ]
        for path in went:
            del self._files[path]

    def _next_at_rest(self) -> FoundPicture | None:
        """Returns the picture that has waited longest, if it is at rest; one that changed meanwhile waits anew."""
        while self._waiting:
            found = self._waiting[0]
            file = self._files[found.path]
            if time.monotonic() - file.since < REST_SECONDS:
                return None
            self._waiting.popleft()
            mark = _mark_of(found.path)
            if mark is None and file.mark is not None:
                del self._files[found.path]
            elif mark != file.mark:
                file.mark, file.since = mark, time.monotonic()
                self._waiting.append(found)
            else:
                file.is_waiting = False
                if not self._is_known(found, file):
                    file.is_given = True
                    return found
        return None

    def _is_known(self, found: FoundPicture, file: _File) -> bool:
        """Says whether the very content that lies there was judged under this name."""
        if file.content is None:
            return False
        content = sha256_of(found.path)
        return content is not None and bytes.fromhex(content) == file.content


def _mark_of(path: str) -> Mark | None:
    """Returns the mark of what lies at a path, of a link's target where there is one; None where nothing lies."""
    for follow in (True, False):
        try:
            stat = os.stat(path, follow_symlinks=follow)  # noqa: PTH116 this runs for every file of every look
        except (OSError, ValueError):
            continue
        return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino
    return None
