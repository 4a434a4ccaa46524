"""What does the seller give back for which fault? A refund policy: rules, caps, duplicates. It never sees a pixel."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from limbfix.errors import UsageError
from limbfix.findings import Severity
from limbfix.ledger.canonical import digest_of, exact
from limbfix.ledger.money import parse_amount, parse_currency
from limbfix.policies import Codes, read_table, validated


class Give(StrEnum):
    """What a rule gives back."""

    FULL = "full"
    PART = "part"
    CREDIT = "credit"
    RERENDER = "rerender"
    NONE = "none"


PAYING = (Give.FULL, Give.PART, Give.CREDIT)
"""What has an amount; a re-render costs the seller a render, not the price."""


def _no_binary_floats(value: object) -> object:
    if isinstance(value, float):
        raise ValueError("expected an exact number; write it as a text, such as '0.5'")
    return value


def _amounts(table: dict[str, Any]) -> dict[str, Decimal]:
    amounts = {}
    for currency, value in table.items():
        try:
            parse_currency(currency, origin="currency")
            amounts[currency] = parse_amount(str(value), currency, origin=currency)
        except UsageError as error:
            raise ValueError(str(error)) from error
    return amounts


def _costs(table: dict[str, Any]) -> dict[str, Decimal]:
    costs = {}
    for currency, value in table.items():
        try:
            parse_currency(currency, origin="currency")
            costs[currency] = Decimal("nan" if isinstance(value, bool) else str(value))
        except UsageError as error:
            raise ValueError(str(error)) from error
        except InvalidOperation:
            costs[currency] = Decimal("nan")
        if not costs[currency].is_finite() or costs[currency] < 0:
            raise ValueError(f"{currency}: expected a cost of at least 0, such as '0.031', got {value!r}")
    return costs


def _severity(name: str) -> str:
    names = [severity.name.lower() for severity in Severity]
    if name not in names:
        raise ValueError(f"unknown severity {name!r}; expected one of {', '.join(names)}")
    return name


Amounts = Annotated[dict[str, Any], AfterValidator(_amounts)]
Costs = Annotated[dict[str, Any], AfterValidator(_costs)]
Share = Annotated[Decimal, BeforeValidator(_no_binary_floats), Field(gt=0, le=1)]


class Rule(BaseModel):
    """One rule; the first that fits a picture decides.

    Attributes:
        codes: codes or families of which one must have led to the verdict; empty = any, or none at all.
        severity: the finding's least severity: `info`, `warning` or `error`.
        verdicts: of `limbfix check`.
        give: what is given back.
        share: of the price, above 0 to 1; for `part` and `credit`.
        wait: a person must agree first, whatever the verdict.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    codes: Codes = ()
    severity: Annotated[str, AfterValidator(_severity)] = "info"
    verdicts: tuple[Literal["reject", "flag"], ...] = ("reject", "flag")
    give: Give
    share: Share = Decimal(1)
    wait: bool = False

    @model_validator(mode="after")
    def _fits(self) -> Rule:
        if self.share != 1 and self.give not in (Give.PART, Give.CREDIT):
            raise ValueError(f"share is for part and credit, got it with give = {self.give.value!r}")
        if self.share == 1 and self.give is Give.PART:
            raise ValueError("part needs a share below 1; for the whole price write give = 'full'")
        return self


class Caps(BaseModel):
    """Most that is given back, by currency: `per_order.EUR = "20.00"`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    per_order: Amounts = {}
    per_customer: Amounts = {}


_COUNTED_FAULTS = ("hand.extra_digit", "hand.missing_digit", "hand.fused_digits", "person")
DEFAULT_RULES = (
    Rule(codes=_COUNTED_FAULTS, give=Give.FULL),
    Rule(codes=("hand", "foot"), give=Give.PART, share=Decimal("0.5")),
    Rule(give=Give.RERENDER),
)
"""What anybody can count is paid back, what looks wrong by half, and what has no finding is rendered again."""


class RefundPolicy(BaseModel):
    """What is given back for what. Frozen; unknown keys are errors.

    Attributes:
        name: stands in every entry, with the hash of all that follows.
        rules: the first that fits decides; none = nothing is given back.
        flags: whether flagged pictures `wait` for a person or are let go (`ignore`).
        unjudged: the same for pictures that could not be judged.
        duplicates: among whose pictures a duplicate is looked for: the same `order`, `customer`, the whole `ledger`, or
            not at all (`off`, then only nothing is looked for).
        near: two pictures whose perceptual hashes differ in at most so many of 256 bits are one; 0 = equal hashes only.
        caps: most that is given back.
        attempt_cost: what one more render costs the seller, by currency, any number of decimals; for the report only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] = "default"
    rules: tuple[Rule, ...] = DEFAULT_RULES
    flags: Literal["wait", "ignore"] = "wait"
    unjudged: Literal["wait", "ignore"] = "ignore"
    duplicates: Literal["order", "customer", "ledger", "off"] = "customer"
    near: Annotated[int, Field(ge=0, le=64)] = 31
    caps: Caps = Caps()
    attempt_cost: Costs = {}

    def dump(self) -> dict[str, Any]:
        """Returns the policy as exact JSON values."""
        return exact(self.model_dump(mode="python") | {"rules": [rule.model_dump(mode="json") for rule in self.rules]})

    @property
    def label(self) -> str:
        """`name@hash`: equal labels recommend alike."""
        return f"{self.name}@{digest_of(self.dump())[:12]}"


def load_refund_policy(path: str | Path) -> RefundPolicy:
    """Reads a refund policy from a TOML or JSON file (a `[refunds]` table or the bare keys).

    Raises:
        PolicyError: the file is missing or malformed, or holds an unknown key, code, currency or impossible value.
    """
    data = read_table(path, what="refund policy", table="refunds", parse_float=Decimal)
    return make_refund_policy(data, origin=str(path))


def make_refund_policy(data: dict[str, Any], *, origin: str) -> RefundPolicy:
    """Builds a refund policy from plain values.

    Raises:
        PolicyError: names each wrong key with what was expected.
    """
    return validated(RefundPolicy, data, what="refund policy", origin=origin)
