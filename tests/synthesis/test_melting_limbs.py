"""Arms, legs and feet melt under the codes of bodies; a photographed person is labelled limb by limb."""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np
import pytest
from synthetic import body_keypoints

from limbfix.findings import DefectCode
from limbfix.layouts import BLAZEPOSE33
from limbfix.synthesis.body_photo_samples import PERSON, body_photo_sample
from limbfix.synthesis.melting.melted_pairs import melt_pair
from limbfix.synthesis.melting.melted_samples import is_seen, melted
from limbfix.synthesis.melting.melts import Melt
from limbfix.synthesis.melting.operators import LIMB_OPERATORS
from limbfix.synthesis.melting.targets import Target, body_target
from limbfix.synthesis.photographs import BodyPhoto
from limbfix.synthesis.sample_records import require_sound
from limbfix.synthesis.samples import PART_ID, Sample
from limbfix.synthesis.seeds import rng_for

SIZE, DRAWS = 160, 12
FIND = partial(body_target, person=PERSON)


def drawn_body(hidden: tuple[str, ...] = ()) -> BodyPhoto:
    """Returns a standing person of capsules before a mottled ground."""
    xy = np.asarray(body_keypoints(150, 150, 260).xy, float)
    mask = np.zeros((300, 300), np.uint8)
    for one, other in BLAZEPOSE33.bones:
        thick = 26 if min(one, other) >= 23 else 18
        cv2.line(mask, *(tuple(int(v) for v in xy[k]) for k in (one, other)), 1, thick)
    trunk = [BLAZEPOSE33.index(name) for name in ("left_shoulder", "right_shoulder", "right_hip", "left_hip")]
    cv2.fillPoly(mask, [np.round(xy[trunk]).astype(np.int32)], 1)
    cv2.circle(mask, tuple(int(v) for v in xy[0]), 20, 1, -1)
    rng = rng_for(1, "body")
    ground = cv2.resize(rng.uniform(40, 100, (8, 8, 3)).astype(np.float32), (300, 300))
    pixels = np.where(mask[..., None] > 0, np.array([200.0, 150, 130]), ground) + rng.normal(0, 4, (300, 300, 3))
    visibility = np.ones(33, np.float32)
    visibility[[BLAZEPOSE33.index(name) for name in hidden]] = 0
    return BodyPhoto(
        pixels=np.clip(pixels, 0, 255).astype(np.uint8),
        keypoints=xy.astype(np.float32),
        visibility=visibility,
        mask=mask > 0,
        source="drawn.png",
        sha256="0" * 64,
    )


def sample_of(photo: BodyPhoto, seed: int = 1) -> Sample | None:
    return body_photo_sample(photo, SIZE, rng_for(seed), key="failures-1-body", group="g", stream="failures")


@pytest.fixture(scope="module")
def plain() -> Sample:
    sample = sample_of(drawn_body())
    assert sample is not None
    return sample


@pytest.fixture(scope="module")
def body(plain: Sample) -> Target:
    target = FIND(plain)
    assert target is not None
    return target


def results(name: str, body: Target) -> list[Melt]:
    """Returns what an operator makes that a person would see, in some draws."""
    made = [LIMB_OPERATORS[name][0](body.view, rng_for(seed, name), False) for seed in range(DRAWS)]
    return [melt for melt in made if melt is not None and is_seen(melt, body.view)]


def test_a_person_is_labelled_limb_by_limb(plain: Sample) -> None:
    require_sound(plain)
    kinds = [item.kind for item in plain.instances]
    assert kinds.count("arm") == kinds.count("leg") == kinds.count("foot") == 2
    for item in plain.instances:
        if item.kind in ("arm", "leg"):
            assert item.visible_px > 100 and all(joint.visible for joint in item.joints)
    for part in ("head", "torso", "upper_arm", "forearm", "thigh", "shin", "foot"):
        assert (plain.part_map == PART_ID[part]).sum() > 30, part


def test_a_mirrored_person_who_faces_us_still_has_the_left_arm_on_our_right() -> None:
    shoulders = {}
    for seed in range(6):
        sample = sample_of(drawn_body(), seed)
        assert sample is not None
        arms = {item.side: item.joints[0].xy[0] for item in sample.instances if item.kind == "arm"}
        shoulders[sample.recipe["mirrored"]] = arms["left"] > arms["right"]
    assert shoulders == {True: True, False: True}


def test_a_person_whose_trunk_is_unseen_is_passed_over() -> None:
    assert sample_of(drawn_body(("left_hip",))) is None


def test_a_limb_that_is_unseen_is_not_damaged() -> None:
    sample = sample_of(drawn_body(("left_knee", "left_ankle", "left_heel", "left_foot_index")))
    assert sample is not None
    target = FIND(sample)
    assert target is not None
    missing = [index for index in range(6) if np.isnan(target.view.chain(index)).any()]
    assert len(missing) == 2
    for name in LIMB_OPERATORS:
        for melt in results(name, target):
            assert not set(melt.damaged) & set(missing)


def test_a_person_none_of_whose_limbs_is_whole_is_no_target() -> None:
    ends = ("wrist", "ankle", "foot_index", "heel")
    sample = sample_of(drawn_body(tuple(f"{side}_{end}" for side in ("left", "right") for end in ends)))
    assert sample is not None and FIND(sample) is None


@pytest.mark.parametrize("name", tuple(LIMB_OPERATORS))
def test_limb_operators_damage_seen_limbs_and_keep_labels_sound(name: str, plain: Sample, body: Target) -> None:
    made = results(name, body)
    assert made, "no place on a whole person in a dozen draws"
    for melt in made[:3]:
        assert melt.operator == name
        assert not ((melt.pixels != plain.pixels).any(axis=2) & ~melt.region).any()
        require_sound(melted(plain, body, melt))


def test_codes_name_the_limb(body: Target) -> None:
    found = {melt.code for name in LIMB_OPERATORS for melt in results(name, body)}
    assert {DefectCode.PERSON_JOINT_ANGLE, DefectCode.PERSON_PROPORTION, DefectCode.FOOT_MALFORMED} <= found
    assert found & {DefectCode.PERSON_EXTRA_ARM, DefectCode.PERSON_EXTRA_LEG, DefectCode.PERSON_EXTRA_FOOT}
    assert found & {DefectCode.PERSON_MISSING_ARM, DefectCode.PERSON_MISSING_LEG, DefectCode.PERSON_MISSING_FOOT}
    assert not any(code.startswith("hand.") and code != DefectCode.HAND_MALFORMED for code in found)


def test_a_doubled_limb_is_one_more_of_its_kind(plain: Sample, body: Target) -> None:
    melt = results("limbs.double", body)[0]
    kind = melt.code.rsplit("_", 1)[1]
    before, after = (
        sum(item.kind == kind for item in sample.instances) for sample in (plain, melted(plain, body, melt))
    )
    assert after == before + 1


def test_pairs_of_bodies_are_the_same_again(plain: Sample) -> None:
    one, two = (melt_pair(plain, FIND, LIMB_OPERATORS, 3, 2) for _ in range(2))
    assert one is not None and two is not None
    assert np.array_equal(one.defect.pixels, two.defect.pixels) and one.operators == two.operators
    assert one.defect.defects and not one.twin.defects
