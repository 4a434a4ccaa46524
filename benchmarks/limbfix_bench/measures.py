"""What do the records say? Pure functions from records and labels to results; nothing here runs a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from limbfix_bench.data_folders import AI, HandLabel, PictureLabel, sources_of
from limbfix_bench.estimates import auroc, rate, ratio, share
from limbfix_bench.hand_matching import JUDGEABLE_PX, LabelledHand, labelled_hands, match
from limbfix_bench.result_rows import Measured

Records = Mapping[str, Mapping[str, Any]]
VERDICTS = ("pass", "flag", "reject", "no_subject", "unjudged")
FEWEST = 3
"""An AUROC of fewer than this many pictures on either side is left out: it says nothing."""

Side = Callable[[PictureLabel], bool | None]
QUESTIONS: dict[str, Side] = {
    "auroc_any": lambda label: label.defective,
    "auroc_hand": lambda label: True if label.has_hand_defect else False if label.defective is False else None,
    "auroc_limb": lambda label: True if label.has_limb_defect else False if label.defective is False else None,
    "auroc_limb_among_all": lambda label: None if label.defective is None else label.has_limb_defect,
}
"""True = positive, False = negative, None = left out. Unsure pictures are always left out. `hand` and `limb` stand
against pictures without any defect; `limb_among_all` against all others, those with wrong fingers included."""


def score_of(thing: Mapping[str, Any], key: str = "defect_score") -> float:
    """Returns the defect score (or what else stands at `key`) of a record or a hand; null counts as 0, as for a user who acts on scores."""
    return 0.0 if thing[key] is None else float(thing[key])


def measure_folder(records: Records, folder: str, schema: Mapping[str, Any], *, expects_hand: bool) -> list[Measured]:
    """Returns what every folder is asked: valid records, verdicts, and for pictures of hands whether one was found."""
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(schema)
    n = len(records)
    valid = sum(validator.is_valid(record) for record in records.values())
    rows = [Measured(measure="records_valid", source=folder, estimate=share(valid, n))]
    for verdict in VERDICTS:
        judged = [record for record in records.values() if record["verdict"] == verdict]
        detail = f"{len(judged)} pictures{_causes(judged)}"
        estimate = share(len(judged), n)
        rows.append(Measured(measure=f"verdict_{verdict}", source=folder, estimate=estimate, detail=detail))
    if expects_hand:
        found = sum(bool(record["hands"]) for record in records.values())
        rows.append(Measured(measure="hand_found", source=folder, estimate=share(found, n)))
    return rows


def _causes(records: Sequence[Mapping[str, Any]]) -> str:
    """Counts what flagged or rejected pictures: the worst finding that counts, or what could not be read."""
    causes: Counter[str] = Counter()
    for record in records:
        counted = [finding for finding in record["findings"] if finding["exception"] is None]
        if record["verdict"] in ("flag", "reject") and counted:
            causes[max(counted, key=lambda finding: finding["defect_score"])["code"]] += 1
        elif record["error"] is not None:
            causes[record["error"]["code"]] += 1
    return ": " + ", ".join(f"{code} {count}" for code, count in causes.most_common()) if causes else ""


def measure_backgrounds(records: Records, folder: str) -> list[Measured]:
    """Returns what was seen where nobody is."""
    hands = sum(len(record["hands"]) for record in records.values())
    people = sum(len(record["people"]) for record in records.values())
    seen = sum(record["verdict"] != "no_subject" for record in records.values())
    n = len(records)
    return [
        Measured(measure="false_hands_per_picture", source=folder, estimate=rate(hands, n), detail=f"{hands} hands"),
        Measured(
            measure="false_people_per_picture", source=folder, estimate=rate(people, n), detail=f"{people} people"
        ),
        Measured(measure="not_no_subject", source=folder, estimate=share(seen, n), detail=f"{seen} pictures"),
    ]


def measure_pictures(records: Records, labels: Mapping[str, PictureLabel]) -> list[Measured]:
    """Returns the AUROC of the picture's score for each question, over all AI pictures and by source."""
    rows = []
    for measure, side in QUESTIONS.items():
        groups: dict[str, tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]] = {}
        for path, record in records.items():
            answer = side(labels[path]) if path in labels else None
            if answer is not None:
                for source in sources_of(path):
                    groups.setdefault(source, ([], []))[0 if answer else 1].append(record)
        for source, (positives, negatives) in sorted(groups.items()):
            if source == AI or min(len(positives), len(negatives)) >= FEWEST:
                rows.append(_auroc_row(measure, source, positives, negatives))
    return rows


