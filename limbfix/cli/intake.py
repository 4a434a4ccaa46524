"""Which pictures does this run take in? What lies there, or what comes while it watches; all of it, or one share."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from limbfix.errors import UsageError
from limbfix.printing import printable

if TYPE_CHECKING:
    from limbfix.discovery import FoundPicture
    from limbfix.runs import RunOutcome
    from limbfix.settings import Settings


class Intake:
    """The pictures of a run, and what is to be said of those that it does not take.

    Args:
        paths: files, folders or `-`.
        settings: `shard`, `watch` and `move_rejected`.
        outputs: folders that the run writes; they are passed over.
        gone: places of pictures that an earlier run moved away.
        is_over: True ends a watch.
        tell: told one line about each folder that goes away while it is watched.

    Attributes:
        watch: or None.
        pictures: in the order in which they are judged; None among them where a watch has none just now.

    Raises:
        UsageError: a path does not exist, or cannot be watched.
    """

    def __init__(
        self,
        paths: list[str],
        settings: Settings,
        *,
        outputs: list[Path],
        gone: list[str],
        is_over: Callable[[], bool],
        tell: Callable[[str], None],
    ) -> None:
        from limbfix.shards import Sharing
        from limbfix.watching import Watch

        self._outputs, self._sharing = outputs, Sharing(settings.shard)
        self._unread: Counter[str] = Counter()
        self.watch: Watch | None = None
        self.pictures: Iterator[FoundPicture | None]
        if settings.watch:
            refuse_unwatched(paths)
            is_moving = settings.move_rejected is not None
            self.watch = Watch(paths, look=self._look, is_over=is_over, gone=gone, is_moving=is_moving, tell=tell)
            self.pictures = self.watch.pictures()
        else:
            self.pictures = self._look(paths, gone, self._unread)

    def close(self, outcome: RunOutcome) -> str:
        """Notes in the outcome what was not taken in, and returns what there is to say of it, a line each."""
        from limbfix.discovery import told_unread

        outcome.elsewhere = self._sharing.elsewhere
        lines = [told_unread(self._unread if self.watch is None else self.watch.unread)]
        if outcome.is_interrupted:
            return lines[0]
        if self.watch is not None and (left := self.watch.left()):
            outcome.left = left
            what = "picture that was seen is" if left == 1 else "pictures that were seen are"
            lines.append(f"{left:,} {what} not judged: the watch ended before; the same command judges what lies there")
        lines.append(self._sharing.told(outcome.summary(0.0).pictures + outcome.left))
        return "\n".join(filter(None, lines))

    def _look(self, paths: list[str], gone: Iterable[str], unread: Counter[str]) -> Iterator[FoundPicture]:
        from limbfix.discovery import walk_pictures

        walk = walk_pictures(paths, stdin=sys.stdin, exclude=self._outputs, gone=gone, unread=unread)
        return self._sharing.of(walk)


def refuse_unwatched(paths: Iterable[str]) -> None:
    """Refuses to watch what is no folder: a list ends, and files that the shell named are those of today.

    Raises:
        UsageError: names the first path that is wrong.
    """
    for path in paths:
        if not os.path.isdir(path):  # noqa: PTH112 a name may be too long
            got = "a list on stdin" if path == "-" else f"'{printable(path)}'"
            why = "" if path == "-" or os.path.lexists(path) else ", which does not exist"
            raise UsageError(f"--watch: expected folders, got {got}{why}; name the folder that pictures come into")
