"""The model of limbs is fitted on what is really there: lines near true joints are limbs, each limb once, and the fit tells them apart."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from drawn_people import Stage, draw_person

from limbfix.body_assembly import assemble_bodies
from limbfix.body_masks import BodyPlace
from limbfix.limb_beliefs import LIMB_FEATURES, limb_features, model_from
from limbfix.synthesis.samples import Instance, Joint
from limbfix.training.limb_lines import LinedPicture, fit, held_out_numbers, matched, true_limbs

PLACE = BodyPlace(scale_xy=(1.0, 1.0), width=384, height=384)


def assembled():
    stage = Stage()
    draw_person(stage)
    maps = stage.maps()
    (person,) = assemble_bodies(maps).people
    return person, maps


def limbs_of(person) -> list[dict[str, np.ndarray]]:
    return [dict(zip(limb.joints, PLACE.to_picture(limb.xy), strict=True)) for limb in person.limbs]


def test_each_limb_is_one_line_and_far_lines_are_none():
    person, _ = assembled()
    truth = limbs_of(person)
    assert matched(person.limbs, truth, PLACE).tolist() == [0, 1, 2, 3]
    assert matched(person.limbs, [{name: xy + 10 for name, xy in limb.items()} for limb in truth], PLACE).tolist() == [
        0,
        1,
        2,
        3,
    ]
    assert (matched(person.limbs, [{name: xy + 90 for name, xy in limb.items()} for limb in truth], PLACE) == -1).all()
    twice = matched([*person.limbs, person.limbs[0]], truth, PLACE)
    assert sorted(twice[[0, 4]]) == [-1, 0]
    assert (matched(person.limbs, [], PLACE) == -1).all()
    assert matched([], truth, PLACE).shape == (0,)


def test_an_arm_is_no_leg_that_lies_on_it():
    person, _ = assembled()
    names = {"shoulder": "hip", "elbow": "knee", "wrist": "ankle", "hand": "foot"}
    arm = limbs_of(person)[0]
    leg = {names.get(name, name): xy for name, xy in arm.items()}
    assert matched(person.limbs[:1], [leg], PLACE).tolist() == [-1]


class Made:
    """As much of a sample as is asked for."""

    def __init__(self, *instances: Instance) -> None:
        self.instances = instances


def item(number: int, kind: str, owner: int | None, *names: str, present: bool = True, nan: bool = False) -> Instance:
    joints = tuple(
        Joint(name=name, xy=(np.nan, np.nan) if nan else (10.0 * k, 5.0), visible=True) for k, name in enumerate(names)
    )
    return Instance(id=number, kind=kind, name=kind, side="left", owner=owner, present=present, joints=joints)


def test_true_limbs_are_those_that_are_there_with_the_middle_of_their_hand():
    arm = item(2, "arm", 1, "shoulder", "elbow", "wrist")
    gone = item(3, "arm", 1, "shoulder", "elbow", "wrist", present=False)
    unknown = item(4, "leg", 1, "hip", "knee", "ankle", nan=True)
    leg, foot = item(5, "leg", 1, "hip", "knee", "ankle"), item(6, "foot", 5, "ankle", "heel", "toe_tip")
    cut_off = item(7, "foot", 4, "ankle", "heel", "toe_tip")
    found = true_limbs(Made(arm, gone, unknown, leg, foot, cut_off))
    assert sorted(found) == [2, 5]
    assert sorted(found[2]) == ["elbow", "shoulder", "wrist"]
    np.testing.assert_allclose(found[5]["foot"], (10.0, 5.0))


def pictures(count: int) -> list[LinedPicture]:
    """Four limbs each, and lines that are as faint as limbs are hot."""
    person, maps = assembled()
    rng = np.random.default_rng(3)
    made = []
    for group in range(count):
        features = limb_features([person], maps)
        rows = np.concatenate([features, features[: rng.integers(1, 3)] * 0.3])
        rows += rng.normal(0, 0.02, rows.shape)
        truth = np.arange(len(rows)) < len(features)
        made.append(
            LinedPicture(
                group=str(group // 2), features=rows, truth=truth, owners=[(0, "arm")] * len(rows), limbs=4, found=4
            )
        )
    return made


def test_the_fit_tells_limbs_from_other_lines_on_pictures_left_out():
    made = pictures(20)
    numbers = held_out_numbers(made)
    assert numbers["line_auroc"] > 0.95
    assert numbers["limbs_with_a_line"] == 1
    assert numbers["from 0.0"]["lines_right"] == 0  # every line is one too many
    assert numbers["from 0.3"]["lines_right"] > 0.9
    model = model_from(fit(made))
    assert len(model.weights) == len(LIMB_FEATURES)
