"""Which picture was sold to whom, and for how much? `orders.csv`, read strictly: money is involved."""

from __future__ import annotations

import csv
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from limbfix.errors import UsageError
from limbfix.ledger.money import amount_text, parse_amount, parse_currency
from limbfix.printing import printable

NEEDED = ("order_id", "customer", "price", "currency", "generated_at")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_MOST_NAME = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One sold picture: one row.

    Attributes:
        path, sha256: of the picture; one of them may be empty.
        order_id, customer: as given. A customer's name is not needed: a number that only the shop understands is enough.
        price: exact, in `currency`.
        currency: ISO 4217.
        generated_at: UTC, ISO 8601.
        attempts: renders until this one was delivered, itself included; None = not said.
        seeds: of these renders, where said.
        more: all other columns, in their order.
    """

    path: str
    sha256: str
    order_id: str
    customer: str
    price: Decimal
    currency: str
    generated_at: str
    attempts: int | None = None
    seeds: tuple[str, ...] = ()
    more: tuple[tuple[str, str], ...] = ()

    def plain(self) -> dict[str, Any]:
        """Returns the row as it is stored."""
        return {
            "order_id": self.order_id,
            "customer": self.customer,
            "price": amount_text(self.price, self.currency),
            "currency": self.currency,
            "generated_at": self.generated_at,
            "more": [list(pair) for pair in self.more],
        }

    def extra(self, name: str) -> str | None:
        """Returns another column's text, or None where it is absent or empty."""
        return dict(self.more).get(name) or None


def read_orders(path: str | Path) -> list[Order]:
    """Reads a CSV file with a header: `path` or `sha256`, and NEEDED; `attempts` and `seeds` (parted by spaces) are known too.

    Raises:
        UsageError: names the line and column that is wrong.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            header = rows.fieldnames or ()
            missing = [name for name in NEEDED if name not in header]
            if missing or not {"path", "sha256"} & set(header) or len(set(header)) != len(header):
                raise UsageError(
                    f"orders {path}: expected the columns path or sha256, {', '.join(NEEDED)}, each once, "
                    f"got {printable(', '.join(header)) or 'none'}"
                )
            return [_order(row, f"orders {path}, line {rows.line_num}") for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"orders {path}: expected a CSV file in UTF-8, got: {error}") from error


def _order(row: Mapping[str | None, Any], origin: str) -> Order:
    if None in row or None in row.values():
        raise UsageError(f"{origin}: expected as many cells as the header has columns")
    cells = {str(name): str(value).strip() for name, value in row.items()}
    for name in ("order_id", "customer"):
        if not cells[name] or len(cells[name]) > _MOST_NAME or _CONTROL.search(cells[name]):
            raise UsageError(
                f"{origin}: {name}: expected 1 to {_MOST_NAME} characters on one line, got {printable(cells[name])!r}"
            )
    sha256 = cells.get("sha256", "").lower()
    if sha256 and not _SHA256.fullmatch(sha256):
        raise UsageError(f"{origin}: sha256: expected 64 hex digits, got {printable(sha256)!r}")
    if not sha256 and not cells.get("path"):
        raise UsageError(f"{origin}: expected a path or a sha256, got neither")
    currency = parse_currency(cells["currency"].upper(), origin=f"{origin}: currency")
    known = {*NEEDED, "path", "sha256", "attempts", "seeds"}
    return Order(
        path=cells.get("path", ""),
        sha256=sha256,
        order_id=cells["order_id"],
        customer=cells["customer"],
        price=parse_amount(cells["price"], currency, origin=f"{origin}: price"),
        currency=currency,
        generated_at=_time(cells["generated_at"], f"{origin}: generated_at"),
        attempts=_attempts(cells.get("attempts", ""), origin),
        seeds=tuple(cells.get("seeds", "").split()),
        more=tuple((name, value) for name, value in cells.items() if name not in known),
    )


def _attempts(text: str, origin: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"[1-9]\d{0,5}", text):
        raise UsageError(f"{origin}: attempts: expected a whole number of at least 1, got {printable(text)!r}")
    return int(text)


def _time(text: str, origin: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError) as error:  # the second: in UTC it is before the year 1 or after 9999
        raise UsageError(f"{origin}: expected a time such as 2026-11-28T09:30:00Z, got {printable(text)!r}") from error


class OrderBook:
    """Finds the orders of a picture: by SHA-256, else by path, else by the one order whose path ends the picture's path."""

    def __init__(self, orders: Iterable[Order]) -> None:
        self.orders = list(orders)
        self._by_sha: dict[str, list[int]] = {}
        self._by_path: dict[str, list[int]] = {}
        for index, order in enumerate(self.orders):
            if order.sha256:
                self._by_sha.setdefault(order.sha256, []).append(index)
            else:
                self._by_path.setdefault(_normal(order.path), []).append(index)

    def matching(self, path: str, sha256: str | None) -> list[int]:
        """Returns the places of a picture's orders; several where the picture was sold several times."""
        found = list(self._by_sha.get(sha256 or "", ()))
        parts = _normal(path).split("/")
        for start in range(len(parts)):  # the longest ending first: the whole path, then less and less of its folders
            if indices := self._by_path.get("/".join(parts[start:])):
                found += indices
                break
        return sorted(found)


def _normal(path: str) -> str:
    return posixpath.normpath(path.replace("\\", "/"))
