"""report.html: one file that asks nobody for anything and runs no script at all.

Every string of the ledger is a stranger's: jinja2 escapes it, `printable` shows what would hide, and the content security
policy forbids what should slip through.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import resources
from typing import Any

from limbfix.drawing import COLORS
from limbfix.ledger import NOTICE
from limbfix.ledger.cases import Case
from limbfix.ledger.chain import Head
from limbfix.ledger.deciding import Status
from limbfix.ledger.money import amount_text, cost_text
from limbfix.ledger.refunds import Give
from limbfix.printing import printable
from limbfix.refund_reports.facts import Facts
from limbfix.refund_reports.plots import money_plot, rate_bar, rate_plot
from limbfix.refund_reports.words import STATUS_NAMES, VERDICT_NAMES, decision_words, meaning_of, outcome_words

Evidence = Callable[[str], bytes | None]
"""Returns a kept JPEG by its SHA-256."""

_MANY = 60
"""Cases on the page from which pictures are embedded smaller."""
_SIDE, _SMALL_SIDE, _CROP_SIDE = 720, 420, 220
_QUALITY = 78
_MOST_CURRENCIES = 3
_FEW = 1000
"""Judged pictures below which the first sentence says how little a rate of them proves."""
_ORDER = (Status.WAITING, Status.RECOMMENDED, Status.CONFIRMED, Status.DECLINED, Status.NONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseView:
    """What the template reads of one case; pictures are data addresses or None."""

    id: str
    case: Case
    outcome: str
    decisions: list[str]
    picture: str | None
    overlay: str | None
    crops: list[tuple[str, str]]


def shown_cases(facts: Facts, most: int) -> list[Case]:
    """Returns the cases with something to decide or to pay, those that wait first, larger sums first."""
    told = [case for case in facts.cases if case.is_bad or case.overrides or case.status is not Status.NONE]
    told.sort(key=lambda case: (_ORDER.index(case.status), -case.amount, case.entry.seq))
    return told[:most]


def make_page(
    facts: Facts, head: Head, evidence: Evidence, *, title: str, most_cases: int, is_for_print: bool = False
) -> str:
    """Returns the page.

    Args:
        facts: what to say.
        head: of the ledger it was read from.
        evidence: where kept pictures come from.
        title: heading.
        most_cases: cases with a page of their own.
        is_for_print: leaves out what paper cannot show: the pictures without marks.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    from limbfix import __version__

    cases = shown_cases(facts, most_cases)
    style = _colors_css() + _package_text("report.css")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_shown
    )
    environment.filters |= {
        "short": _short, "bar": rate_bar, "meaning": meaning_of, "amount": amount_text, "cost": cost_text,
    }  # fmt: skip
    side = _SMALL_SIDE if len(cases) > _MANY else _SIDE
    return environment.from_string(_package_text("report.html")).render(
        title=title,
        version=__version__,
        notice=NOTICE,
        sentence=summary_sentence(facts),
        facts=facts,
        head=head,
        verdict_names=VERDICT_NAMES,
        status_names=STATUS_NAMES,
        shown_words=_shown_words(facts, len(cases)),
        views=[_view(case, evidence, side, is_for_print) for case in cases],
        trend_plot=rate_plot([(group.name[5:], group.rejected) for _, group in facts.trend], "Rejected pictures"),
        money_plots=list(_money_plots(facts)),
        style=Markup(style),
        style_hash="sha256-" + base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii"),
    )


def summary_sentence(facts: Facts) -> str:
    """Returns the report in two sentences."""
    pictures = sum(facts.verdicts.values())
    if not pictures:
        return "There are no cases in this span of time."
    due = [f"{amount_text(money.due, money.currency)} {money.currency}" for money in facts.money if money.due]
    waiting = [f"{amount_text(one.waiting, one.currency)} {one.currency}" for one in facts.money if one.waiting]
    waiters = facts.statuses.get("waiting", 0)
    words = _rejected_words(facts, pictures)
    words += f". To give back: {' and '.join(due)}." if due else ". Nothing is to be given back."
    if waiters:
        words += f" {waiters} {'case waits' if waiters == 1 else 'cases wait'} for a person"
        words += f", worth {' and '.join(waiting)}." if waiting else "."
    return words


