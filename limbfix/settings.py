"""How shall a run go? Flags, then LIMBFIX_* variables, then limbfix.toml, then [tool.limbfix], then defaults."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    PyprojectTomlConfigSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from limbfix.detectors import YOLO_PREFIX
from limbfix.errors import UsageError
from limbfix.policies import Policy, load_policy, make_policy
from limbfix.serve_settings import Seconds, ServeSettings
from limbfix.shards import Shard, parse_shard

_FOREIGN_VARIABLES = ("LIMBFIX_MODELS", "LIMBFIX_DEBUG", "LIMBFIX_LEDGER", "LIMBFIX_API_KEYS", "LIMBFIX_TEST_")
"""Variables with our prefix that are no settings: the model folder (limbfix.weights), whether internal errors show
their traceback (limbfix.cli), the keys of a server (limbfix.service.keys), and the test suite's."""

_TABLE_VARIABLES = ("LIMBFIX_SERVE__",)
"""Keys of a table: LIMBFIX_SERVE__PORT is `port` in `[serve]`. Unknown keys are refused by the table itself."""


def _words(value: Any) -> Any:
    """Splits `a,b c` from a flag or variable into ("a", "b", "c")."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]


COPY_KEYS = {
    "reject": "copy_rejected",
    "flag": "copy_flagged",
    "pass": "copy_passed",
    "unjudged": "copy_unjudged",
}
"""By verdict, the key of the folder for copies. `no_subject` has none: such a picture is neither passed nor a failure."""

_PATH_KEYS = ("policy", "report", "state", "move_rejected", *COPY_KEYS.values())


class _OwnFile(TomlConfigSettingsSource):
    """A `limbfix.toml`, which may begin with a byte order mark, as editors of Windows write it."""

    def _read_file(self, file_path: Any) -> dict[str, Any]:
        return tomllib.loads(file_path.read_text(encoding="utf-8-sig"))


class _ProjectFile(PyprojectTomlConfigSettingsSource):
    """The `[tool.limbfix]` of this folder or a parent. Its relative paths begin at its own folder, wherever a run starts."""

    def __call__(self) -> dict[str, Any]:
        folder = self.toml_file_path.parent
        return super().__call__() if folder == Path.cwd() else _from_folder(super().__call__(), folder)


def _from_folder(given: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Returns settings of a file in which every path is absolute; what is no path stays, for pydantic to complain about."""

    def moved(value: Any) -> Any:
        return str(folder / value) if isinstance(value, str) else value

    found = given | {key: moved(given[key]) for key in _PATH_KEYS if key in given}
    if isinstance(serve := given.get("serve"), dict) and "keys_file" in serve:
        found["serve"] = serve | {"keys_file": moved(serve["keys_file"])}
    if isinstance(words := _words(given.get("detector")), list | tuple):
        found["detector"] = [
            f"{YOLO_PREFIX}{moved(word.removeprefix(YOLO_PREFIX))}" if _is_own_model(word) else word for word in words
        ]
    return found


def _is_own_model(word: Any) -> bool:
    """Says whether a detector is named by a path that has no beginning of its own."""
    return isinstance(word, str) and word.startswith(YOLO_PREFIX) and not word.startswith(f"{YOLO_PREFIX}~")


