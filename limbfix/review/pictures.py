"""Where do the pixels of a page come from? What the ledger keeps, else the file itself, else a report folder.

Nothing is shown that is not what it was judged as: a kept JPEG must have the hash of its name, a file the one of its
record. Files are opened through limbfix's one door for pixels, one at a time, and leave as small fresh JPEGs.
"""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

from limbfix.drawing import draw_overlay
from limbfix.errors import PictureError
from limbfix.images import open_picture
from limbfix.ledger.cases import Case, find_case
from limbfix.ledger.evidence import file_of
from limbfix.ledger.numbers import with_numbers
from limbfix.ledger.store import Ledger
from limbfix.reports.evidence import make_evidence
from limbfix.reports.site import EVIDENCE

THUMB_SIDE = 280
"""px, longer side in the gallery."""
_MARKED_SIDE = 960
_QUALITY = 82
_MOST_CACHED = 24 * 2**20
"""Bytes of JPEGs in memory, whatever the size of the ledger."""


class Pictures:
    """Gives out JPEGs. Safe to use from several threads.

    Args:
        ledger: whose cases.
        folder: where relative paths of records begin, or in which the pictures lie; None = the working folder.
        report: a report folder whose pictures may stand in.
    """

    def __init__(self, ledger: Ledger, *, folder: Path | None = None, report: Path | None = None) -> None:
        self._ledger, self._folder, self._report = ledger, folder, report
        self._numbers = {} if report is None else _numbers(report)
        self._kept: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()
        self._decoding = threading.Lock()

    def jpeg(self, case_id: str, kind: str) -> bytes | None:
        """Returns a JPEG, or None where there is none.

        Args:
            case_id: whole id of the case.
            kind: `thumb`, `picture`, `overlay` or `crop-N`.
        """
        with self._ledger.reading() as reader:
            case = find_case(reader, case_id)
        if case is None:
            return None
        key = (case.entry.hash, kind)  # of the judgement: a case that is judged anew may show another picture
        with self._lock:
            if found := self._kept.get(key):
                self._kept.move_to_end(key)
                return found
        made = self._made(case, kind)
        if made is not None:
            self._keep(key, made)
        return made

    def kinds(self, case: Case) -> list[str]:
        """Returns what a case has to show besides `thumb`: what is kept, else what can be made from its file."""
        items = [item["kind"] for item in case.data["evidence"]]
        if items:
            whole = [kind for kind in ("picture", "overlay") if kind in items]
            return [*whole, *(f"crop-{number}" for number in range(items.count("crop")))]
        if self._path(case) is not None:
            return ["picture", "overlay"]
        return ["picture"] if self._report_file(case) is not None else []

    def _made(self, case: Case, kind: str) -> bytes | None:
        wanted = "picture" if kind == "thumb" else kind
        kept = _kept_name(case, wanted)
        with self._ledger.reading() as reader:
            data = reader.evidence(kept) if kept else None
        if data is not None and hashlib.sha256(data).hexdigest() != kept:
            return None  # changed since it was signed; `limbfix ledger verify` says so
        with self._decoding:
            if data is None:
                data = self._from_file(case, wanted)
            return _small(data) if data is not None and kind == "thumb" else data

    def _from_file(self, case: Case, kind: str) -> bytes | None:
        if kind not in ("picture", "overlay"):
            return None
        path = self._path(case)
        try:
            picture = open_picture(path) if path is not None else None
        except PictureError:
            picture = None
        if picture is None or picture.sha256 != case.entry.picture:
            file = self._report_file(case)
            return file.read_bytes() if file is not None and kind == "picture" else None
        record = with_numbers(case.data["record"])
        if kind == "picture":
            return make_evidence(picture.pixels, record | {"findings": []}, ()).thumbnail
        marked = draw_overlay(picture.pixels, record, ())
        marked.thumbnail((_MARKED_SIDE, _MARKED_SIDE))
        return _jpeg(marked)

    def _path(self, case: Case) -> Path | None:
        return file_of(case.data["record"], self._folder) if case.entry.picture else None

    def _report_file(self, case: Case) -> Path | None:
        number = self._numbers.get(case.entry.picture)
        if self._report is None or number is None:
            return None
        file = self._report / EVIDENCE / f"{number:06d}.jpg"
        return file if file.is_file() and not file.is_symlink() else None

    def _keep(self, key: tuple[str, str], data: bytes) -> None:
        with self._lock:
            if key not in self._kept:
                self._kept[key] = data
                self._size += len(data)
            while self._size > _MOST_CACHED:
                self._size -= len(self._kept.popitem(last=False)[1])


def _kept_name(case: Case, kind: str) -> str | None:
    items = case.data["evidence"]
    if kind.startswith("crop-"):
        crops, number = [item["sha256"] for item in items if item["kind"] == "crop"], kind.removeprefix("crop-")
        return crops[int(number)] if number.isascii() and number.isdigit() and int(number) < len(crops) else None
    return next((item["sha256"] for item in items if item["kind"] == kind), None)


def _small(jpeg: bytes) -> bytes:
    from PIL import Image

    with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as image:
        image.draft("RGB", (THUMB_SIDE, THUMB_SIDE))
        image.thumbnail((THUMB_SIDE, THUMB_SIDE))
        return _jpeg(image)


def _jpeg(image: Any) -> bytes:
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def _numbers(report: Path) -> dict[str, int]:
    """Returns the place of each picture in a report's records, by SHA-256."""
    numbers: dict[str, int] = {}
    with (report / "records.jsonl").open(encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            if sha256 := json.loads(line)["sha256"]:
                numbers.setdefault(sha256, number)
    return numbers
