"""Which results does the data engine's README show, and in which words? Pure functions from rows to text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from limbfix_bench.result_rows import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the table: the rows of one measure and one search, in which words, and what was aimed at."""

    measure: str
    search: str
    title: str
    aim: str = ""
    as_percent: bool = False


LINES = (
    Line(measure="pictures_per_second", search="speed", title="Pictures/s, labels included", aim="≥ 12 (hands)"),
    Line(measure="bodies_posed_per_second", search="speed", title="Bodies/s through batched skinning"),
    Line(measure="pictures_made", search="run", title="Pictures made in one run", aim="2,000 and 1,000"),
    Line(measure="groups_failed", search="run", title="Groups that failed in it", aim="0"),
    Line(
        measure="visible_inner_joints_on_their_instance",
        search="truth",
        title="Visible inner joints that lie on their instance",
        aim="≥ 99 %",
        as_percent=True,
    ),
    Line(
        measure="visible_outermost_joints_beside_their_instance",
        search="truth",
        title="Visible tips of fingers and toes, and crowns, at most 3 px beside it",
        as_percent=True,
    ),
    Line(
        measure="visible_px_equal_pixels",
        search="truth",
        title="Instances whose visible pixels are those of the map",
        aim="100 %",
        as_percent=True,
    ),
    Line(
        measure="visible_digits_equal_instances_with_pixels",
        search="truth",
        title="Hands whose visible digits are the digits with pixels",
        aim="100 %",
        as_percent=True,
    ),
    Line(
        measure="changed_pixels_inside_region",
        search="truth",
        title="Changed pixels inside the defect's region + 4 px",
        aim="≥ 99 % (hands)",
        as_percent=True,
    ),
    Line(
        measure="visible_defects_that_change_the_picture",
        search="truth",
        title="Visible defects that change their picture",
        aim="100 %",
        as_percent=True,
    ),
    Line(measure="defects_shown", search="truth", title="Defects that their picture shows", as_percent=True),
    Line(
        measure="open_hands_found_by_mediapipe",
        search="realism",
        title="Normal open hands found by MediaPipe, 512 px",
        aim="≥ 90 %",
        as_percent=True,
    ),
    Line(
        measure="joint_error_in_middle_fingers",
        search="realism",
        title="Its median joint error, in middle fingers",
        aim="≤ 0.07",
    ),
    Line(
        measure="giveaway_auroc",
        search="synthesis",
        title="Give-away: AUROC benign twins against untouched",
        aim="≤ 0.60",
    ),
    Line(measure="control_auroc", search="synthesis", title="Control: AUROC defects against twins, same classifier"),
)


def make_block(rows: Sequence[Row]) -> str:
    """Returns the table in Markdown; measures without rows are left out, and sources of single operators."""
    shown = [(line, row) for line in LINES for row in rows if _belongs(line, row)]
    if not shown:
        return "Nothing has been measured yet: `make bench`."
    table = ["| Measure | Source | n | Value | 95 % interval | Aim | How |", "|---|---|---:|---:|---|---|---|"]
    table += [
        f"| {line.title} | `{row.source}` | {row.n:,} | {_number(row.value, line)} | {_interval(row, line)} | {line.aim} | {row.detail} |"
        for line, row in shown
    ]
    runs = sorted({f"commit `{row.commit}`, {row.machine}, {row.date}" for _, row in shown})
    return "\n".join([*table, "", f"Rows by operator are in `benchmarks/results`. Measured with {'; '.join(runs)}."])


def _belongs(line: Line, row: Row) -> bool:
    whole = line.search != "synthesis" or "/" not in row.source
    return row.measure == line.measure and row.search == line.search and whole


def _number(text: str, line: Line) -> str:
    if not text:
        return "–"
    if line.as_percent:
        return f"{float(text):.1%}".replace("%", " %")
    value = float(text)
    return f"{value:,.0f}" if value >= 100 or value == 0 else f"{value:.3f}" if value < 1 else f"{value:.1f}"


def _interval(row: Row, line: Line) -> str:
    return f"{_number(row.low, line)} to {_number(row.high, line)}" if row.low else "–"
