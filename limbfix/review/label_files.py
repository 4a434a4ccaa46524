"""How do labels leave, and come back? CSV, COCO and Label Studio; each holds everything that `limbfix calibrate` needs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from limbfix.errors import UsageError
from limbfix.findings import CODES
from limbfix.printing import printable
from limbfix.reports.csv_rows import csv_line
from limbfix.reports.escaping import csv_cell
from limbfix.review.labels import Label

COLUMNS = (
    "case_id", "sha256", "path", "width", "height", "verdict", "score", "policy", "label", "codes", "who", "at", "why",
    "audited", "weight",
)  # fmt: skip
_NEEDED = ("sha256", "verdict", "score", "label", "weight")
_LABELS = ("defective", "fine", "unsure")


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One kind of file."""

    title: str
    file_name: str
    media_type: str


FORMATS = {
    "csv": Format(title="CSV", file_name="labels.csv", media_type="text/csv"),
    "coco": Format(title="COCO", file_name="labels-coco.json", media_type="application/json"),
    "label-studio": Format(title="Label Studio", file_name="labels-label-studio.json", media_type="application/json"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What recalibrating reads of a label: score and weight may be None, such labels are of no use to it; policy may be empty."""

    sha256: str
    verdict: str
    score: float | None
    label: str
    weight: float | None
    policy: str = ""


def label_file(labels: Sequence[Label], format: str) -> bytes:
    """Returns labels as a file.

    Args:
        labels: what to write.
        format: a key of FORMATS.
    """
    if format == "csv":
        return _csv(labels).encode("utf-8")
    value = _coco(labels) if format == "coco" else _label_studio(labels)
    return (json.dumps(value, indent=1, ensure_ascii=True, allow_nan=False) + "\n").encode("ascii")


def read_labels(path: Path) -> list[Scored]:
    """Reads a file that `label_file` wrote, whichever of the three; each picture once, the last line of it.

    CSV may have gone through a spreadsheet: parted by commas, semicolons or tabs, any line ends, decimal commas, empty lines.

    Raises:
        UsageError: it is missing, or none of them; the message names the place.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        rows = _json_rows(json.loads(text)) if text.lstrip()[:1] in ("{", "[") else _csv_rows(text)
    except (OSError, ValueError, RecursionError, csv.Error) as error:
        raise UsageError(
            f"labels {path}: expected CSV, COCO or Label Studio of `limbfix labels`, got: {error}"
        ) from error
    if not rows:
        raise UsageError(f"labels {path}: expected labels, got none; export with `limbfix labels`")
    found = [_scored(row, f"labels {path}, label {number}") for number, row in enumerate(rows, 1)]
    return list({one.sha256: one for one in found}.values())


def _plain(label: Label) -> dict[str, Any]:
    return {name: list(label.codes) if name == "codes" else getattr(label, name) for name in COLUMNS}


def _csv(labels: Sequence[Label]) -> str:
    lines = [csv_line(COLUMNS)]
    for label in labels:
        row = _plain(label) | {"codes": "; ".join(label.codes), "audited": "yes" if label.audited else "no"}
        lines.append(csv_line([csv_cell(row[name]) for name in COLUMNS]))
    return "".join(lines)


def _coco(labels: Sequence[Label]) -> dict[str, Any]:
    """Pictures with their labels under `limbfix`; an annotation for each region that limbfix found in it."""
    annotations = []
    for number, label in enumerate(labels, 1):
        for code, x0, y0, x1, y1 in label.regions:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": CODES.index(code) + 1,
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "area": (x1 - x0) * (y1 - y0),
                    "iscrowd": 0,
                    "picture_label": label.label,
                    "named_by_person": code in label.codes,
                }
            )
    return {
        "info": {"description": "Labels of a limbfix review. Boxes are limbfix's; picture_label is what a person saw."},
        "images": [
            {
                "id": number,
                "file_name": printable(label.path),
                "width": label.width,
                "height": label.height,
                "limbfix": _safe(_plain(label)),
            }
            for number, label in enumerate(labels, 1)
        ],
        "annotations": annotations,
        "categories": [
            {"id": number, "name": code, "supercategory": code.split(".")[0]} for number, code in enumerate(CODES, 1)
        ],
    }


