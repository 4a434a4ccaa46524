"""What does the user accept? A policy: thresholds, codes that count, and named exceptions. It never sees a pixel."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from limbfix.errors import PolicyError
from limbfix.findings import CODES, DefectCode, codes_matching

Model = TypeVar("Model", bound=BaseModel)

_FAULTS = tuple(sorted({code.split(".")[1] for code in CODES}))
_CARRIES = {"missing_arm": "missing_hand", "missing_leg": "missing_foot"}
"""Who may lack an arm may lack the hand on it."""

_CARTOON_CODES = (DefectCode.HAND_PROPORTION, DefectCode.PERSON_PROPORTION)
"""Drawn people have large heads, hands and feet on purpose."""

_DENIED = re.compile(
    r"(?:\b(?:no|not|non|never|without|neither|nor)|n['\u2019]t)(?:[\s-]+(?:a|an|any|the|in|of|like|be|look|style))*[\s-]*$",
    re.IGNORECASE,
)
"""What stands before words that a prompt denies: `not a cartoon`, `non-anime`, `not in the style of a comic`."""
_DENIAL_CHARS = 64

CARTOON_DIGITS = 4
"""A cartoon hand is right with four digits, thumb included."""


def _known_codes(selectors: tuple[str, ...]) -> tuple[str, ...]:
    for selector in selectors:
        if not codes_matching(selector):
            raise ValueError(
                f"unknown code {selector!r}; expected one of {', '.join(CODES)}, or a family: hand, foot, person"
            )
    return selectors


def _known_faults(faults: tuple[str, ...]) -> tuple[str, ...]:
    for fault in faults:
        if fault not in _FAULTS and fault not in CODES:
            raise ValueError(f"unknown exception {fault!r}; expected one of {', '.join(_FAULTS)}, or a whole code")
    return faults


def _valid_pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
    return pattern


Codes = Annotated[tuple[str, ...], AfterValidator(_known_codes)]
Faults = Annotated[tuple[str, ...], AfterValidator(_known_faults)]


class PromptRule(BaseModel):
    """Exceptions that hold where the prompt in the picture's metadata matches a pattern.

    Attributes:
        when_prompt: regular expression, searched without regard to case. Words that the prompt denies (`not a cartoon`) do not match.
        cartoon, allow, ignore: as in Policy.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    when_prompt: Annotated[str, AfterValidator(_valid_pattern)]
    cartoon: bool = False
    allow: Faults = ()
    ignore: Codes = ()

    def matches(self, prompt: str) -> bool:
        """Says whether a prompt asks for what the rule is about; in doubt it does not, and faults count."""
        found = re.finditer(self.when_prompt, prompt, re.IGNORECASE)
        return any(not _DENIED.search(prompt[max(0, one.start() - _DENIAL_CHARS) : one.start()]) for one in found)


DEFAULT_RULES = (
    PromptRule(
        when_prompt=r"\b(amput|prosthe|limb difference|one-armed|one-legged)",
        allow=("missing_arm", "missing_leg", "missing_digit", "person.proportion"),
    ),
    PromptRule(
        when_prompt=r"\b(mermaid|merman|centaur)", allow=("missing_leg", "missing_foot", "extra_leg", "extra_foot")
    ),
    PromptRule(when_prompt=r"\b(cartoon|anime|manga|comic|chibi)", cartoon=True),
)
"""People whose anatomy is different by intention are not defects. Every use is named in the record."""


