"""Which results do the README and docs/limits.md show, and in which words? Pure functions from rows and text to text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from limbfix_bench.result_rows import Row

BEGIN = "<!-- benchmarks:begin -->"
END = "<!-- benchmarks:end -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the table: which rows it shows, in which words, and what was aimed at."""

    measure: str
    title: str
    aim: str = ""
    sources: tuple[str, ...] = ()
    search: str = "full"
    as_percent: bool = False


_REAL = (
    "real_hands/subhih",
    "real_hands/epsrc",
    "real_hands/sld",
    "real_hands/roboflow_gesture",
    "real_bodies/lsp_extended",
    "real_bodies/coco_people",
)

LINES = (
    Line(measure="auroc_any", title="AUROC of the picture's score: anything wrong", aim="≥ 0.82"),
    Line(measure="auroc_any_by_hands_visible", title="The same by the number of visible hands alone"),
    Line(measure="auroc_hand", title="AUROC of the picture's score: a wrong hand or finger", aim="≥ 0.82"),
    Line(
        measure="auroc_limb", title="AUROC of the picture's score: an extra or missing arm, leg or hand", aim="≥ 0.75"
    ),
    Line(measure="auroc_limb_by_hands_visible", title="The same by the number of visible hands alone"),
    Line(
        measure="auroc_hand_by_hand",
        title="AUROC hand by hand",
        aim="≥ 0.82",
        sources=("ai_images", "ai_images/hastings"),
    ),
    Line(
        measure="auroc_hand_by_hand_chance",
        title="The same by the hand's calibrated chance (`defect_probability`)",
        aim="≥ 0.82",
        sources=("ai_images", "ai_images/hastings"),
    ),
    Line(measure="hands_found_of_visible", title="Hands found of hands visible", aim="≥ 80 %", as_percent=True),
    Line(measure="boxes_found", title="Labelled hand boxes found (IoU ≥ 0.25)", as_percent=True),
    Line(
        measure="boxes_found_defective",
        title="Labelled hand boxes found: defective, ≥ 32 px",
        aim="≥ 80 %",
        as_percent=True,
    ),
    Line(measure="box_precision", title="Found hands that are labelled hands", aim="≥ 80 %", as_percent=True),
    Line(measure="digits_told", title="Found hands ≥ 32 px whose digits are told", as_percent=True),
    Line(measure="digits_told_exact", title="The same: as many as a person sees", as_percent=True),
    Line(measure="false_hands_per_picture", title="False hands per picture without people", aim="≤ 0.02"),
    Line(measure="verdict_reject", title="Real people rejected", aim="≤ 2 %", sources=_REAL, as_percent=True),
    Line(measure="verdict_flag", title="Real people flagged", aim="≤ 10 %", sources=_REAL, as_percent=True),
    Line(measure="hand_found", title="Pictures of a hand in which one was found", aim="≥ 97 %", as_percent=True),
    Line(measure="time_single_to_plain_loop", title="Time beside a plain loop", aim="≤ 1.15", search="single"),
    Line(measure="cpu_time_single_to_plain_loop", title="CPU time beside a plain loop", search="single"),
    Line(measure="pictures_per_second_plain_loop", title="Pictures/s, plain loop", search="single"),
    Line(measure="pictures_per_second_single_1_job", title="Pictures/s, `--search single`", search="single"),
    Line(measure="pictures_per_second_full_1_job", title="Pictures/s, default search, 1 job"),
    Line(measure="pictures_per_second_full_2_jobs", title="Pictures/s, default search, 2 jobs"),
)

HEADLINES = frozenset(
    {
        "auroc_hand",
        "auroc_limb",
        "auroc_hand_by_hand",
        "hands_found_of_visible",
        "box_precision",
        "false_hands_per_picture",
        "verdict_reject",
        "verdict_flag",
    }
)
"""The measures that the README shows; docs/limits.md shows all."""


def make_block(rows: Sequence[Row]) -> str:
    """Returns the whole table in Markdown with a line that says whose numbers they are; measures without rows are left out.

    Sources below a folder (`ai_images/hastings`) stay in the CSV, except where a line names them.
    """
    return _block(LINES, rows)


def make_headlines(rows: Sequence[Row]) -> str:
    """Returns the table's headlines alone, from the same rows and with the same note."""
    return _block([line for line in LINES if line.measure in HEADLINES], rows)


def _block(lines: Sequence[Line], rows: Sequence[Row]) -> str:
    shown = [(line, row) for line in lines for row in rows if _belongs(line, row)]
    if not shown:
        return "No benchmark has been run yet: `make bench`."
    table = ["| Measure | Pictures | n | Value | 95 % interval | Aim |", "|---|---|---:|---:|---|---|"]
    table += [
        f"| {line.title} | `{row.source}` | {row.n} | {_number(row.value, line)} | {_interval(row, line)} | {line.aim} |"
        for line, row in shown
    ]
    runs = sorted({f"commit `{row.commit}`, {row.machine}, {row.date}" for _, row in shown})
    note = (
        "n counts pictures, hands or boxes, as the measure says; for speed the interval is the range of the runs. Wrong and "
        "clean AI pictures come from different generators, and wrong ones show more people: the number of visible hands alone, "
        "which says nothing of anatomy, tells them apart better than a picture's score (DESIGN.md). Hand by hand is the harder test."
    )
    return "\n".join([*table, "", f"{note} Measured with {'; '.join(runs)}."])


def replace_block(text: str, block: str) -> str:
    """Returns the document with a new block between its two marks.

    Raises:
        ValueError: the marks do not stand there once each and in order.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(f"expected {BEGIN} and below it {END}, once each; add both where the table belongs")
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    return f"{head}{BEGIN}\n{block}\n{END}{tail}"


def _belongs(line: Line, row: Row) -> bool:
    if row.measure != line.measure or row.search != line.search:
        return False
    if line.sources:
        return row.source in line.sources
    return "/" not in row.source or row.measure == "hand_found"


def _number(text: str, line: Line) -> str:
    if not text:
        return "–"
    return f"{float(text):.1%}".replace("%", " %") if line.as_percent else f"{float(text):.2f}"


def _interval(row: Row, line: Line) -> str:
    return f"{_number(row.low, line)} to {_number(row.high, line)}" if row.low else "–"