def measure_baseline(records: Records, labels: Mapping[str, PictureLabel]) -> list[Measured]:
    """Returns the AUROC of the number of hands that a person sees, for each question: what a score that knows no anatomy would reach."""
    rows = []
    for measure, side in QUESTIONS.items():
        answers = [(labels[path].hands_visible, side(labels[path])) for path in records if path in labels]
        wrong, right = ([hands for hands, answer in answers if answer is whether] for whether in (True, False))
        rows.append(
            Measured(
                measure=f"{measure}_by_hands_visible",
                source=AI,
                estimate=auroc(wrong, right),
                detail=f"{len(wrong)} defective, {len(right)} not",
            )
        )
    return rows


def measure_hands_visible(records: Records, labels: Mapping[str, PictureLabel]) -> list[Measured]:
    """Returns how many of the hands that a person sees were found, counted per picture."""
    judged = [(labels[path], record) for path, record in records.items() if path in labels]
    visible = [label.hands_visible for label, _ in judged]
    found = [min(len(record["hands"]), label.hands_visible) for label, record in judged]
    detail = f"{sum(found)} of {sum(visible)} hands in {len(judged)} pictures"
    return [Measured(measure="hands_found_of_visible", source=AI, estimate=ratio(found, visible), detail=detail)]


def measure_hands(
    records: Records, hands: Mapping[str, Sequence[HandLabel]], labels: Mapping[str, PictureLabel]
) -> list[Measured]:
    """Returns hand by hand: found or not by status, AUROC of the hand's score, and precision of the boxes."""
    rows = []
    for source in (AI, f"{AI}/hastings"):
        everyone = [hand for hand in labelled_hands(hands, records) if hand.path.startswith(f"{source}/")]
        rows += _recall_rows(source, everyone)
        large = [hand for hand in everyone if hand.label.size_px >= JUDGEABLE_PX and hand.found is not None]
        sides = [[hand.found for hand in large if hand.label.status == status] for status in ("defective", "ok")]
        rows.append(_auroc_row("auroc_hand_by_hand", source, *sides))
        rows.append(_auroc_row("auroc_hand_by_hand_chance", source, *sides, key="defect_probability"))
        rows.append(_precision_row(source, records, hands, labels))
        rows += _told_rows(source, large)
    return rows


def _told_rows(source: str, large: Sequence[LabelledHand]) -> list[Measured]:
    """Counts hands whose digits are told, and those of them that show so many to a person."""
    known = [(hand.found["digits"]["count"], hand.label.digits_visible) for hand in large if hand.found is not None]
    known = [(told, visible) for told, visible in known if visible is not None]
    told = [(count, visible) for count, visible in known if count is not None]
    right = sum(count == visible for count, visible in told)
    return [
        Measured(measure="digits_told", source=source, estimate=share(len(told), len(known))),
        Measured(measure="digits_told_exact", source=source, estimate=share(right, len(told))),
    ]


def _auroc_row(
    measure: str,
    source: str,
    positives: Sequence[Mapping[str, Any]],
    negatives: Sequence[Mapping[str, Any]],
    key: str = "defect_score",
) -> Measured:
    both = [*positives, *negatives]
    nulls = sum(thing[key] is None for thing in both)
    absent = f"{nulls / len(both):.0%} without a score, taken as 0" if both else "none"
    return Measured(
        measure=measure,
        source=source,
        estimate=auroc(*([score_of(thing, key) for thing in side] for side in (positives, negatives))),
        detail=f"{len(positives)} defective, {len(negatives)} not; {absent}",
    )


def _recall_rows(source: str, everyone: Sequence[LabelledHand]) -> list[Measured]:
    large = [hand for hand in everyone if hand.label.size_px >= JUDGEABLE_PX]
    groups = {"boxes_found": everyone, "boxes_found_from_32_px": large}
    groups |= {
        f"boxes_found_{status}": [hand for hand in large if hand.label.status == status]
        for status in ("defective", "ok", "unsure")
    }
    return [
        Measured(measure=name, source=source, estimate=share(sum(hand.found is not None for hand in group), len(group)))
        for name, group in groups.items()
    ]


def _precision_row(
    source: str, records: Records, hands: Mapping[str, Sequence[HandLabel]], labels: Mapping[str, PictureLabel]
) -> Measured:
    """Counts only pictures whose hands are labelled, or that have none to see."""
    right = total = 0
    for path, record in records.items():
        none_visible = path in labels and labels[path].hands_visible == 0
        if path.startswith(f"{source}/") and (path in hands or none_visible):
            right += sum(hand is not None for hand in match(hands.get(path, ()), record))
            total += len(record["hands"])
    return Measured(measure="box_precision", source=source, estimate=share(right, total), detail=f"{right} of {total}")
