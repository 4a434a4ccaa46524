"""A gate that says what a test wants, picture by picture, and keeps what it was shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from fake_gate import make_fake_record

from limbfix.errors import DetectorError
from limbfix.images import Picture
from limbfix.inspections import Inspection


class SteeredGate:
    """Verdicts in the order of the pictures: `pass`, `reject`, `reject 0.85`, `no_subject`, `broken`; after the last all pass."""

    models: ClassVar[dict[str, str]] = {}

    def __init__(self, words: Iterable[str] = (), *, judge: Callable[[Picture], str] | None = None) -> None:
        self._words, self._judge = list(words), judge
        self.seen: list[Picture] = []

    def inspect_picture(self, picture: Picture) -> Inspection:
        self.seen.append(picture)
        text = self._judge(picture) if self._judge else self._words.pop(0) if self._words else "pass"
        word, _, score = text.partition(" ")
        if word == "broken":
            raise DetectorError("expected hands, got a broken detector; run limbfix doctor")
        record: dict[str, Any] = make_fake_record(picture.path, picture.sha256, word)
        if score:
            record["defect_score"] = float(score)
        return Inspection(record=record, picture=picture)

    @property
    def prompts(self) -> list[str | None]:
        return [picture.source.prompt if picture.source else None for picture in self.seen]
