"""What can go wrong, as one tree. Every message says what was expected, what came, and the remedy.

LimbfixError
  UsageError           wrong arguments or settings                        (command line: exit 2)
    PolicyError        unknown code or key, impossible threshold
    NoPicturesFound    nothing to judge at the given paths                (command line: exit 5)
    SigningKeyError    the ledger's key is missing, unreadable, another one, or readable by others
  PictureError         this picture cannot be judged: one record, the run goes on
    UnsupportedFormat  not PNG, JPEG or WebP
    PictureTooLarge    more pixels, frames or metadata than allowed; refused before decoding
    UnreadablePicture  missing, truncated, corrupt or not a regular file
  ModelError           a model file is unusable                           (command line: exit 2)
    ModelMissing       not on this machine; the message holds the command that fetches it
    ModelCorrupt       its SHA-256 is not the one in the manifest
    ModelUnavailable   could not be fetched from any address
  DetectorError        a detector failed on a picture; never read as "nothing found"
  MissingExtra         an optional package is not installed; the message holds the pip command
  SynthesisError       the data engine lacks something of this machine, or cannot make what was asked
    AssetMissing       body data, a trained generator or a folder of pictures; the message holds the command
    GraphicsMissing    no EGL library or no device to render with
  GeneratorError       a wrapped generator failed or gave no usable picture
    AnatomyRejected    an image failed, and the caller of limbfix.wrap asked for an error
    ServerError        an image server did not answer, or answered with something else than a picture
  RepairError          a region could not be repaired; the original stays
    InpainterMissing   no backend can do what is asked; the message says which would
    RepairBlocked      a safety checker blacked out what was painted; not to be tried around
  OutputError          an output cannot be written
    ReportExists       the folder already holds something; nothing was touched
    OutputLocked       another process is writing the same report or state
    StateError         the state file is no limbfix state
    LedgerError        a ledger cannot be opened, read or continued
      LedgerBroken     its end is not what its head signed; nothing is added to it
      CaseChanged      somebody decided while you looked; look again
  RequestRefused       a request to `limbfix serve` that is not granted; becomes a problem with an HTTP status
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class LimbfixError(Exception):
    """Base of every error that limbfix raises on purpose.

    Each crosses to another process with all that it carries: a pool whose worker sends what cannot be made again waits for ever.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return _made_again, (type(self), self.args), dict(self.__dict__)


def _made_again(kind: type[LimbfixError], args: tuple[Any, ...]) -> LimbfixError:
    """Returns an error without calling its own `__init__`, whose arguments are not the ones that it handed on to Exception."""
    return kind.__new__(kind, *args)


class UsageError(LimbfixError):
    """The caller asked for something impossible or unknown."""


class PolicyError(UsageError):
    """A policy holds an unknown key or code, or a threshold out of range."""


class NoPicturesFound(UsageError):
    """No picture lies at the given paths."""


class SigningKeyError(UsageError):
    """The ledger's signing key is missing, cannot be used, or is not the ledger's."""


class PictureError(LimbfixError):
    """One picture cannot be judged.

    Attributes:
        code: stable machine-readable reason, one of `unsupported_format`, `too_large`, `unreadable`.
    """

    code = "unreadable"


class UnsupportedFormat(PictureError):
    """The bytes are not of an allowed format, whatever the file name says."""

    code = "unsupported_format"


class PictureTooLarge(PictureError):
    """The header promises more pixels, frames or metadata than is allowed; nothing was decoded."""

    code = "too_large"


class UnreadablePicture(PictureError):
    """The file is missing, truncated, corrupt, or not a regular file."""

    code = "unreadable"


class ModelError(LimbfixError):
    """A model file cannot be used."""


class ModelMissing(ModelError):
    """A model file is not on this machine."""


class ModelCorrupt(ModelError):
    """A model file differs from the SHA-256 in the manifest."""


class ModelUnavailable(ModelError):
    """A model file could not be fetched from any of its addresses."""


class DetectorError(LimbfixError):
    """A detector failed. The message names the detector."""

    code = "detector_failed"


class MissingExtra(LimbfixError):
    """An optional dependency is needed; the message holds the install command."""


class SynthesisError(LimbfixError):
    """The data engine cannot work here, or cannot make what was asked."""


class AssetMissing(SynthesisError):
    """Body data, a trained generator or a folder of pictures is missing; the message holds the command that mends it."""


class GraphicsMissing(SynthesisError):
    """No EGL library or no rendering device; the message holds the command that mends it."""


class GeneratorError(LimbfixError):
    """A wrapped generator failed or gave no usable picture."""


class AnatomyRejected(GeneratorError):
    """An image failed and the caller asked for an error (`on_fail="raise"`).

    Attributes:
        reports: one for each image of the call.
        output: what the call would have returned.
    """

    def __init__(self, message: str, reports: tuple[Any, ...], output: Any) -> None:
        super().__init__(message)
        self.reports, self.output = reports, output


class ServerError(GeneratorError):
    """An image server did not answer in time, or answered with something else than a picture."""


class RepairError(LimbfixError):
    """A region could not be repaired; the original stays as it is."""


class InpainterMissing(RepairError):
    """No backend can do what is asked here; the message says which would, and how to get it."""


class RepairBlocked(RepairError):
    """A pipeline's safety checker blacked out what was painted; the original stays, and nobody tries around it."""


class OutputError(LimbfixError):
    """An output cannot be written."""


class ReportExists(OutputError):
    """The target folder already holds something; it was left as it is."""


class OutputLocked(OutputError):
    """Another process writes to the same report or state."""


class StateError(OutputError):
    """The state file is not one of limbfix, or of another version."""


class LedgerError(OutputError):
    """A ledger cannot be opened, read or continued."""


class LedgerBroken(LedgerError):
    """The end of a ledger is not what its head signed; nothing was added."""


class CaseChanged(LedgerError):
    """A case was decided or judged anew since the caller looked; nothing was added."""


class RequestRefused(LimbfixError):
    """A request to `limbfix serve` is not granted.

    Args:
        kind: stable machine-readable reason, such as `queue-full`.
        status: of the HTTP answer.
        expected: what the server takes.
        actual: what came.
        remedy: what the client can do.
        headers: more headers of the answer.
    """

    def __init__(
        self,
        kind: str,
        *,
        status: int,
        expected: str,
        actual: str,
        remedy: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"expected {expected}, got {actual}; {remedy}")
        self.kind, self.status, self.expected, self.actual, self.remedy = kind, status, expected, actual, remedy
        self.headers = headers or {}
