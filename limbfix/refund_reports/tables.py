"""What do other programs get? One row per case or per group, with exact decimals; safe to open in a spreadsheet."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from limbfix.errors import MissingExtra
from limbfix.ledger import NOTICE
from limbfix.ledger.cases import Case
from limbfix.ledger.chain import Head
from limbfix.refund_reports.facts import Facts, Group, codes_of
from limbfix.refund_reports.shares import Share
from limbfix.reports.csv_rows import csv_line
from limbfix.reports.escaping import csv_cell

Row = dict[str, Any]
CASE_COLUMNS: tuple[str, ...] = (
    "case_id", "entry", "order_id", "customer", "generated_at", "price", "currency", "verdict", "defect_score", "status",
    "give", "amount", "recommended_amount", "decided_by", "decided_why", "decided_at", "duplicate_of", "codes", "reasons",
    "flag_at", "reject_at", "generator", "model", "prompt", "attempts", "seeds", "path", "picture_sha256", "check_policy",
    "refund_policy", "limbfix_version", "entry_hash", "notice",
)  # fmt: skip
GROUP_COLUMNS: tuple[str, ...] = (
    "group", "judged", "rejected", "rejected_rate", "rate_low", "rate_high", "flagged", "currency", "sold", "recommended",
    "confirmed", "to_give_back", "waiting", "declined", "credit", "rerenders", "notice",
)  # fmt: skip
_MONEY = (
    "price",
    "amount",
    "recommended_amount",
    "sold",
    "recommended",
    "confirmed",
    "to_give_back",
    "waiting",
    "declined",
    "credit",
)
_WHOLE = ("entry", "attempts", "judged", "rejected", "flagged", "rerenders")
_REAL = ("defect_score", "flag_at", "reject_at", "rejected_rate", "rate_low", "rate_high")


def case_rows(cases: Sequence[Case]) -> list[Row]:
    """Returns a row per case."""
    return [_case_row(case) for case in cases]


def _case_row(case: Case) -> Row:
    data, last = case.data, case.decided  # whoever only labelled the picture decided nothing about money
    score, limits = data["record"]["defect_score"], data["thresholds"] or {}
    values = (
        case.case_id, case.entry.seq, case.entry.order_id, case.entry.customer, data["order"]["generated_at"], case.price,
        case.currency, case.verdict, _real(score), case.status.value, case.give.value, case.amount,
        Decimal(data["decision"]["amount"]), last and last.data["who"], last and last.data["why"],
        last and (last.data["decided_at"] or last.at), case.duplicate_of, "; ".join(codes_of(case)),
        " ".join(data["decision"]["reasons"]), _real(limits.get("flag_at")), _real(limits.get("reject_at")),
        data["made_with"]["generator"], data["made_with"]["model"], data["made_with"]["prompt"], data["attempts"],
        " ".join(data["seeds"]), data["record"]["path"], data["input_sha256"], data["check_policy"], data["refund_policy"],
        data["version"], case.entry.hash, NOTICE,
    )  # fmt: skip
    return dict(zip(CASE_COLUMNS, values, strict=True))


def group_rows(groups: Sequence[Group]) -> list[Row]:
    """Returns a row per group and currency; counts of pictures are those of the whole group, and of judged ones alone."""
    return [row for group in groups for row in _group_rows(group)]


def _group_rows(group: Group) -> list[Row]:
    low, high = group.rejected.interval or (None, None)
    counts = (group.name, group.rejected.of, group.rejected.hits, group.rejected.rate, low, high, group.flagged)
    return [
        dict(zip(GROUP_COLUMNS, (
            *counts, money.currency, money.sold, money.recommended, money.confirmed, money.due, money.waiting,
            money.declined, money.credit, money.rerenders, NOTICE,
        ), strict=True))
        for money in group.money
    ]  # fmt: skip


def _real(text: str | None) -> float | None:
    return None if text is None else float(text)


def to_csv(rows: Sequence[Row], columns: Sequence[str]) -> bytes:
    """Returns UTF-8 CSV; amounts as plain decimals, and no cell that a spreadsheet runs."""
    lines = [csv_line(columns)]
    lines += [csv_line([_cell(row[name]) for name in columns]) for row in rows]
    return "".join(lines).encode("utf-8")


def _cell(value: Any) -> str | int | float:
    return f"{value:f}" if isinstance(value, Decimal) else csv_cell(value)


def to_json(facts: Facts, head: Head) -> bytes:
    """Returns one JSON document: amounts are texts, because JSON's numbers are floats in most readers."""
    document = {
        "notice": NOTICE,
        "head": asdict(head),
        "pictures": facts.verdicts,
        "duplicates": facts.duplicates,
        "statuses": facts.statuses,
        "rejected": _share(facts.rejected),
        "money": [asdict(money) | {"to_give_back": money.due} for money in facts.money],
        "group_by": facts.group_by,
        "groups": [_group(group) for group in facts.groups],
        "step": facts.step,
        "trend": [{"from": day.isoformat()} | _group(group) for day, group in facts.trend],
        "defects": [
            {"code": code, "counts": dict(zip(facts.makers, counts, strict=True))} for code, counts in facts.defects
        ],
        "prompts": [_group(group) for group in facts.prompts],
        "retries": [asdict(row) | {"retries": row.retries} for row in facts.retries],
        "cases": case_rows(facts.cases),
    }
    return (json.dumps(document, indent=1, ensure_ascii=True, allow_nan=False, default=str) + "\n").encode("ascii")


def _group(group: Group) -> dict[str, Any]:
    return {
        "name": group.name,
        "rejected": _share(group.rejected),
        "flagged": group.flagged,
        "money": [asdict(money) | {"to_give_back": money.due} for money in group.money],
    }


def _share(share: Share) -> dict[str, Any]:
    return {"hits": share.hits, "of": share.of, "rate": share.rate, "interval": share.interval}


def to_parquet(rows: Sequence[Row], columns: Sequence[str]) -> bytes:
    """Returns a Parquet file: amounts as decimal(20, 4), times in UTC.

    Raises:
        MissingExtra: pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra(
            f"pyarrow: expected to import, got {error}. Install it with: pip install 'limbfix[parquet]'"
        ) from error
    types = {name: pyarrow.decimal128(20, 4) for name in _MONEY}
    types |= {name: pyarrow.int64() for name in _WHOLE} | {name: pyarrow.float64() for name in _REAL}
    types |= {name: pyarrow.timestamp("ms", "UTC") for name in ("generated_at", "decided_at")}
    schema = pyarrow.schema([(name, types.get(name, pyarrow.string())) for name in columns])
    arrays = [pyarrow.array([_arrow(name, row[name]) for row in rows], schema.field(name).type) for name in columns]
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays(arrays, schema=schema), buffer)
    return buffer.getvalue()


def _arrow(name: str, value: Any) -> Any:
    if isinstance(value, str):
        if name in ("generated_at", "decided_at"):
            return datetime.fromisoformat(value)
        return value.encode("utf-8", "backslashreplace").decode("utf-8")  # a path may hold bytes that are no UTF-8
    return value
