"""What do readings of made people say beside the truth? Limbs counted, extra and missing limbs by score, and pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from limbfix.bodies import LimbKind, PersonGraph
from limbfix.findings import DefectCode
from limbfix.images import open_picture
from limbfix.synthesis.samples import Instance, Sample
from limbfix_bench.body_reading import BodyEyes, Seen
from limbfix_bench.estimates import auroc, share
from limbfix_bench.result_rows import Measured

EXTRA = (DefectCode.PERSON_EXTRA_ARM, DefectCode.PERSON_EXTRA_LEG)
MISSING = (DefectCode.PERSON_MISSING_ARM, DefectCode.PERSON_MISSING_LEG)
ENDS = (DefectCode.PERSON_EXTRA_FOOT, DefectCode.PERSON_MISSING_HAND, DefectCode.PERSON_MISSING_FOOT)
LOOSE = (DefectCode.PERSON_DETACHED_LIMB,)

PLAIN = 0.5
"""Share of a limb's surface that must be seen before its count is asked for."""

SAME_NECK = 0.5
"""Of the true torso: how far a reading's neck may lie from the person's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedLimbs:
    """Limbs of one kind of one person: `true` of them, all in plain view, and `read`; None where the person was not found."""

    kind: LimbKind
    true: int
    read: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPicture:
    """One made picture and what was read.

    Attributes:
        group: of its pair.
        faults: codes that are true of it and seen.
        scores: by code.
        counts: of people whose limbs of a kind are all in plain view.
    """

    group: str
    faults: frozenset[str]
    scores: dict[str, float]
    counts: tuple[CountedLimbs, ...]

    def score(self, codes: Iterable[DefectCode]) -> float:
        """Returns the highest score of some codes; 0 where none was measured."""
        return max((self.scores.get(code.value, 0.0) for code in codes), default=0.0)


def read_shards(folders: Sequence[Path], eyes: BodyEyes, limit: int) -> list[ReadPicture]:
    """Reads at most `limit` pictures of the stream `bodies`, in order."""
    from limbfix.synthesis.shards import read_shard

    found: list[ReadPicture] = []
    for shard in sorted(path for folder in folders for path in folder.rglob("*.tar")):
        for sample in read_shard(shard):
            if len(found) >= limit:
                return found
            if sample.stream == "bodies":
                found.append(read_sample(sample, eyes.look(open_picture(sample.pixels, name=sample.key))))
    return found


def read_sample(sample: Sample, seen: Seen) -> ReadPicture:
    """Joins a made picture with what was seen of it."""
    return ReadPicture(
        group=sample.group,
        faults=frozenset(defect.code.value for defect in sample.defects if defect.visible),
        scores=dict(seen.scores),
        counts=tuple(counted_limbs(sample, seen.reading.people)),
    )


def counted_limbs(sample: Sample, graphs: Sequence[PersonGraph]) -> Iterator[CountedLimbs]:
    """Yields the true and the read number of arms and of legs of each person.

    Left out are people any of whose limbs of that kind is less than half in view, and those with one that came off.
    """
    necks = {item.id: _neck(sample, item.id) for item in sample.instances if item.kind == "person"}
    owners = _graphs_of(necks, graphs)
    for person in necks:
        for kind in LimbKind:
            limbs = [item for item in sample.instances if item.owner == person and item.kind == kind.value]
            came_off = any("detached" in item.faults for item in limbs) or _has_loose_piece(sample, limbs)
            present = [item for item in limbs if item.present]
            if came_off or not all(item.visible_fraction >= PLAIN for item in present):
                continue
            graph = owners.get(person)
            read = None if graph is None else len(graph.counted(kind))
            yield CountedLimbs(kind=kind, true=len(present), read=read)


def _has_loose_piece(sample: Sample, limbs: Sequence[Instance]) -> bool:
    ids = {item.id for item in limbs}
    return any(item.owner in ids and "detached" in item.faults for item in sample.instances)


def _neck(sample: Sample, person: int) -> tuple[np.ndarray, float]:
    """Returns a person's neck and the length of the torso, px; nan where they are not known."""
    for item in sample.instances:
        if item.owner == person and item.kind == "torso":
            joints = {joint.name: np.array(joint.xy) for joint in item.joints}
            if {"neck", "pelvis"} <= joints.keys():
                return joints["neck"], float(np.linalg.norm(joints["neck"] - joints["pelvis"]))
    return np.full(2, np.nan), float("nan")


