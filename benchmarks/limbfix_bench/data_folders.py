"""Which pictures are judged, and what do people say about them? Reads ../shared/data and nothing else.

Paths are relative to the data folder, with forward slashes, so that records can be moved between machines.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

AI = "ai_images"
HANDS = ("real_hands/subhih", "real_hands/epsrc", "real_hands/sld", "real_hands/roboflow_gesture")
BODIES = ("real_bodies/lsp_extended", "real_bodies/coco_people")
BACKGROUNDS = "backgrounds"
FOLDERS = (AI, *HANDS, *BODIES, BACKGROUNDS)

NOT_EMPTY = ("backgrounds/bsds500_185092.jpg",)
"""Pictures of `backgrounds` that show people after all: two hands hold a fish. Found by looking at what was told there (2026-11-29)."""

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
HAND_DEFECTS = frozenset({"malformed_hand", "extra_finger", "missing_finger", "fused_fingers"})
LIMB_DEFECTS = frozenset({"extra_arm", "missing_arm", "extra_leg", "missing_leg", "extra_hand", "missing_hand"})
_GRAVE_HAND = re.compile(r"\.Hands=\S*[bc]")
"""An expert code such as `Configuration.Hands=2/7b`: something of two hands, severity b (a mild, b moderate, c severe)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureLabel:
    """What people say about one AI picture.

    Attributes:
        defective: True, False, or None where they are unsure.
        defects: names of labels.csv.
        hands_visible: how many hands a person sees.
        experts: whether experts graded it; then `grave_hand` says whether a hand is wrong at severity b or c.
    """

    defective: bool | None
    defects: frozenset[str]
    hands_visible: int
    experts: bool
    grave_hand: bool

    @property
    def has_hand_defect(self) -> bool:
        """Defective, a wrong hand or finger in the list, and of severity b or c where experts graded it."""
        listed = self.defective is True and bool(self.defects & HAND_DEFECTS)
        return listed and (self.grave_hand or not self.experts)

    @property
    def has_limb_defect(self) -> bool:
        """Defective, and an extra or missing arm, leg or hand in the list."""
        return self.defective is True and bool(self.defects & LIMB_DEFECTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandLabel:
    """One labelled hand.

    Attributes:
        box_fractions: of width and height.
        status: `ok`, `defective` or `unsure`.
        size_px: longer side.
        digits_visible: how many a person sees; None where they did not say.
    """

    box_fractions: tuple[float, float, float, float]
    status: str
    size_px: float
    digits_visible: int | None = None


def pictures_of(data: Path, folder: str, limit: int | None = None) -> list[str]:
    """Returns the pictures of a folder in order of name, without those of `NOT_EMPTY`.

    Args:
        data: the data folder.
        folder: one of FOLDERS.
        limit: at most this many, spread evenly over the sorted names (the same ones every time); None = all.
    """
    paths = (path for path in (data / folder).rglob("*") if path.suffix.lower() in SUFFIXES)
    found = sorted({path.relative_to(data).as_posix() for path in paths} - set(NOT_EMPTY))
    if limit is None or len(found) <= limit:
        return found
    return [found[int((index + 0.5) * len(found) / limit)] for index in range(limit)]


def read_picture_labels(data: Path) -> dict[str, PictureLabel]:
    """Returns the labels of AI pictures by path."""
    with (data / AI / "labels.csv").open(newline="", encoding="utf-8") as file:
        return {f"{AI}/{row['file']}": _picture_label(row) for row in csv.DictReader(file)}


def read_hand_labels(data: Path) -> dict[str, list[HandLabel]]:
    """Returns the labelled hands of AI pictures by path."""
    hands: dict[str, list[HandLabel]] = defaultdict(list)
    for name in ("hands_hastings.csv", "hands_other.csv"):
        with (data / AI / name).open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                box = tuple(float(row[key]) for key in ("x0", "y0", "x1", "y1"))
                visible = int(row["digits_visible"]) if row["digits_visible"].isdigit() else None
                hands[f"{AI}/{row['file']}"].append(
                    HandLabel(
                        box_fractions=box,
                        status=row["status"],
                        size_px=float(row["size_px"]),
                        digits_visible=visible,
                    )
                )
    return dict(hands)


def sources_of(path: str) -> tuple[str, ...]:
    """Returns what an AI picture counts for: all of them, its source, and its generator where the name tells it."""
    _, source, name = path.split("/", 2)
    names = (AI, f"{AI}/{source}")
    return (*names, f"{AI}/{source}/{name.split('_')[0]}") if source == "hastings" else names


def _picture_label(row: dict[str, str]) -> PictureLabel:
    return PictureLabel(
        defective={"1": True, "0": False}.get(row["defective"]),
        defects=frozenset(filter(None, row["defects"].split(";"))),
        hands_visible=int(row["n_hands_visible"] or 0),
        experts="expert" in row["label_source"],
        grave_hand=bool(_GRAVE_HAND.search(row["expert_codes"])),
    )
