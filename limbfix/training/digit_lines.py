"""How is the model of lines fitted? Lines that the parser assembles on made hands, beside the digits that are really there, and on photographs.

    python -m limbfix.training.digit_lines --shards DIR [...] --photographs DIR [...] --out DIR [--parser FILE]

The shards must be ones that the parser was not trained on: on its own training hands its lines are surer than they will ever be again. So must
the photographs (`photograph_lines`), of which a half is used; the other half is for the bars of what the lines say.
Writes `digit_lines.json` (ship it with `limbfix.training.shipping`) and says, with hands left out of the fit, how the counts are.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from limbfix.detectors.hand_reader import HandReader
from limbfix.digit_assembly import DigitLine, assemble_digits
from limbfix.digit_beliefs import FILE, LINE_FEATURES, LineModel, belief, line_features, model_from
from limbfix.digits import EXPECTED_DIGITS
from limbfix.nets.hand_maps import JOINTS, STRIDE
from limbfix.readings import SURE_COUNT
from limbfix.shipped import DIGIT_PARSER, shipped_file
from limbfix.training.boosted_fits import grown
from limbfix.training.hand_score_eyes import GateEyes
from limbfix.training.parser_examples import load_examples, plain_matrix
from limbfix.training.parser_targets import HandCut, seen_through
from limbfix.training.photograph_lines import LinedHand, photograph_lines

NEAR = 0.075
"""Of the crop's side: a line whose end lies so near a digit's true end is that digit. About half the distance of two fingers."""

GROWTH: Mapping[str, Any] = {"trees": 120, "leaves": 8, "rate": 0.06, "least": 30}
"""See `boosted_fits.grown`. A logistic model of the same numbers tells lines of unseen renders apart with AUROC 0.892 and 0.888 where these have 0.911 and 0.904
(`hands` seeds 3301 and 5201), and its best guess of hands on AI pictures is exact on 0.28 where theirs is on 0.34 (2026-12-01)."""

_FOLDS = 5
_BATCH = 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MadeHand(LinedHand):
    """One made hand and the lines that were assembled on it.

    Attributes:
        tips: digits whose tip can be seen; ends: digits of which more than the knuckle is seen; present: digits that the hand has.
        missed: ends that no line ends at.
    """

    tips: int
    ends: int
    present: int
    missed: int


def matched(lines: Sequence[DigitLine], tips: np.ndarray, side: int) -> np.ndarray:
    """Returns (n,) bool: which lines end at a true tip (m, 2), cells; nearest pairs first, each tip once."""
    truth = np.zeros(len(lines), bool)
    if not len(lines) or not len(tips):
        return truth
    ends = np.array([line.polyline[-1] for line in lines])
    gaps = np.linalg.norm(ends[:, None] - tips[None], axis=2)
    taken: set[int] = set()
    for flat in np.argsort(gaps, axis=None):
        line, tip = divmod(int(flat), len(tips))
        if gaps[line, tip] > NEAR * side:
            break
        if not truth[line] and tip not in taken:
            truth[line] = True
            taken.add(tip)
    return truth


def lined_hands(folders: Sequence[Path], reader: HandReader, seed: int) -> list[MadeHand]:
    """Reads every hand of the shards as a user's picture would show it."""
    size = reader.network.side
    pairs = load_examples(folders, size, seed, lambda text: print(text, flush=True), degrade=False).pairs
    hands = [(group, hand) for group, pair in enumerate(pairs) for hand in pair]
    found = []
    for start in range(0, len(hands), _BATCH):
        cuts = [seen_through(hand, plain_matrix(hand, size), size) for _, hand in hands[start : start + _BATCH]]
        for (group, _), cut, maps in zip(
            hands[start : start + _BATCH], cuts, reader.maps(np.stack([cut.pixels for cut in cuts])), strict=True
        ):
            lines = assemble_digits(maps.heat, maps.fields)
            features = line_features(lines, maps.heat, maps.fields, maps.parts)
            found.append(_lined(group, cut, lines, features, maps.number_chances()[1], size // STRIDE))
    return found


def outer_ends(joints: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """Returns (m, 3): kind, x, y of the outermost joint seen of each digit, where it lies beyond the knuckle; as assembled lines end there.

    A digit whose tip is hidden is a digit: a line along it is no mistake.

    Args:
        joints: (n, 3), and owners: (n,), of a hand; see `HandCut`. Kinds do not tell where a digit ends: of the next one only the tip may be seen.
    """
    own = np.flatnonzero(joints[:, 0] >= JOINTS.index("pip"))
    outermost = {int(owners[row]): row for row in own[np.argsort(joints[own, 0], kind="stable")]}
    return joints[[outermost[digit] for digit in sorted(outermost)]]


def _lined(
    group: int, cut: HandCut, lines: Sequence[DigitLine], features: np.ndarray, head: np.ndarray, side: int
) -> MadeHand:
    ends = outer_ends(cut.joints, cut.owners)
    truth = matched(lines, ends[:, 1:], side)
    tips = ends[ends[:, 0] == JOINTS.index("tip")]
    return MadeHand(
        group=group,
        lines=lines,
        features=features,
        truth=truth,
        tips=len(tips),
        present=int(cut.counts[0]),
        ends=len(ends),
        missed=len(ends) - int(truth.sum()),
        head=head,
        side=side,
    )


def fit(hands: Sequence[MadeHand], photographs: Sequence[LinedHand] = ()) -> dict[str, Any]:
    """Fits the model on the lines of some hands; returns it as the JSON value that `model_from` reads."""
    everyone = [*hands, *photographs]
    x, truth = (np.concatenate([getattr(hand, name) for hand in everyone]) for name in ("features", "truth"))
    known = ~np.isnan(truth)
    usual = np.mean([hand.head for hand in hands], axis=0)
    model = grown(x[known], truth[known] > 0, LINE_FEATURES, **GROWTH)
    return model | {"usual_counts": usual.round(5).tolist()}


def counted(hand: LinedHand, model: LineModel) -> tuple[int, float]:
    """Returns how many digits are counted, and how surely, as `limbfix.readings.believed_lines` does."""
    found = belief(hand.lines, model.chances(hand.features), hand.head, model, hand.side)
    return len(found.chosen), found.surety


def held_out_numbers(hands: Sequence[MadeHand], photographs: Sequence[LinedHand] = ()) -> dict[str, Any]:
    """Returns how lines and counts are on hands that were left out of the fit, fold by fold.

    Counts are looked at on hands that show the tips of all of their digits. `told` is the share that is sure enough for each level of
    surety, `right` how often those are exact.
    """
    from sklearn.metrics import roc_auc_score

    folds = np.array([hand.group % _FOLDS for hand in hands])
    chances, truth, rows, hidden, real = [], [], [], [], []
    for fold in range(_FOLDS):
        others = [one for one in photographs if one.group % _FOLDS != fold]
        model = model_from(fit([hand for hand, own in zip(hands, folds, strict=True) if own != fold], others))
        real += [counted(one, model) for one in photographs if one.group % _FOLDS == fold]
        for hand in (hand for hand, own in zip(hands, folds, strict=True) if own == fold):
            chances.append(model.chances(hand.features))
            truth.append(hand.truth)
            if hand.tips == hand.present > 0:
                rows.append((*counted(hand, model), hand.tips))
            elif hand.present:
                hidden.append((*counted(hand, model), hand.ends))
    number, surety, tips = (np.array(column) for column in zip(*rows, strict=True))
    end_count = sum(hand.ends for hand in hands)
    numbers: dict[str, Any] = {
        "hands": len(hands),
        "whole": len(rows),
        "ends_with_a_line": round(1 - sum(hand.missed for hand in hands) / end_count, 4),
        "line_auroc": round(float(roc_auc_score(np.concatenate(truth), np.concatenate(chances))), 4),
        "exact": round(float((number == tips).mean()), 4),
        "within_one": round(float((np.abs(number - tips) <= 1).mean()), 4),
        # made hands are mostly of five digits: whoever always says five is exact on 0.88 of them, and on none of these
        "exact_by_number": {
            str(n): [int((number == n)[tips == n].sum()), int((tips == n).sum())] for n in np.unique(tips)
        },
    }
    for level in (0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95):
        told = surety >= level
        right = float((number == tips)[told].mean()) if told.any() else float("nan")
        numbers[f"surety {level}"] = {"told": round(float(told.mean()), 4), "right": round(right, 4)}
    number, surety, ends = (np.array(column) for column in zip(*hidden, strict=True)) if hidden else np.zeros((3, 0))
    told = surety >= SURE_COUNT
    right = round(float((number == ends)[told].mean()), 4) if told.any() else None
    numbers["with hidden tips"] = {"hands": len(hidden), "told": int(told.sum()), "right": right}
    return numbers | _real_numbers(real)


def _real_numbers(counts: Sequence[tuple[int, float]]) -> dict[str, Any]:
    """Says of hands of real people, counted and how surely, how many are told; more than five are wrong."""
    if not counts:
        return {}
    number, surety = np.array(counts).T
    told = surety >= SURE_COUNT
    more = number > EXPECTED_DIGITS
    return {
        "photographs": {
            "hands": len(counts),
            "told": round(float(told.mean()), 4),
            "counted more": round(float(more.mean()), 4),
            "told more": int((told & more).sum()),
        }
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads, fits and writes; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m limbfix.training.digit_lines", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--shards", type=Path, nargs="+", required=True, help="that the parser was not trained on")
    parser.add_argument("--photographs", type=Path, nargs="*", default=[], help="folders, likewise; one half is used")
    parser.add_argument("--parser", type=Path, help="weights of the digit parser; the shipped ones without it")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.parser or shipped_file(DIGIT_PARSER)
    reader = HandReader(file, mirrored=True, providers=("CPUExecutionProvider",))
    hands = lined_hands(options.shards, reader, options.seed)
    photographs: list[LinedHand] = []
    if options.photographs:
        with closing(GateEyes(parser=options.parser)) as eyes:
            photographs = list(photograph_lines(options.photographs, eyes, reader, NEAR))
    facts = held_out_numbers(hands, photographs)
    (options.out / FILE).write_text(json.dumps(fit(hands, photographs) | {"facts": facts}) + "\n", encoding="utf-8")
    print(json.dumps(facts, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