class Policy(BaseModel):
    """What counts, and how much. Frozen; unknown keys are errors.

    Attributes:
        name: printed in every record, with the hash of all that follows.
        reject_at: defect score, 0-1, from which a picture is rejected.
        flag_at: defect score, 0-1, from which a person should look; at most `reject_at`.
        select: codes or families that count; empty = all.
        ignore: codes or families that never count and are left out of the record.
        allow: faults that are accepted (`missing_arm`), whoever has them; they stay in the record as exceptions.
        cartoon: four-fingered hands and drawn proportions are accepted.
        min_hand_px: hands whose longer side is below this many px are not judged (`too_small`); those up to 28 px only hint.
        out_of_view: verdict where someone is seen but no hand, arm, leg or foot well enough to judge.
        uncounted: what follows where a hand's digits could not be counted and nothing worse was found: `ignore` (the
            record says it all the same) or `flag`.
        require_subject: counts `no_subject` pictures as not judged (exit code 3).
        rules: exceptions by prompt; the default knows amputees, mermaids and cartoons.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] = "default"
    reject_at: Annotated[float, Field(gt=0, le=1)] = 0.8
    flag_at: Annotated[float, Field(gt=0, le=1)] = 0.5
    select: Codes = ()
    ignore: Codes = ()
    allow: Faults = ()
    cartoon: bool = False
    min_hand_px: Annotated[float, Field(ge=0)] = 24.0
    out_of_view: Literal["unjudged", "pass"] = "unjudged"
    uncounted: Literal["ignore", "flag"] = "ignore"
    require_subject: bool = False
    rules: tuple[PromptRule, ...] = DEFAULT_RULES

    @model_validator(mode="after")
    def _ordered(self) -> Policy:
        if self.flag_at > self.reject_at:
            raise ValueError(
                f"flag_at must not exceed reject_at; got flag_at {self.flag_at} > reject_at {self.reject_at}"
            )
        return self

    @property
    def label(self) -> str:
        """`name@hash`: equal labels judge alike."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return f"{self.name}@{hashlib.sha256(canonical.encode()).hexdigest()[:12]}"

    def for_prompt(self, prompt: str | None) -> EffectivePolicy:
        """Returns what holds for one picture, the rules that match its prompt included."""
        used = tuple(rule for rule in self.rules if prompt and rule.matches(prompt))
        return EffectivePolicy(policy=self, rules=used)


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectivePolicy:
    """A policy together with the prompt rules that one picture woke."""

    policy: Policy
    rules: tuple[PromptRule, ...] = ()

    def selects(self, code: str) -> bool:
        """Says whether a code is looked at."""
        return not self.policy.select or any(code in codes_matching(name) for name in self.policy.select)

    def ignores(self, code: str) -> bool:
        """Says whether the policy itself ignores a code; prompt rules are exceptions, see `exception_for`."""
        return any(code in codes_matching(name) for name in self.policy.ignore)

    def exception_for(self, code: str, measured: float | None) -> str | None:
        """Returns the name of the exception that accepts a finding, or None where it counts.

        Args:
            code: the finding's code.
            measured: the finding's measured number; a cartoon hand needs it to be four digits.
        """
        sources = [("policy", self.policy), *((f"when_prompt:{rule.when_prompt}", rule) for rule in self.rules)]
        fault = code.split(".")[1]
        for origin, source in sources:
            allowed = (*source.allow, *(_CARRIES[name] for name in source.allow if name in _CARRIES))
            if fault in allowed or code in allowed:
                return f"allow {fault} ({origin})"
            if source is not self.policy and any(code in codes_matching(name) for name in source.ignore):
                return f"ignore {code} ({origin})"
            four_fingered = code == DefectCode.HAND_MISSING_DIGIT and measured == CARTOON_DIGITS
            if source.cartoon and (four_fingered or code in _CARTOON_CODES):
                return f"cartoon ({origin})"
        return None


def load_policy(path: str | Path) -> Policy:
    """Reads a policy from a TOML or JSON file: a `[policy]` table, the bare keys, or what `limbfix calibrate` wrote.

    Raises:
        PolicyError: the file is missing or malformed, or holds an unknown key, code or impossible value.
    """
    data = read_table(path, what="policy", table="policy", beside=("calibration",))
    return make_policy(data, origin=str(path))


def read_table(
    path: str | Path,
    *,
    what: str,
    table: str,
    beside: tuple[str, ...] = (),
    parse_float: Callable[[str], Any] = float,
) -> dict[str, Any]:
    """Reads the keys of a policy from a TOML or JSON file.

    Args:
        path: of the file; JSON by its suffix, else TOML.
        what: the kind of policy, for messages.
        table: the keys may stand in a table of this name.
        beside: other tables that may then stand in the file.
        parse_float: makes a number of the text of a fraction.

    Raises:
        PolicyError: the file is missing or malformed.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        parse = json.loads if path.suffix.lower() == ".json" else tomllib.loads
        data: Any = parse(text, parse_float=parse_float)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise PolicyError(f"{what} {path}: expected a readable TOML or JSON file, got: {error}") from error
    if isinstance(data, dict) and table in data and set(data) <= {table, *beside}:
        data = data[table]
    if not isinstance(data, dict):
        raise PolicyError(f"{what} {path}: expected a table of keys, got {type(data).__name__}")
    return data


def validated(kind: type[Model], data: dict[str, Any], *, what: str, origin: str) -> Model:
    """Builds a policy of any kind from plain values.

    Raises:
        PolicyError: names each wrong key with what was expected.
    """
    try:
        return kind(**data)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc'])) or 'policy'}: {item['msg']}" for item in error.errors())
        known = ", ".join(kind.model_fields)
        raise PolicyError(f"{what} from {origin}: {problems}. Known keys: {known}") from error


def make_policy(data: dict[str, Any], *, origin: str) -> Policy:
    """Builds a policy from plain values.

    Raises:
        PolicyError: names each wrong key with what was expected.
    """
    return validated(Policy, data, what="policy", origin=origin)
