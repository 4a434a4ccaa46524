"""What does the world read? The record of one picture: plain JSON values, the contract of `record.schema.json`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from limbfix.digit_records import digits_record, mask_record
from limbfix.findings import Finding
from limbfix.geometry import Box
from limbfix.images import Picture
from limbfix.limb_records import limbs_record, loose_limbs_record
from limbfix.skeletons import Hand, LimbKind, LimbState, Person, Scene
from limbfix.sources import GenerationSource
from limbfix.verdicts import Outcome, Verdict, people_passed_over

_UNCOUNTED = "digits not counted: "
SCHEMA_VERSION = 2
Record = dict[str, Any]


@cache
def record_schema() -> dict[str, Any]:
    """Returns the JSON Schema (draft 2020-12) of a record."""
    return json.loads(resources.files("limbfix").joinpath("record.schema.json").read_text(encoding="utf-8"))


def make_record(
    picture: Picture,
    scene: Scene,
    verdict: Verdict,
    *,
    policy: str,
    min_hand_px: float,
    models: dict[str, str],
    seconds: float,
    with_masks: bool = False,
) -> Record:
    """Returns the record of a judged picture.

    Args:
        picture: what was judged.
        scene: what was seen; boxes in px of the upright original.
        verdict: what the policy made of it.
        policy: label of the policy, `name@hash`.
        min_hand_px: hands whose longer side is smaller are `too_small`.
        models: SHA-256 of each model file by name.
        seconds: wall time spent.
        with_masks: also write the masks of hands, digits, segments, nails and limbs, as COCO run-length codes.
    """
    masks_wh = (scene.width, scene.height) if with_masks else None
    findings = [*verdict.counted, *(finding for finding, _ in verdict.accepted)]
    record = _frame(picture.path, picture.sha256, policy, models, seconds)
    record |= {
        "width": picture.width,
        "height": picture.height,
        "verdict": verdict.outcome.value,
        "defect_score": _number(verdict.defect_score),
        "reason": verdict.reason,
        "people": [_person(person, scene, findings, masks_wh) for person in scene.people],
        "hands": [_hand(hand, scene, findings, min_hand_px, with_masks) for hand in scene.hands],
        "findings": [
            _finding(finding, scene, name)
            for finding, name in (*((one, "counted") for one in verdict.counted), *verdict.accepted)
            if finding.defect_score >= verdict.list_from
        ],
        "source": _source(picture.source),
        "exceptions": list(verdict.exceptions),
        "notes": [*picture.notes, *_uncounted_note(scene, verdict), *_people_note(scene)],
        **loose_limbs_record(scene.bodies, masks_wh),
    }
    return record


def make_error_record(
    path: str, sha256: str | None, *, code: str, message: str, policy: str, models: dict[str, str], seconds: float
) -> Record:
    """Returns the record of a picture that could not be judged: `unjudged` with the reason, never a pass."""
    record = _frame(path, sha256, policy, models, seconds)
    record |= {"verdict": Outcome.UNJUDGED.value, "reason": message, "error": {"code": code, "message": message}}
    return record


def standing(record: Mapping[str, Any]) -> tuple[str, float | None]:
    """Returns (verdict, defect score) of what a user is left with: of the repaired picture where a repair was kept, else its own."""
    repair = record.get("repair")
    if repair and repair["accepted"] and repair["output"] is not None:
        return repair["after"]["verdict"], repair["after"]["defect_score"]
    return record["verdict"], record.get("defect_score")


def told_notes(record: Mapping[str, Any]) -> list[str]:
    """Returns what one must know beside the verdict: that only a frame was judged, or that not everything looked. Uncounted digits are left out: most pictures have them."""
    return [note for note in record.get("notes") or () if not note.startswith(_UNCOUNTED)]


def shown_score(score: float) -> str:
    """Returns a score for reading, such as `0.49`: two decimals, cut and not rounded, so that 0.4994 is not told as the 0.50 that flags."""
    return f"{math.floor(100 * score + 1e-9) / 100:.2f}"


def _frame(path: str, sha256: str | None, policy: str, models: dict[str, str], seconds: float) -> Record:
    """Returns a record with every key in its fixed order and nothing known but who, what and how long."""
    return {
        "schema_version": SCHEMA_VERSION,
        "path": path,
        "sha256": sha256,
        "width": None,
        "height": None,
        "verdict": Outcome.UNJUDGED.value,
        "defect_score": None,
        "reason": "",
        "people": [],
        "hands": [],
        "findings": [],
        "source": None,
        "exceptions": [],
        "notes": [],
        "error": None,
        "policy": policy,
        "models": dict(sorted(models.items())),
        "seconds": round(seconds, 4),
    }


def _number(value: float | None, digits: int = 4) -> float | None:
    return None if value is None or not math.isfinite(value) else round(float(value), digits)


def _xyxy(box: Box, scene: Scene) -> list[float]:
    return [round(float(value), 1) for value in box.clipped(scene.width, scene.height).xyxy]


def _worst(findings: list[Finding], *, person_index: int | None = None, hand_index: int | None = None) -> float | None:
    scores = [
        finding.defect_score
        for finding in findings
        if (hand_index is not None and finding.hand_index == hand_index)
        or (person_index is not None and finding.person_index == person_index)
    ]
    return _number(max(scores)) if scores else None


def _person(person: Person, scene: Scene, findings: list[Finding], masks_wh: tuple[int, int] | None) -> Record:
    return {
        "person_index": person.person_index,
        "box_xyxy": _xyxy(person.box, scene),
        "score": _number(person.score),
        "defect_score": _worst(findings, person_index=person.person_index),
        "limbs": {
            "arms": _limb_count(person, LimbKind.ARM),
            "legs": _limb_count(person, LimbKind.LEG),
            "hands": _seen_of(len(scene.hands_of(person.person_index)), expected=2),
            "feet": _seen_of(person.feet, expected=2),
            **limbs_record(scene.graph_of(person.person_index), masks_wh),
        },
    }


def _limb_count(person: Person, kind: LimbKind) -> dict[str, int]:
    return _seen_of(sum(limb.kind is kind and limb.state is not LimbState.HIDDEN for limb in person.limbs), expected=2)


def _seen_of(seen: int, *, expected: int) -> dict[str, int]:
    return {"seen": seen, "hidden": max(0, expected - seen), "expected": expected}


def _hand(hand: Hand, scene: Scene, findings: list[Finding], min_hand_px: float, with_masks: bool) -> Record:
    reading = hand.part.reading
    masks_wh = (scene.width, scene.height) if with_masks else None
    return {
        "hand_index": hand.hand_index,
        "person_index": hand.person_index,
        "side": hand.part.side.value,
        "box_xyxy": _xyxy(hand.part.box, scene),
        "score": _number(hand.part.detection_score),
        "defect_score": _worst(findings, hand_index=hand.hand_index),
        "defect_probability": None if reading is None else _number(reading.probability),
        # A 21-joint hand names five digits whatever it sees, so without a reading there is no count.
        "digits": digits_record(reading, is_too_small=hand.part.box.size < min_hand_px, masks_wh=masks_wh),
        **mask_record(None if reading is None else reading.mask, masks_wh),
    }


def _uncounted_note(scene: Scene, verdict: Verdict) -> list[str]:
    """Returns one note that lists the hands whose digits were not counted; none where nobody who counts has looked."""
    if not verdict.uncounted or all(hand.part.reading is None for hand in scene.hands):
        return []
    return [_UNCOUNTED + ", ".join(f"hands[{index}] {why.value}" for index, why in verdict.uncounted)]


def _people_note(scene: Scene) -> list[str]:
    """Returns one note that lists the people whose limbs nobody judged as a whole; none where there is none."""
    told = ", ".join(f"people[{index}] {why}" for index, why in people_passed_over(scene))
    return [f"limbs not judged as a whole: {told}"] if told else []


def _finding(finding: Finding, scene: Scene, status: str) -> Record:
    return {
        "code": finding.code.value,
        "severity": "info" if status != "counted" else finding.severity.name.lower(),
        "defect_score": _number(finding.defect_score),
        "measured": _number(finding.measured),
        "expected": _number(finding.expected),
        "unit": finding.unit,
        "box_xyxy": _xyxy(finding.box, scene),
        "person_index": finding.person_index,
        "hand_index": finding.hand_index,
        "message": finding.message,
        "exception": None if status == "counted" else status,
    }


def _source(source: GenerationSource | None) -> dict[str, str | None] | None:
    if source is None:
        return None
    return {"generator": source.generator, "prompt": source.prompt, "seed": source.seed}