def _label_studio(labels: Sequence[Label]) -> list[dict[str, Any]]:
    """Tasks with one annotation each, for a template with `<Image name="image">` and `<Choices name="label" toName="image">`.

    Who answered stands beside the picture: Label Studio refuses annotations by people whom it does not know by e-mail.
    """
    tasks = []
    for number, label in enumerate(labels, 1):
        choice = {"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": [label.label]}}
        local = "/data/local-files/?d=" + quote(_path_bytes(label.path), safe="/")
        tasks.append(
            {
                "id": number,
                "data": {"image": local, "limbfix": _safe(_plain(label))},
                "annotations": [{"result": [choice], "created_at": label.at}],
            }
        )
    return tasks


def _safe(row: dict[str, Any]) -> dict[str, Any]:
    return {name: printable(value) if isinstance(value, str) else value for name, value in row.items()}


def _path_bytes(path: str) -> bytes:
    try:
        return path.encode("utf-8", "surrogateescape")  # the very bytes of a name that is no UTF-8
    except UnicodeEncodeError:
        return path.encode("utf-8", "surrogatepass")


def _csv_rows(text: str) -> list[dict[str, Any]]:
    header = next(iter(text.splitlines()), "")
    mark = max(",;\t", key=header.count)
    rows = [row for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=mark) if any(row.values())]
    if mark != ",":  # where a comma parts no cells it may stand in numbers
        for row in rows:
            row |= {name: row[name].replace(",", ".") for name in ("score", "weight") if row.get(name)}
    return rows


def _json_rows(value: Any) -> list[Any]:
    if isinstance(value, dict) and isinstance(value.get("images"), list):
        return [image.get("limbfix") if isinstance(image, dict) else None for image in value["images"]]
    if isinstance(value, list):
        tasks = [task.get("data") if isinstance(task, dict) else None for task in value]
        rows = [data.get("limbfix") if isinstance(data, dict) else None for data in tasks]
        return [_with_choice(row, task) for row, task in zip(rows, value, strict=True)]
    raise ValueError("neither `images` nor a list of tasks")


def _with_choice(row: Any, task: Any) -> Any:
    """Returns a row with the label that the task has now: somebody may have changed it in Label Studio.

    A skipped annotation says nothing. One without a choice was emptied on purpose, so nobody vouches for the old label.
    """
    annotations = task.get("annotations") if isinstance(task, dict) else None
    if not isinstance(row, dict) or not isinstance(annotations, list):
        return row
    said = [one for one in annotations if isinstance(one, dict) and not one.get("was_cancelled")]
    if not said:
        return row
    results = said[-1].get("result")
    chosen = [one for one in results if _choices(one)] if isinstance(results, list) else []
    chosen.sort(key=lambda one: one.get("from_name") != "label")  # a template may ask for other choices too
    return row | {"label": _choices(chosen[0])[0] if chosen else "unsure"}


def _choices(result: Any) -> list[Any]:
    value = result.get("value") if isinstance(result, dict) else None
    choices = value.get("choices") if isinstance(value, dict) else None
    return choices if isinstance(choices, list) else []


def _scored(row: Any, origin: str) -> Scored:
    if not isinstance(row, dict) or not all(name in row for name in _NEEDED):
        raise UsageError(f"{origin}: expected {', '.join(_NEEDED)}, got something else; export with `limbfix labels`")
    try:
        score, weight = (None if row[name] in (None, "") else float(row[name]) for name in ("score", "weight"))
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError(f"{origin}: expected numbers as score and weight, got: {error}") from error
    is_sound = (score is None or 0 <= score <= 1) and (weight is None or 0 < weight < 1e9)
    if row["label"] not in _LABELS or not is_sound:
        raise UsageError(f"{origin}: expected a label ({', '.join(_LABELS)}), a score from 0 to 1 and a weight above 0")
    return Scored(
        sha256=str(row["sha256"]),
        verdict=str(row["verdict"]),
        score=score,
        label=row["label"],
        weight=weight,
        policy=str(row.get("policy") or ""),
    )