def _rejected_words(facts: Facts, pictures: int) -> str:
    """Returns how many of the judged pictures were rejected, how sure the rate is, and how many are not in it; no full stop."""
    hits, judged = facts.rejected.hits, facts.rejected.of
    others = pictures - judged
    if facts.rejected.interval is None:
        return f"{others} {'picture was' if others == 1 else 'pictures were'} not judged or {_show(others)} nobody"
    words = f"{hits} of {judged} judged {'picture' if judged == 1 else 'pictures'} {'was' if hits == 1 else 'were'} rejected"
    if judged < _FEW:
        low, high = (f"{100 * value:.1f}" for value in facts.rejected.interval)
        words += f" (of so few, the true rate may be anything from {low} to {high} %)"
    more = f"; {others} more {'was' if others == 1 else 'were'} not judged or {_show(others)} nobody" if others else ""
    return words + more


def _show(count: int) -> str:
    return "shows" if count == 1 else "show"


def _money_plots(facts: Facts) -> Iterable[tuple[str, Any]]:
    largest = sorted(facts.money, key=lambda money: -(money.due + money.waiting))[:_MOST_CURRENCIES]
    for total in largest:
        if not total.due + total.waiting:
            continue
        points = []
        for _, group in facts.trend:
            here = [money for money in group.money if money.currency == total.currency]
            due, waiting = (sum((getattr(one, name) for one in here), 0 * total.sold) for name in ("due", "waiting"))
            points.append((group.name[5:], due, waiting))
        yield total.currency, money_plot(points, total.currency, f"To give back in {total.currency}")


def _shown_words(facts: Facts, shown: int) -> str:
    told = len(shown_cases(facts, len(facts.cases)))
    if not told:
        return "No case has anything to give back or to decide."
    rest = (
        f" The other {told - shown} are in the tables that `limbfix report --format csv` writes."
        if told > shown
        else ""
    )
    return (
        f"{shown} of {told} cases that were rejected, flagged or decided by a person; those that wait come first.{rest}"
    )


def _view(case: Case, evidence: Evidence, side: int, is_for_print: bool) -> CaseView:
    items = case.data["evidence"]
    findings = case.data["record"]["findings"]

    def first(kind: str) -> str | None:
        name = next((item["sha256"] for item in items if item["kind"] == kind), None)
        return _data_uri(evidence(name), side) if name else None

    crops = [
        (findings[item["finding"]]["code"], _data_uri(evidence(item["sha256"]), _CROP_SIDE))
        for item in items
        if item["kind"] == "crop"
    ]
    return CaseView(
        id=case.case_id,
        case=case,
        outcome=outcome_words(case) if case.give is not Give.NONE or case.overrides else "nothing",
        decisions=[decision_words(entry.data, entry.data["decided_at"] or entry.at) for entry in case.overrides],
        picture=None if is_for_print else first("picture"),
        overlay=first("overlay"),
        crops=[(code, uri) for code, uri in crops if uri],
    )


def _data_uri(jpeg: bytes | None, side: int) -> str | None:
    from PIL import Image

    if jpeg is None:
        return None
    with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as image:
        if max(image.size) > side:
            image.draft("RGB", (side, side))
            image.thumbnail((side, side), Image.Resampling.LANCZOS)
            buffer = io.BytesIO()
            image.save(buffer, "JPEG", quality=_QUALITY)
            jpeg = buffer.getvalue()
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def _shown(value: Any) -> Any:
    """What every `{{ }}` of the template passes through: a stranger's text is made visible, markup of ours stays."""
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _short(text: Any, most: int = 160) -> str:
    text = " ".join(str(text).split())
    return text if len(text) <= most else text[: most - 1] + "…"


def _colors_css() -> str:
    return ":root{" + "".join(f"--c-{name.replace('_', '-')}:{value};" for name, value in COLORS.items()) + "}\n"


def _package_text(name: str) -> str:
    return resources.files("limbfix.refund_reports").joinpath(name).read_text(encoding="utf-8").replace("\r\n", "\n")
