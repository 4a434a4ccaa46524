"""How are the hand scores fitted? Logistic models on made hands, isotonic chances, thresholds read off real hands.

    python -m limbfix.training.hand_scores --made SHARDS [...] --real PHOTOGRAPHS [...] --out DIR

The made hands must be ones that no network was trained on; so should the photographs, or at least their people. Writes
`hand_scores.json` (ship it with `limbfix.training.shipping`) and `reliability.png`, and says what the fit says.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from limbfix.hand_scores import ANY
from limbfix.synthesis.shards import read_shard
from limbfix.training.hand_score_eyes import GateEyes
from limbfix.training.hand_score_rows import HandRow, made_rows, real_rows
from limbfix.training.photograph_halves import fits_lines
from limbfix.training.reliability import draw_reliability
from limbfix.training.score_thresholds import FLAGGED, REJECTED, any_threshold, code_thresholds, knots_of

Opinion = tuple[float, Mapping[str, float]]
"""Votes, and features with their factors."""

LOOKS: tuple[Opinion, ...] = (2.0, {"appearance": 1.0}), (1.0, {"wrong": 1.0})
"""The two opinions of our own network on whether anything is wrong: the appearance score, and its judgement head. The appearance has two
votes: it alone was as good as the committee of equals on the hands of `ai_images` (AUROC 0.784; judgement 0.743, MediaPipe's doubt 0.69)."""

DOUBT: Opinion = (1.0, {"spread": 1.0, "side_doubt": 2.0, "unseen": 1.0})
"""MediaPipe's: as `limbfix.checks.hand_agreement` adds them up."""

SIZE_SHARE = 0.25
"""Of what size alone explains in real hands, taken off. It moves with the file: the same hand scaled by 0.75 or 1.5 looks as melted as before, so what is
taken off is a shift. With 0.5 the verdicts of a picture in five other forms were the same in 0.935 of the cases, with 0.25 in 0.95 (DESIGN.md, 2026-11-30)."""

_LEAST_SIZES = 0.3
"""Spread of real hands' sizes, in doublings, from which the effect of size can be told."""

WEIGHED: Mapping[str, Mapping[str, float]] = {"hand.extra_digit": {"lines_more": 1.0, "weakest": -2.0}}
"""What speaks for a code, weighed by hand: the odds that there are more lines than usual, less the doubt about the weakest of them. Fitted on photographs that were
given a sixth finger, that doubt weighs 5: their lines are all sure. Lines of hands on AI pictures are not (the median of the weakest has a chance of 0.37, of
real hands 0.61), and at 5 none of their six-fingered hands would be flagged (2026-11-29)."""

FEATURES = {
    "hand.missing_digit": ("missing_digit", "fewer", "lines_fewer"),
    "hand.fused_digits": ("fused_digits", "wrong"),
}
"""What the fitted models of the other codes may look at. Size and sharpness are left out: they tell made pictures from photographs, not wrong from right."""

STRENGTH = 0.3
"""Inverse regularisation of the logistic models (scikit-learn's C) on standardised features."""

_SCALES = (1.0, 0.55, 0.3)
"""Sizes in which real photographs are looked at."""

_FOLDS = 5
_FEWEST = 20
"""Wrong hands of a code below which it gets no model."""

LEAST_AUROC = 0.85
"""On hands left out of the fit; a code that is told apart less well gets no model: it would only take its share of the false alarms (DESIGN.md, 2026-11-29)."""


def committee(real: Sequence[HandRow], opinions: Sequence[Opinion]) -> dict[str, Any]:
    """Joins opinions: each in standard deviations of real hands, their sum, weighted by votes, is the model's number.

    Votes are not fitted. Fitted on made hands, MediaPipe's doubt got none, although on AI pictures it is worth something; and AI pictures
    may not be fitted on.
    """
    names = [name for _, opinion in opinions for name in opinion]
    x = np.array([[row.features[name] for name in names] for row in real])
    mean, scale = x.mean(0), np.maximum(x.std(0), 1e-3)
    weights = []
    for votes, opinion in opinions:
        own = [names.index(name) for name in opinion]
        spread = float((x[:, own] @ np.array(list(opinion.values()))).std()) + 1e-6
        weights += [votes * factor * scale[k] / spread for k, factor in zip(own, opinion.values(), strict=True)]
    size = np.array([row.features["size"] for row in real])
    votes_of_all = ((x - mean) / scale) @ np.array(weights)
    slope = float(np.cov(size, votes_of_all)[0, 1] / max(size.var(), 1e-3)) if size.std() > _LEAST_SIZES else 0.0
    arrays = {
        "mean": np.append(mean, size.mean()),
        "scale": np.append(scale, 1.0),
        "weights": np.append(weights, -SIZE_SHARE * slope),
    }
    return {"features": [*names, "size"], "bias": 0.0} | {name: a.round(5).tolist() for name, a in arrays.items()}


def chances(numbers: np.ndarray, truth: np.ndarray) -> list[list[float]]:
    """Returns (number, chance) knots: isotonic steps, joined at their middles (A. P. Oron and N. Flournoy, "Centered isotonic regression", 2017).

    Steps themselves would give hands that look differently wrong the same chance: on made hands left out of the fit the middles are as
    well calibrated (log loss 0.575 and 0.574, 2026-12-01), and ties cost AUROC.
    """
    from sklearn.isotonic import IsotonicRegression

    steps = IsotonicRegression(y_min=0.01, y_max=0.99).fit(numbers, truth).predict(numbers)
    middles = [(float(numbers[steps == step].mean()), float(step)) for step in np.unique(steps)]
    return [[round(at, 4), round(chance, 4)] for at, chance in middles]


def fit(rows: Sequence[HandRow], real: Sequence[HandRow], features: Sequence[str], code: str) -> dict[str, Any]:
    """Fits the model of one code.

    Args:
        rows: made hands, wrong and right ones.
        real: hands of real people; half of them join the right ones, all of them are what thresholds are read off later.
        features: names.
        code: that makes a hand wrong here.

    Returns:
        A row of `hand_scores.json` without its knots, with `auroc` on hands left out, fold by fold.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

    chosen, x, y = _asked(rows, real, features, code)
    mean, scale = x.mean(0), np.maximum(x.std(0), 1e-3)
    z = np.clip((x - mean) / scale, -4, 4)
    model = LogisticRegression(C=STRENGTH, max_iter=1000)
    groups = [row.group for row in chosen]
    folds = StratifiedGroupKFold(_FOLDS)
    aside = np.asarray(cross_val_predict(model, z, y, groups=groups, cv=folds, method="decision_function"))
    model.fit(z, y)
    return {
        "features": list(features),
        "mean": mean.round(5).tolist(),
        "scale": scale.round(5).tolist(),
        "weights": model.coef_[0].round(5).tolist(),
        "bias": round(float(np.asarray(model.intercept_)[0]), 5),
        "chances": chances(aside, y),
        "auroc": round(float(roc_auc_score(y, aside)), 4),
    }


def weighed(
    rows: Sequence[HandRow], real: Sequence[HandRow], opinion: Mapping[str, float], code: str
) -> dict[str, Any]:
    """Makes the model of a code whose features are weighed by hand; arguments and result as for `fit`."""
    from sklearn.metrics import roc_auc_score

    chosen, x, truth = _asked(rows, real, list(opinion), code)
    scale = np.maximum(x.std(0), 1e-3)
    row: dict[str, Any] = {
        "features": list(opinion),
        "mean": x.mean(0).round(5).tolist(),
        "scale": scale.round(5).tolist(),
        "weights": (np.array(list(opinion.values())) * scale).round(5).tolist(),
        "bias": 0.0,
    }
    found = logits(row, chosen)
    return row | {"chances": chances(found, truth), "auroc": round(float(roc_auc_score(truth, found)), 4)}


def _asked(
    rows: Sequence[HandRow], real: Sequence[HandRow], features: Sequence[str], code: str
) -> tuple[list[HandRow], np.ndarray, np.ndarray]:
    """Returns the hands that a model of a code is made on, their features (n, k), and whether each has the fault (n,)."""
    chosen = [*rows, *real[::2]]
    x = np.array([[row.features[name] for name in features] for row in chosen])
    return chosen, x, np.array([code in row.faults for row in chosen])


def logits(row: dict[str, Any], hands: Sequence[HandRow]) -> np.ndarray:
    """Returns a fitted model's number of each hand, as `HandModel.logit` does."""
    x = np.array([[hand.features[name] for name in row["features"]] for hand in hands])
    z = np.clip((x - np.array(row["mean"])) / np.array(row["scale"]), -4, 4)
    return row["bias"] + z @ np.array(row["weights"])


def _codes(made: Sequence[HandRow], real: Sequence[HandRow]) -> dict[str, dict[str, Any]]:
    """Returns the models of the codes that are told apart well enough on enough hands."""
    asked = [code for code in (*WEIGHED, *FEATURES) if sum(code in row.faults for row in made) >= _FEWEST]
    rows = {
        code: weighed(made, real, WEIGHED[code], code) if code in WEIGHED else fit(made, real, FEATURES[code], code)
        for code in asked
    }
    return {code: row for code, row in rows.items() if row["auroc"] >= LEAST_AUROC}


def fit_all(made: Sequence[HandRow], real: Sequence[HandRow], *, counts: bool) -> dict[str, dict[str, Any]]:
    """Returns all models, `alone` and `with_opinion`, with chances and knots; those of codes only if the parser's counts may be told."""
    # what is said of a code hears no second opinion, so all hands tell its threshold, also those that have none
    codes = _codes(made, real) if counts else {}
    apart = [row for row in real if not fits_lines(row.group)] or list(real)  # lines of the others were fitted
    told = {code: logits(row, apart) for code, row in codes.items()}
    shares = (FLAGGED, REJECTED)
    bars = [code_thresholds(told, [row.source for row in apart], share) for share in shares]
    codes = {
        code: row | {"knots": knots_of(told[code], *(bar[code] for bar in bars), steep=True)}
        for code, row in codes.items()
    }
    models: dict[str, dict[str, Any]] = {}
    for kind in ("alone", "with_opinion"):
        have = [[row for row in rows if kind == "alone" or "unseen" in row.features] for rows in (made, real)]
        if not all(have):
            continue
        whole = committee(have[1], (*LOOKS, DOUBT) if kind == "with_opinion" else LOOKS)
        both = [*have[0], *have[1][::2]]
        whole["chances"] = chances(logits(whole, both), np.array([bool(row.faults) for row in both]))
        numbers = {code: logits(row, have[1]) for code, row in {ANY: whole, **codes}.items()}
        sources = [row.source for row in have[1]]
        flag, reject = (any_threshold(numbers, sources, share, own) for share, own in zip(shares, bars, strict=True))
        models[kind] = {ANY: whole | {"knots": knots_of(numbers[ANY], flag, reject)}, **codes}
    return models


def summary(models: dict[str, dict[str, Any]], made: Sequence[HandRow], real: Sequence[HandRow]) -> dict[str, Any]:
    """Returns AUROC on made hands (fitted on them: optimistic) by model, and the share of pairs ranked right."""
    from sklearn.metrics import roc_auc_score

    found: dict[str, Any] = {}
    for kind, rows in models.items():
        chosen = [row for row in made if kind == "alone" or "unseen" in row.features]
        for code, row in rows.items():
            truth = [bool(hand.faults) if code == ANY else code in hand.faults for hand in chosen]
            if 0 < np.mean(truth) < 1:
                found[f"{kind} {code} auroc"] = round(float(roc_auc_score(truth, logits(row, chosen))), 4)
        found[f"{kind} pairs"] = _pairs_ranked(logits(rows[ANY], chosen), chosen)
    return found | {"made": len(made), "real": len(real)}


def _pairs_ranked(numbers: np.ndarray, rows: Sequence[HandRow]) -> float:
    right, all_ = 0.0, 0
    best = {row.group: number for row, number in zip(rows, numbers, strict=True) if row.order == 0}
    for row, number in zip(rows, numbers, strict=True):
        if row.faults and row.group in best:
            all_ += 1
            right += number > best[row.group]
    return round(right / max(all_, 1), 4)


def _made(folders: Sequence[Path], eyes: GateEyes, seed: int, most: int) -> Iterator[HandRow]:
    for shard in sorted(path for folder in folders for path in folder.rglob("*.tar"))[:most]:
        yield from made_rows(read_shard(shard), eyes, seed)
        print(shard, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads, fits and writes; returns the exit code."""
    options = _parser().parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    files = {"parser": options.parser, "finder": options.finder, "bodies": options.bodies}
    with closing(GateEyes(**files, opinion=not options.no_opinion)) as eyes:
        made = list(_made(options.made, eyes, options.seed, options.shards))
        real = [row for folder in options.real for row in real_rows(folder, eyes, options.photographs, _SCALES)]
        counts = eyes.counts
    models = fit_all(made, real, counts=counts)
    facts = summary(models, made, real)
    (options.out / "hand_scores.json").write_text(
        json.dumps({"version": 1, "facts": facts, "models": models}, indent=1) + "\n", encoding="utf-8"
    )
    best = models.get("with_opinion", models["alone"])[ANY]
    x, y = zip(*best["chances"], strict=True)
    chosen = [row for row in made if set(best["features"]) <= set(row.features)]
    draw_reliability(
        options.out / "reliability.png",
        np.interp(logits(best, chosen), x, y),
        np.array([bool(r.faults) for r in chosen]),
    )
    print(json.dumps(facts, indent=1))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m limbfix.training.hand_scores", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--made", type=Path, nargs="+", required=True, help="shards that no network was trained on")
    parser.add_argument("--real", type=Path, nargs="+", required=True, help="folders of photographs of normal hands")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--parser", type=Path, help="weights of the digit parser; the shipped ones without it")
    parser.add_argument("--finder", type=Path, help="weights of the finder; the shipped ones without it")
    parser.add_argument("--bodies", type=Path, help="weights of the body parser; the shipped ones, if any, without it")
    parser.add_argument("--no-opinion", action="store_true", help="leave MediaPipe out")
    parser.add_argument("--photographs", type=int, default=150, help="of each folder at most")
    parser.add_argument("--shards", type=int, default=100, help="at most")
    parser.add_argument("--seed", type=int, default=11)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
