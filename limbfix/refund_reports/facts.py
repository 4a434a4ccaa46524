"""What is there to say about the cases of a span of time? Counted once, for the page, the PDF and the tables alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from limbfix.ledger.cases import Case
from limbfix.refund_reports.shares import Share
from limbfix.refund_reports.sums import Money, money_of

GroupBy = Literal["generator", "model", "prompt", "code"]
UNKNOWN = "not stated"
_MOST_PROMPTS = 10
_LONGEST_DAYS, _LONGEST_WEEKS = 45, 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Pictures that have something in common; duplicates are counted once, and their money is money."""

    name: str
    rejected: Share
    flagged: int
    money: tuple[Money, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """What rendering again cost, and what it may have spared, in one currency.

    Attributes:
        pictures, attempts: pictures whose attempts are stated, and all their renders.
        cost: of the renders beyond the first of each picture; None = the refund policy states no cost.
        spared: prices of pictures that took more than one attempt and passed in the end: the most that retries spared.
        saved: how many these are.
    """

    currency: str
    pictures: int
    attempts: int
    cost: Decimal | None
    spared: Decimal
    saved: int

    @property
    def retries(self) -> int:
        """Renders beyond the first of each picture."""
        return self.attempts - self.pictures


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that a report says.

    Attributes:
        cases: all cases of the span, newest verdicts, in order of generation.
        verdicts: how many pictures had which verdict; duplicates once.
        duplicates: cases that are counted with another one.
        step: length of the trend's steps.
        trend: (first day, pictures) of each step.
        defects: (code, counts by generator and model) in falling order; `makers` names the columns.
    """

    cases: tuple[Case, ...]
    verdicts: dict[str, int]
    rejected: Share
    duplicates: int
    statuses: dict[str, int]
    money: tuple[Money, ...]
    group_by: GroupBy
    groups: tuple[Group, ...]
    step: str
    trend: tuple[tuple[date, Group], ...]
    makers: tuple[str, ...]
    defects: tuple[tuple[str, tuple[int, ...]], ...]
    prompts: tuple[Group, ...]
    retries: tuple[Retries, ...]


def make_facts(cases: Iterable[Case], *, group_by: GroupBy = "generator") -> Facts:
    """Counts cases."""
    cases = sorted(cases, key=lambda case: (case.data["order"]["generated_at"], case.entry.seq))
    once = _once(cases)
    makers, defects = _defects(once)
    prompts = [group for group in _groups(cases, prompt_of) if group.rejected.hits and group.name != UNKNOWN]
    step, trend = _trend(cases)
    return Facts(
        cases=tuple(cases),
        verdicts=dict(Counter(case.verdict for case in once)),
        rejected=_rejected(once),
        duplicates=len(cases) - len(once),
        statuses=dict(Counter(case.status.value for case in cases)),
        money=money_of(cases),
        group_by=group_by,
        groups=tuple(_by_code(cases) if group_by == "code" else _groups(cases, _KEYS[group_by])),
        step=step,
        trend=trend,
        makers=makers,
        defects=defects,
        prompts=tuple(sorted(prompts, key=lambda one: -(one.rejected.interval or (0.0, 0.0))[0])[:_MOST_PROMPTS]),
        retries=_retries(cases),
    )


def generator_of(case: Case) -> str:
    """Program that made the picture."""
    return case.data["made_with"]["generator"] or UNKNOWN


def model_of(case: Case) -> str:
    """Checkpoint that made the picture."""
    return case.data["made_with"]["model"] or UNKNOWN


def prompt_of(case: Case) -> str:
    """Words that the picture was made from."""
    return case.data["made_with"]["prompt"] or UNKNOWN


def codes_of(case: Case) -> list[str]:
    """Codes that led to the verdict, each once."""
    findings = case.data["record"]["findings"]
    return list(dict.fromkeys(findings[index]["code"] for index in case.data["led_to_verdict"]))


_KEYS: dict[str, Callable[[Case], str]] = {"generator": generator_of, "model": model_of, "prompt": prompt_of}


def _rejected(cases: Sequence[Case]) -> Share:
    judged = [case for case in cases if case.verdict in ("pass", "flag", "reject")]
    return Share(hits=sum(case.verdict == "reject" for case in judged), of=len(judged))


def _once(cases: Sequence[Case]) -> list[Case]:
    return [case for case in cases if case.duplicate_of is None]


def _group(name: str, cases: Sequence[Case]) -> Group:
    once = _once(cases)
    flagged = sum(case.verdict == "flag" for case in once)
    return Group(name=name, rejected=_rejected(once), flagged=flagged, money=money_of(cases))


def _groups(cases: Sequence[Case], key: Callable[[Case], str]) -> list[Group]:
    found: dict[str, list[Case]] = {}
    for case in cases:
        found.setdefault(key(case), []).append(case)
    groups = [_group(name, members) for name, members in found.items()]
    return sorted(groups, key=lambda group: (-group.rejected.of, group.name))


def _by_code(cases: Sequence[Case]) -> list[Group]:
    """A picture with two faults stands in two groups; the rate is that of all pictures."""
    found: dict[str, list[Case]] = {}
    for case in cases:
        for code in codes_of(case):
            found.setdefault(code, []).append(case)
    judged = _rejected(_once(cases)).of
    groups = [
        replace(one, rejected=replace(one.rejected, of=judged)) for one in (_group(*item) for item in found.items())
    ]
    return sorted(groups, key=lambda group: (-group.rejected.hits, -group.flagged, group.name))


def _defects(cases: Sequence[Case]) -> tuple[tuple[str, ...], tuple[tuple[str, tuple[int, ...]], ...]]:
    def maker(case: Case) -> str:
        generator, model = generator_of(case), model_of(case)
        return generator if model == UNKNOWN else f"{generator} / {model}"

    makers = sorted({maker(case) for case in cases})
    counts = Counter((code, maker(case)) for case in cases for code in codes_of(case))
    codes = sorted({code for code, _ in counts}, key=lambda code: (-sum(counts[code, one] for one in makers), code))
    return tuple(makers), tuple((code, tuple(counts[code, one] for one in makers)) for code in codes)


def _trend(cases: Sequence[Case]) -> tuple[str, tuple[tuple[date, Group], ...]]:
    days = [date.fromisoformat(case.data["order"]["generated_at"][:10]) for case in cases]
    if not days:
        return "day", ()
    span = (max(days) - min(days)).days
    step = "day" if span < _LONGEST_DAYS else "week" if span < _LONGEST_WEEKS * 7 else "month"
    found: dict[date, list[Case]] = {}
    for day, case in zip(days, cases, strict=True):
        found.setdefault(_first(day, step), []).append(case)
    return step, tuple((day, _group(day.isoformat(), found[day])) for day in sorted(found))


def _first(day: date, step: str) -> date:
    return {"day": day, "week": day - timedelta(days=day.weekday()), "month": day.replace(day=1)}[step]


def _retries(cases: Sequence[Case]) -> tuple[Retries, ...]:
    found: dict[str, list[Case]] = {}
    for case in cases:
        if case.data["attempts"] is not None:
            found.setdefault(case.currency, []).append(case)
    return tuple(_retries_in(currency, found[currency]) for currency in sorted(found))


def _retries_in(currency: str, cases: Sequence[Case]) -> Retries:
    costs = [case.data["refund_rules"]["attempt_cost"].get(currency) for case in cases]
    saved = [case for case in cases if case.data["attempts"] > 1 and case.verdict == "pass"]
    spent = (Decimal(cost or 0) * (case.data["attempts"] - 1) for cost, case in zip(costs, cases, strict=True))
    return Retries(
        currency=currency,
        pictures=len(cases),
        attempts=sum(case.data["attempts"] for case in cases),
        cost=None if None in costs else sum(spent, Decimal(0)),
        spared=sum((case.price for case in saved), Decimal(0)),
        saved=len(saved),
    )
