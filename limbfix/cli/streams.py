"""Who writes where? Records own stdout, Python owns stderr, and C++ libraries own nothing."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from limbfix.runs import RunOutcome


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""What a disk under stdout says when it takes no more; other errors are somebody else's."""


def open_closed_streams() -> None:
    """Gives a process that was started without stdin, stdout or stderr nothing to read and nowhere to write.

    Else the next file that is opened would get the free descriptor, and chatter of a library would be written into it.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != descriptor:
                os.dup2(nowhere, descriptor)
                os.close(nowhere)
    # They live as long as the process, like the ones that they stand for.
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: SIM115, PTH123
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115, PTH123
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115, PTH123
    if type(sys.stderr) is io.TextIOWrapper:
        sys.stderr = _Stderr(sys.stderr.detach(), encoding="utf-8", errors="backslashreplace", line_buffering=True)


class _Stderr(io.TextIOWrapper):
    """A stderr whose reader may go away and whose disk may be full: then its text is lost, and no verdict with it."""

    def write(self, text: str, /) -> int:
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()

    def close(self) -> None:
        with suppress(OSError):
            super().close()


def safe_stdout() -> TextIO:
    """Returns stdout as UTF-8 whatever the locale, and able to write every name."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")
    return sys.stdout


@contextmanager
def own_stderr() -> Iterator[TextIO]:
    """Gives Python a stderr of its own and sends what C++ libraries write to file descriptor 2 to nowhere.

    So the verdict is the last line there. LIMBFIX_DEBUG=1 leaves everything as it is.
    """
    if os.environ.get("LIMBFIX_DEBUG"):
        yield sys.stderr
        return
    before = sys.stderr
    before.flush()
    saved = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    # Closed by nothing but the descriptor's own end: a traceback may still want it while the block is left.
    own = open(os.dup(saved), "wb")  # noqa: SIM115, PTH123
    sys.stderr = _Stderr(own, encoding="utf-8", errors="backslashreplace", line_buffering=True)
    try:
        yield sys.stderr
    finally:
        sys.stderr.close()
        sys.stderr = before
        os.dup2(saved, 2)
        os.close(saved)


@contextmanager
def closing_pipe(outcome: RunOutcome) -> Iterator[None]:
    """Takes a reader of stdout that went away (`| head`) for the wish to stop.

    Raises:
        OutputError: stdout goes to a full disk.
    """
    from limbfix.errors import OutputError

    try:
        yield
    except BrokenPipeError:
        outcome.is_interrupted = True
        _drop_stdout()
    except OSError as error:
        if error.errno not in _FULL:
            raise
        _drop_stdout()
        raise OutputError(f"output: could not be written ({error.strerror or error}); free space and resume") from error


def _drop_stdout() -> None:
    """Points stdout at nothing, so that Python's own flush at exit has nothing to complain about."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
