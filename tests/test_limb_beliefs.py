"""Lines of limbs are judged one by one: clear ones stay, faint and doubled ones go, and no number is expected."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from drawn_people import Stage, draw_person

from limbfix import limb_beliefs, shipped
from limbfix.bodies import LimbKind
from limbfix.body_assembly import BodyTraces, assemble_bodies
from limbfix.body_bones import BodyMaps
from limbfix.body_masks import BodyPlace
from limbfix.body_readings import read_bodies
from limbfix.clipped_linear import ClippedLinear
from limbfix.errors import AssetMissing, ModelCorrupt
from limbfix.limb_beliefs import LIMB_FEATURES, limb_features, model_from, shipped_model

COLUMN = {name: index for index, name in enumerate(LIMB_FEATURES)}


def judging_by(feature: str, even: float, weight: float) -> ClippedLinear:
    """A model that looks at one feature alone; chance one half where it is `even`."""
    weights = np.zeros(len(LIMB_FEATURES))
    weights[COLUMN[feature]] = weight
    mean = np.zeros(len(LIMB_FEATURES))
    mean[COLUMN[feature]] = even
    ones = (1.0,) * len(LIMB_FEATURES)
    return ClippedLinear(mean=tuple(mean), scale=ones, weights=tuple(weights), bias=0.0)


def drawn(**options) -> tuple[BodyTraces, BodyMaps]:
    stage = Stage()
    draw_person(stage, **options)
    maps = stage.maps()
    return assemble_bodies(maps), maps


def test_a_row_for_every_limb_all_finite():
    traces, maps = drawn()
    rows = limb_features(traces.people, maps)
    assert rows.shape == (4, len(LIMB_FEATURES))
    assert np.isfinite(rows).all()
    assert (rows[:, COLUMN["heat"]] > 0.7).all()
    assert (rows[:, COLUMN["least_agreement"]] > 0.6).all()
    assert rows[:, COLUMN["is_leg"]].sum() == 2
    assert limb_features((), maps).shape == (0, len(LIMB_FEATURES))


def test_a_limb_on_another_shares_its_place_and_one_beside_it_does_not():
    traces, maps = drawn()
    (person,) = traces.people
    arms = [limb for limb in person.limbs if limb.kind is LimbKind.ARM]
    twice = replace(arms[0], xy=arms[0].xy + 0.5, score=arms[0].score / 2)
    rows = limb_features([replace(person, limbs=(*arms, twice))], maps)
    np.testing.assert_allclose(rows[:, COLUMN["shared"]], [1, 0, 1])
    assert rows[2, COLUMN["rank"]] == 2
    assert rows[2, COLUMN["fainter"]] == pytest.approx(arms[0].score / 2)
    assert rows[2, COLUMN["other_side"]] < 0.05 < rows[1, COLUMN["other_side"]]


def read(stage: Stage, model: ClippedLinear | None):
    rows, columns = stage.classes.shape
    return read_bodies(stage.maps(), BodyPlace(scale_xy=(0.5, 0.5), width=columns * 8, height=rows * 8), (), model)


def test_lines_below_the_bar_stay_and_are_not_counted():
    stage = Stage()
    draw_person(stage)
    (person,) = read(stage, judging_by("is_leg", 0.5, 8.0)).people
    assert [len(person.of_kind(kind)) for kind in LimbKind] == [2, 2]
    assert [len(person.counted(kind)) for kind in LimbKind] == [0, 2]
    assert {limb.kind: limb.chance for limb in person.limbs} == {
        LimbKind.ARM: pytest.approx(0.018, abs=1e-3),
        LimbKind.LEG: pytest.approx(0.982, abs=1e-3),
    }
    (unjudged,) = read(stage, None).people
    assert {limb.chance for limb in unjudged.limbs} == {1.0}


@pytest.mark.parametrize("third", [False, True])
def test_the_shipped_model_counts_every_limb_of_a_perfect_network(third):
    stage = Stage()
    draw_person(stage, legs=((1, 0, 4), (-1, 0, 4), (1, 45, 4)) if third else ((1, 0, 4), (-1, 0, 4)))
    (person,) = read(stage, shipped_model()).people
    assert [len(person.counted(kind)) for kind in LimbKind] == [2, 2 + third]


@pytest.mark.parametrize(
    "change", [{"features": ["heat"]}, {"weights": [1.0]}, {"bias": None}, {"mean": "none"}], ids=lambda change: next(iter(change))
)  # fmt: skip
def test_a_broken_model_is_told(tmp_path, monkeypatch, change):
    whole = json.loads(shipped.shipped_file(limb_beliefs.FILE).read_text(encoding="utf-8"))
    with pytest.raises((KeyError, TypeError, ValueError)):
        model_from(whole | change)
    file = tmp_path / limb_beliefs.FILE
    file.write_text(json.dumps(whole | change), encoding="utf-8")
    monkeypatch.setattr(limb_beliefs, "shipped_file", lambda name: file)
    shipped_model.cache_clear()
    with pytest.raises(ModelCorrupt, match="install limbfix again"):
        shipped_model()
    shipped_model.cache_clear()


def test_a_missing_model_is_told_when_the_detector_is_made(monkeypatch):
    from limbfix.detectors.limbfix_bodies import LimbfixBodies

    def missing(name: str):
        raise AssetMissing("expected the model, found none")

    monkeypatch.setattr(limb_beliefs, "shipped_file", missing)
    shipped_model.cache_clear()
    with pytest.raises(AssetMissing):
        LimbfixBodies(sight=None)
    shipped_model.cache_clear()
