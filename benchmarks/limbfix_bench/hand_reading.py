"""What do readings of made hands say beside the truth? Counts, defects by code, and pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from limbfix.policies import Policy
from limbfix.synthesis.samples import Instance
from limbfix_bench.estimates import auroc, share
from limbfix_bench.result_rows import Measured

CODES = {"extra_digit": "hand.extra_digit", "missing_digit": "hand.missing_digit", "fused_digits": "hand.fused_digits"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadHand:
    """One made hand and what was read.

    Attributes:
        stream, group, order, operator: of its picture.
        faults: codes that are true of it and seen.
        present: digits, in truth; tips: those whose tip can be seen.
        read: digits that the parser believes in, sure or not; claimed: the count it tells, or None.
        score: the worst of its defect scores, 0-1; logits: the models' numbers by code, which do not saturate.
    """

    stream: str
    group: str
    order: int
    operator: str
    faults: frozenset[str]
    present: int
    tips: int
    read: int
    claimed: int | None
    score: float
    logits: dict[str, float]


def read_shards(folders: Sequence[Path]) -> list[ReadHand]:
    """Reads the hand that each picture is about, at its labelled box."""
    from limbfix.hand_scores import shipped_models
    from limbfix.synthesis.shards import read_shard
    from limbfix.training.hand_score_eyes import GateEyes
    from limbfix.training.hand_score_rows import made_parts

    models = shipped_models()
    eyes = GateEyes(opinion=False)
    found = []
    for shard in sorted(path for folder in folders for path in folder.rglob("*.tar")):
        for sample, hand, part, faults in made_parts(read_shard(shard), eyes, seed=17):
            reading = part.reading
            logits = {} if models is None else {n: m.logit(reading.features) for n, m in models["alone"].items()}
            found.append(
                ReadHand(
                    stream=sample.stream,
                    group=sample.group,
                    order=sample.order,
                    operator=sample.operator,
                    faults=faults,
                    present=sample.digits_present(hand.id),
                    tips=sum(_shows_tip(digit) for digit in sample.hand_digits(hand.id)),
                    read=int(reading.features["lines"]),
                    claimed=reading.count,
                    score=max(reading.scores.values(), default=0.0),
                    logits=logits,
                )
            )
    eyes.close()
    return found


def _shows_tip(digit: Instance) -> bool:
    return digit.present and any(joint.name == "tip" and joint.visible for joint in digit.joints)


def measure(hands: Sequence[ReadHand]) -> list[Measured]:
    """Returns the rows of every stream."""
    rows = []
    for stream in sorted({hand.stream for hand in hands}):
        chosen = [hand for hand in hands if hand.stream == stream]
        source = f"made/{stream}"
        rows += _counts(chosen, source) if stream == "hands" else []
        rows += [_code(chosen, source, name, code) for name, code in CODES.items()]
        rows += _flagged(chosen, source)
        rows.append(_any(chosen, source))
        rows += [_pairs(chosen, source), _pairs_by_score(chosen, source)]
    return [row for row in rows if row.estimate.value is not None]


def _counts(hands: Sequence[ReadHand], source: str) -> list[Measured]:
    whole = [hand for hand in hands if hand.present == hand.tips > 0 and "hand.fused_digits" not in hand.faults]
    claimed = [hand for hand in whole if hand.claimed is not None]
    gaps = np.array([hand.read - hand.tips for hand in whole])
    detail = f"mean error {gaps.mean():+.2f}; within one {np.mean(np.abs(gaps) <= 1):.2f}" if len(gaps) else ""
    return [
        Measured(
            measure="count_exact_all_visible",
            source=source,
            estimate=share(int((gaps == 0).sum()), len(gaps)),
            detail=detail,
        ),
        Measured(measure="count_claimed", source=source, estimate=share(len(claimed), len(whole))),
        Measured(
            measure="count_exact_where_claimed",
            source=source,
            estimate=share(sum(hand.claimed == hand.tips for hand in claimed), len(claimed)),
        ),
    ]


def _code(hands: Sequence[ReadHand], source: str, name: str, code: str) -> Measured:
    """By the code's own model, or where it has none by what is judged of the hand as a whole."""
    told = [(hand, hand.logits.get(code, hand.logits["any"])) for hand in hands]
    wrong = [logit for hand, logit in told if code in hand.faults]
    right = [logit for hand, logit in told if not hand.faults]
    return Measured(measure=f"auroc_{name}", source=source, estimate=auroc(wrong, right))


def _flagged(hands: Sequence[ReadHand], source: str) -> list[Measured]:
    """How many hands with a fault of each code, and how many without any, score so high that the default policy flags, or rejects."""
    groups = {name: [hand.score for hand in hands if code in hand.faults] for name, code in CODES.items()}
    groups |= {"normal": [hand.score for hand in hands if not hand.faults]}
    policy = Policy()
    bars = {"flagged": policy.flag_at, "rejected": policy.reject_at}
    return [
        Measured(measure=f"{what}_{name}", source=source, estimate=share(sum(s >= bar for s in scores), len(scores)))
        for name, scores in groups.items()
        for what, bar in bars.items()
        if scores
    ]


def _any(hands: Sequence[ReadHand], source: str) -> Measured:
    wrong = [hand.logits["any"] for hand in hands if hand.faults]
    right = [hand.logits["any"] for hand in hands if not hand.faults]
    return Measured(measure="auroc_any_defect", source=source, estimate=auroc(wrong, right))


def _pairs_by_score(hands: Sequence[ReadHand], source: str) -> Measured:
    """A defect must have the higher defect score, as a user sees it; equal scores are wrong."""
    better = {hand.group: hand.score for hand in hands if not hand.faults}
    pairs = [hand.score > better[hand.group] for hand in hands if hand.faults and hand.group in better]
    return Measured(measure="pairs_ranked_by_score", source=source, estimate=share(sum(pairs), len(pairs)))


def _pairs(hands: Sequence[ReadHand], source: str) -> Measured:
    """A defect must be told from its twin, by the model of its own code where there is one, else by `any`."""
    better = {hand.group: hand for hand in hands if not hand.faults}
    right, all_ = 0, 0
    for hand in hands:
        twin = better.get(hand.group)
        if hand.faults and twin is not None:
            codes = [code for code in hand.faults if code in hand.logits] or ["any"]
            all_ += 1
            right += any(hand.logits[code] > twin.logits[code] for code in codes[:1])
    return Measured(measure="pairs_ranked", source=source, estimate=share(right, all_))