class Settings(BaseSettings):
    """Everything a run of `limbfix check` can be told. Unknown keys are errors wherever they come from.

    Attributes:
        format: of stdout.
        masks: whether records hold the masks of hands and digits; with `jsonl` alone.
        report: folder for the HTML report, or None.
        force: whether an older report there may be replaced.
        policy: path of a policy file, or a table of policy keys.
        select, ignore: codes; they go into the policy.
        fail_on: what makes the exit code 1: `reject`, `flag` (reject or flag) or `never`.
        max_reject_rate: share 0-1 of judged pictures up to which rejected ones do not fail the run.
        shard: which share of the pictures is judged, written `3/16`; None = all.
        watch: whether the run goes on with the pictures that come into the folders, until it is told to end.
        state: file that remembers judgements, to resume.
        move_rejected: folder, or None.
        copy_rejected, copy_flagged, copy_passed, copy_unjudged: folders, or None; see `COPY_KEYS`.
        jobs: worker processes; 1 judges in this process, 0 starts one per core.
        device: `auto`, `cpu`, `gpu`, `mps`, `cuda` or `cuda:<index>`.
        search: `full` looks at tiles and close windows; `single` looks once.
        detector: what sees; `limbfix`, `mediapipe`, `yolo:PATH`, or single detectors.
        require_models: whether missing model files end a run before its first picture; otherwise it does without and says so.
        progress: None = a bar where stderr is a terminal.
        max_pixels: larger pictures are refused before decoding.
        timeout: seconds per picture in worker processes; a day at most.
        serve: the table of `limbfix serve`; `limbfix check` does not read it.
    """

    model_config = SettingsConfigDict(
        env_prefix="LIMBFIX_",
        extra="forbid",
        frozen=True,
        pyproject_toml_table_header=("tool", "limbfix"),
        pyproject_toml_depth=8,
    )

    format: Literal["text", "jsonl", "csv", "junit"] = "text"
    masks: bool = False
    report: Path | None = None
    force: bool = False
    policy: Path | dict[str, Any] | None = None
    select: Words = ()
    ignore: Words = ()
    fail_on: Literal["reject", "flag", "never"] = "reject"
    max_reject_rate: Annotated[float, Field(ge=0, le=1)] = 0.0
    shard: Annotated[Shard | None, NoDecode, BeforeValidator(parse_shard)] = None
    watch: bool = False
    state: Path | None = None
    move_rejected: Path | None = None
    copy_rejected: Path | None = None
    copy_flagged: Path | None = None
    copy_passed: Path | None = None
    copy_unjudged: Path | None = None
    jobs: Annotated[int, Field(ge=0, le=256)] = 1
    device: str = "auto"
    search: Literal["full", "single"] = "full"
    detector: Words = ("limbfix",)
    require_models: bool = False
    progress: bool | None = None
    max_pixels: Annotated[int, Field(gt=0)] = 100_000_000
    timeout: Seconds = 120.0
    serve: ServeSettings = ServeSettings()

    def copy_folder(self, verdict: str) -> Path | None:
        """Returns where files of a verdict are copied; None = nowhere."""
        key = COPY_KEYS.get(verdict)
        return None if key is None else getattr(self, key)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Names the layers, strongest first."""
        return (
            init_settings,
            EnvSettingsSource(settings_cls, env_prefix="LIMBFIX_", env_ignore_empty=True, env_nested_delimiter="__"),
            _OwnFile(settings_cls, toml_file=Path("limbfix.toml")),
            _ProjectFile(settings_cls),
        )


def load_settings(flags: dict[str, Any]) -> Settings:
    """Returns the settings of a run.

    Args:
        flags: what the command line gave; None = not given.

    Raises:
        UsageError: an unknown key, an impossible value or an unreadable file; names the key and what is known.
    """
    known = {f"LIMBFIX_{name.upper()}" for name in Settings.model_fields}
    others = (*_FOREIGN_VARIABLES, *_TABLE_VARIABLES)
    for variable in sorted(os.environ):
        if variable.startswith("LIMBFIX_") and variable not in known and not variable.startswith(others):
            raise UsageError(f"unknown variable {variable}; known: {', '.join(sorted(known))}")
    try:
        settings = Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise UsageError(f"settings: {problems}. Known keys: {', '.join(Settings.model_fields)}") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"settings: expected readable limbfix.toml and pyproject.toml, got: {error}") from error
    if settings.masks and settings.format != "jsonl":
        raise UsageError(
            f"masks: expected --format jsonl, which alone can hold masks, got {settings.format}; "
            "add --format jsonl, or leave --masks out"
        )
    return settings


def resolve_policy(settings: Settings) -> Policy:
    """Returns the policy of a run, with the settings' `select` and `ignore` in it.

    Raises:
        PolicyError: see `limbfix.policies`.
    """
    if isinstance(settings.policy, dict):
        policy = make_policy(settings.policy, origin="settings")
    else:
        policy = Policy() if settings.policy is None else load_policy(settings.policy)
    if not settings.select and not settings.ignore:
        return policy
    changed = {"select": settings.select or policy.select, "ignore": (*policy.ignore, *settings.ignore)}
    return make_policy({**policy.model_dump(), **changed}, origin="--select/--ignore")
