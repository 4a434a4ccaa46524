"""What does our network say of whole pictures? Scenes and scores from its reading alone, people counted, third arms claimed."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from limbfix.bodies import BodyReading
from limbfix.findings import DefectCode
from limbfix.images import Picture
from limbfix.skeletons import Scene
from limbfix_bench.data_folders import AI
from limbfix_bench.estimates import share
from limbfix_bench.result_rows import Measured

LEAST_PX = 40
"""Longer side of a person's box; smaller ones are counted on neither side."""

CLAIM = 0.5
"""Defect score from which a third arm is claimed: the default policy flags from there."""

CONTACT = "wrestling"
"""In the names of AI pictures: people in contact. No other name tells."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """One picture and what our network alone says of it.

    Attributes:
        reading: in px of the picture.
        scene: made of the reading alone; people that are not sure enough are not in it.
        scores: the highest defect score by code; codes that no check measured are left out.
    """

    reading: BodyReading
    scene: Scene
    scores: Mapping[str, float]

    def score(self, *codes: DefectCode) -> float:
        """Returns the highest score of some codes; 0 where none was measured, as for a user who acts on scores."""
        return max((self.scores.get(code.value, 0.0) for code in codes), default=0.0)


class BodyEyes:
    """Looks at pictures with the body parser.

    Args:
        weights: of the body parser; None for those that come with limbfix.
        search: `full` or `single`; see `BodySight`.
    """

    def __init__(self, weights: Path | None, search: str = "full") -> None:
        from limbfix.detectors.body_sight import BodySight
        from limbfix.detectors.limb_looker import LimbLooker
        from limbfix.detectors.limbfix_bodies import LimbfixBodies

        limbs = LimbLooker.shipped(mirrored=search == "full")
        self._detector = LimbfixBodies(BodySight(search=search, file=weights), limbs=limbs)

    def look(self, picture: Picture) -> Seen:
        """Returns what is seen."""
        from limbfix.assembly import assemble

        reading = self._detector.read_bodies(picture)
        scene = assemble((), picture.width, picture.height, reading)
        return Seen(reading=reading, scene=scene, scores=worst_scores(scene))

    @property
    def weights(self) -> str:
        """Name of the weights and the beginning of their SHA-256."""
        return ", ".join(f"{name} sha256:{digest[:12]}" for name, digest in self._detector.model_hashes().items())

    def close(self) -> None:
        """Frees the network."""
        self._detector.close()


def worst_scores(scene: Scene) -> dict[str, float]:
    """Returns the highest score of every code that the checks measured."""
    from limbfix.checks import check

    worst: dict[str, float] = {}
    for finding in check(scene):
        worst[finding.code.value] = max(worst.get(finding.code.value, 0.0), finding.defect_score)
    return worst


def boxes_of(label: Path, width: int, height: int) -> list[tuple[float, float]]:
    """Returns width and height in px of the people of a YOLO label: lines of class, centre x, y, width, height as fractions."""
    if not label.is_file():
        return []
    rows = [line.split() for line in label.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [(float(row[3]) * width, float(row[4]) * height) for row in rows if row[0] == "0"]


def people_in(scene: Scene) -> int:
    """Returns how many people of a scene are large enough to be counted."""
    return sum(person.box.size >= LEAST_PX for person in scene.people)


def count_rows(pairs: Sequence[tuple[int, int]], source: str) -> list[Measured]:
    """Returns how well people are counted.

    Args:
        pairs: (labelled, found) of each picture.
        source: folder.
    """
    gaps = np.array([found - true for true, found in pairs])
    few = [abs(found - true) <= 1 for true, found in pairs if true <= 4]
    labelled = np.array([n for n, _ in pairs])
    detail = ""
    if len(gaps):
        blind = max((float((abs(labelled - guess) <= 1).mean()), guess) for guess in range(10))
        detail = f"mean error {gaps.mean():+.2f} of {labelled.mean():.2f} people; always saying {blind[1]}: {blind[0]:.2f} within one"
    return [
        Measured(
            measure="people_within_one", source=source, estimate=share(int((abs(gaps) <= 1).sum()), len(gaps)), detail=detail
        ),
        Measured(measure="people_exact", source=source, estimate=share(int((gaps == 0).sum()), len(gaps)), detail=detail),
        Measured(
            measure="people_within_one_to_four", source=source, estimate=share(sum(few), len(few)),
            detail="pictures of at most four people",
        ),
    ]  # fmt: skip


def contact_pictures(data: Path) -> list[str]:
    """Returns AI pictures of people in contact whose labels name no arm and no unresolved limb too many, by path below the data folder."""
    with (data / AI / "labels.csv").open(newline="", encoding="utf-8") as file:
        return [f"{AI}/{row['file']}" for row in csv.DictReader(file) if _is_contact(row)]


def _is_contact(row: Mapping[str, str]) -> bool:
    has_extra = "extra_arm" in row["defects"].split(";") or "extra limb" in row["note"]
    return CONTACT in row["file"] and not has_extra


def arm_claims(seen: Mapping[str, Seen]) -> Iterator[tuple[str, float]]:
    """Yields the pictures, by name, on which a third arm is claimed, and how surely; the surest first."""
    scores = {name: one.score(DefectCode.PERSON_EXTRA_ARM) for name, one in seen.items()}
    yield from sorted(((n, s) for n, s in scores.items() if s >= CLAIM), key=lambda item: (-item[1], item[0]))


def false_arm_rows(seen: Mapping[str, Seen]) -> list[Measured]:
    """Returns the share of pictures with a claim, by folder. A person must look whether a claim is false."""
    claimed = {name for name, _ in arm_claims(seen)}
    rows = []
    for folder in sorted({name.rsplit("/", 1)[0] for name in seen}):
        names = [name for name in seen if name.rsplit("/", 1)[0] == folder]
        hits = sum(name in claimed for name in names)
        peopled = sum(bool(seen[name].scene.people) for name in names)
        detail = f"{hits} of {len(names)} pictures, {peopled} with somebody seen; from {CLAIM}, before a person looked"
        rows.append(
            Measured(
                measure="third_arm_claimed", source=f"contact/{folder}", estimate=share(hits, len(names)), detail=detail
            )
        )
    return rows
