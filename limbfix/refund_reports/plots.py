"""How did it go over time? Small SVG plots that need no script, with colours that also hold without a style sheet."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from markupsafe import Markup, escape

from limbfix.drawing import COLORS
from limbfix.printing import printable
from limbfix.refund_reports.shares import Share

_WIDTH, _HEIGHT = 640, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 66, 10, 14, 28
_INK, _LINE = "#565d66", "#dedbd5"
_MOST_LABELS = 8


def rate_plot(points: Sequence[tuple[str, Share]], title: str) -> Markup:
    """Returns rates as dots with their 95 % intervals, joined by a line; points without pictures are gaps."""
    known = [(index, share, share.interval) for index, (_, share) in enumerate(points) if share.interval]
    top = min(1.0, max((interval[1] for _, _, interval in known if interval), default=1.0))
    top = next(limit for limit in (0.1, 0.2, 0.5, 1.0) if top <= limit)
    parts = _frame([name for name, _ in points], [(f"{100 * top * part:g} %", part) for part in (0, 0.5, 1)])
    dots = [(_x(index, len(points)), _y((share.rate or 0.0) / top)) for index, share, _ in known]
    for (x, _), (_, _, interval) in zip(dots, known, strict=True):
        low, high = interval or (0.0, 0.0)
        parts.append(
            f'<line class="interval" x1="{x:.1f}" x2="{x:.1f}" y1="{_y(low / top):.1f}" y2="{_y(high / top):.1f}" '
            f'stroke="{COLORS["reject"]}" stroke-opacity="0.4" stroke-width="5" stroke-linecap="round"/>'
        )
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in dots)
    parts.append(f'<polyline points="{path}" fill="none" stroke="{COLORS["reject"]}" stroke-width="2"/>')
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{COLORS["reject"]}"/>' for x, y in dots]
    words = "; ".join(f"{name}: {share.words}" for name, share in points)
    return _svg(parts, f"{title}. {words}")


def money_plot(points: Sequence[tuple[str, Decimal, Decimal]], currency: str, title: str) -> Markup:
    """Returns bars of (name, due, waiting), the waiting part on top and paler."""
    top = max((due + waiting for _, due, waiting in points), default=Decimal(0)) or Decimal(1)
    parts = _frame([name for name, _, _ in points], [("0", 0.0), (f"{top:f}", 1.0)])
    width = min(46.0, 0.62 * (_WIDTH - _LEFT - _RIGHT) / max(1, len(points)))
    for index, (_, due, waiting) in enumerate(points):
        x = _x(index, len(points)) - width / 2
        for low, high, color in ((Decimal(0), due, COLORS["reject"]), (due, due + waiting, COLORS["flag"])):
            if high > low:
                y0, y1 = _y(float(high / top)), _y(float(low / top))
                parts.append(
                    f'<rect x="{x:.1f}" y="{y0:.1f}" width="{width:.1f}" height="{y1 - y0:.1f}" fill="{color}"/>'
                )
    words = "; ".join(f"{name}: {due} {currency} due, {waiting} waiting" for name, due, waiting in points)
    return _svg(parts, f"{title}. {words}")


def rate_bar(share: Share) -> Markup:
    """Returns a rate as a bar of a table's cell, with its interval as a thin line."""
    if share.rate is None or share.interval is None:
        return Markup("")
    low, high = (160 * value for value in share.interval)
    return Markup(
        '<svg class="bar" viewBox="0 0 160 10" width="160" height="10" aria-hidden="true">'
        f'<rect class="track" width="160" height="10" fill="{_LINE}"/>'
        f'<rect width="{160 * share.rate:.1f}" height="10" fill="{COLORS["reject"]}"/>'
        f'<line class="interval" x1="{low:.1f}" x2="{high:.1f}" y1="5" y2="5" stroke="{_INK}" stroke-width="2"/></svg>'
    )


def _frame(names: Sequence[str], ticks: Sequence[tuple[str, float]]) -> list[str]:
    parts = []
    for label, part in ticks:
        y = _y(part)
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_LINE}"/>'
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" font-size="12" fill="{_INK}">{escape(label)}</text>'
        )
    every = -(-len(names) // _MOST_LABELS) or 1
    for index in range(0, len(names), every):
        parts.append(
            f'<text x="{_x(index, len(names)):.1f}" y="{_HEIGHT - 6}" text-anchor="middle" font-size="12" fill="{_INK}">'
            f"{escape(printable(names[index]))}</text>"
        )
    return parts


def _x(index: int, count: int) -> float:
    return _LEFT + (index + 0.5) * (_WIDTH - _LEFT - _RIGHT) / max(1, count)


def _y(part: float) -> float:
    return _HEIGHT - _BOTTOM - part * (_HEIGHT - _TOP - _BOTTOM)


def _svg(parts: Sequence[str], label: str) -> Markup:
    return Markup(
        f'<svg class="plot" role="img" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif">'
        f"<title>{escape(printable(label))}</title>{''.join(parts)}</svg>"
    )