def _graphs_of(necks: dict[int, tuple[np.ndarray, float]], graphs: Sequence[PersonGraph]) -> dict[int, PersonGraph]:
    """Gives each person the graph whose neck is nearest, nearest pairs first, one to one."""
    pairs = [
        (float(np.linalg.norm(graph.neck - xy)) / max(torso, 1.0), person, index)
        for person, (xy, torso) in necks.items()
        for index, graph in enumerate(graphs)
        if graph.neck is not None and np.isfinite(torso)
    ]
    found: dict[int, PersonGraph] = {}
    taken: set[int] = set()
    for gap, person, index in sorted(pairs):
        if gap <= SAME_NECK and person not in found and index not in taken:
            found[person] = graphs[index]
            taken.add(index)
    return found


def measure(pictures: Sequence[ReadPicture], source: str = "made/bodies") -> list[Measured]:
    """Returns all rows that have a value."""
    rows = [
        _auroc("auroc_extra_limb", pictures, EXTRA, source),
        _auroc("auroc_missing_limb", pictures, MISSING, source),
    ]
    rows += _counts(pictures, source)
    rows.append(_pairs("pairs_ranked", pictures, (*EXTRA, *MISSING), source))
    rows.append(_pairs("pairs_ranked_ends_and_loose", pictures, (*ENDS, *LOOSE), source))
    return [row for row in rows if row.estimate.value is not None]


def _auroc(measure: str, pictures: Sequence[ReadPicture], codes: Sequence[DefectCode], source: str) -> Measured:
    """Pictures that show such a defect against pictures that show none at all."""
    wrong = [one.score(codes) for one in pictures if one.faults & {code.value for code in codes}]
    right = [one.score(codes) for one in pictures if not one.faults]
    detail = f"{len(wrong)} wrong, {len(right)} right; from 0.5: {_from_half(wrong)} and {_from_half(right)}"
    return Measured(measure=measure, source=source, estimate=auroc(wrong, right), detail=detail)


def _from_half(scores: Sequence[float]) -> int:
    return sum(score >= 0.5 for score in scores)


def _counts(pictures: Sequence[ReadPicture], source: str) -> list[Measured]:
    every = [count for one in pictures for count in one.counts]
    rows = []
    for name, kinds in (("limbs", tuple(LimbKind)), ("arms", (LimbKind.ARM,)), ("legs", (LimbKind.LEG,))):
        chosen = [count for count in every if count.kind in kinds]
        found = [count for count in chosen if count.read is not None]
        more = sum(count.read > count.true for count in found if count.read is not None)
        detail = f"{len(chosen) - len(found)} of people not found; {more} with too many read"
        right = sum(count.read == count.true for count in chosen)
        rows.append(
            Measured(
                measure=f"{name}_exact_all_visible", source=source, estimate=share(right, len(chosen)), detail=detail
            )
        )
    return rows


def _pairs(measure: str, pictures: Sequence[ReadPicture], codes: Sequence[DefectCode], source: str) -> Measured:
    """A defect must score above its twin, by its own code; the detail says how, code by code."""
    twins = {one.group: one for one in pictures if not one.faults}
    right: Counter[DefectCode] = Counter()
    total: Counter[DefectCode] = Counter()
    ties = 0
    for one in pictures:
        twin = twins.get(one.group)
        code = next((code for code in codes if code.value in one.faults), None)
        if twin is not None and code is not None:
            total[code] += 1
            right[code] += one.score([code]) > twin.score([code])
            ties += one.score([code]) == twin.score([code])
    detail = ", ".join(f"{code.value} {right[code]}/{total[code]}" for code in codes if total[code])
    estimate = share(sum(right.values()), sum(total.values()))
    return Measured(measure=measure, source=source, estimate=estimate, detail=f"{detail}; {ties} ties, taken as wrong")
