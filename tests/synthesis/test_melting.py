"""Melting operators: damage on the hand, the same operation harmless beside it, regions that are true, labels that go along."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from melting_hands import DrawnPhotos, drawn_hand

from limbfix.findings import DefectCode
from limbfix.synthesis.melting import blends, copies, rows, warps
from limbfix.synthesis.melting.calm_places import calm_place, fill_from_beside
from limbfix.synthesis.melting.curves import Curve
from limbfix.synthesis.melting.fields import moved_points
from limbfix.synthesis.melting.jointed_views import HandView
from limbfix.synthesis.melting.melted_pairs import melt_pair
from limbfix.synthesis.melting.melted_samples import defect_of, is_seen, melted
from limbfix.synthesis.melting.melts import Melt, identity
from limbfix.synthesis.melting.operators import HAND_OPERATORS, draw_operator
from limbfix.synthesis.melting.targets import Target, hand_target
from limbfix.synthesis.photo_samples import HAND, photo_sample
from limbfix.synthesis.sample_records import require_sound
from limbfix.synthesis.samples import PARTS, Sample
from limbfix.synthesis.seeds import rng_for

NAMES = tuple(HAND_OPERATORS)
FIND = partial(hand_target, hand=HAND)


@pytest.fixture(scope="module")
def view() -> HandView:
    return drawn_hand(spread=0.7)


@pytest.fixture(scope="module")
def plain() -> Sample:
    return photo_sample(DrawnPhotos()[3], rng_for(1), key="failures-1-plain", group="g", stream="failures")


@pytest.fixture(scope="module")
def hand(plain: Sample) -> Target:
    target = FIND(plain)
    assert target is not None
    return target


def agreement(sample: Sample) -> float:
    """Returns how well the labels and the skin-coloured pixels of a drawn hand overlap."""
    skin = sample.pixels[..., 0] > 135
    labelled = sample.instance_map > 0
    return float((skin & labelled).sum() / (skin | labelled).sum())


def first_seen(name: str, view: HandView) -> tuple[Melt, int]:
    """Returns the first result of an operator that a person would see, and its seed."""
    for seed in range(40):
        melt = HAND_OPERATORS[name][0](view, rng_for(seed, name), False)
        if melt is not None and is_seen(melt, view):
            return melt, seed
    pytest.fail(f"{name} found no place on an open hand in 40 draws")


@pytest.mark.parametrize("name", NAMES)
def test_damage_lies_on_the_hand_inside_its_region_and_is_the_same_again(name: str, view: HandView) -> None:
    melt, seed = first_seen(name, view)
    again = HAND_OPERATORS[name][0](view, rng_for(seed, name), False)
    assert again is not None and np.array_equal(again.pixels, melt.pixels)
    changed = (melt.pixels != view.pixels).any(axis=2)
    assert not (changed & ~melt.region).any(), "the picture changed outside the region"
    assert melt.operator == name and 0 <= melt.strength <= 1
    assert melt.damaged or melt.extras
    near = np.abs(melt.pixels.astype(int) - view.pixels).max(axis=2) > 20
    assert (near & view.mask).any() or melt.extras


@pytest.mark.parametrize("name", NAMES)
def test_the_harmless_twin_touches_pixels_but_neither_labels_nor_anatomy(name: str, view: HandView) -> None:
    damage, seed = first_seen(name, view)
    for offset in range(20):
        harmless = HAND_OPERATORS[name][0](view, rng_for(seed + offset, name), True)
        if harmless is not None:
            break
    else:
        pytest.fail("no harmless place in 20 draws")
    assert not harmless.damaged and not harmless.extras and harmless.strength == 0
    assert harmless.region.any()
    on_hand = np.abs(harmless.pixels.astype(int) - view.pixels).max(axis=2)[view.mask] > 40
    broken = np.abs(damage.pixels.astype(int) - view.pixels).max(axis=2)[view.mask] > 40
    assert on_hand.sum() <= max(0.35 * broken.sum(), 25)
    moved = np.linalg.norm(harmless.origin - identity(view.mask.shape), axis=2)[view.mask]
    assert moved.max() < 0.09 * view.unit_px


def test_operators_say_what_they_made(view: HandView) -> None:
    codes = {name: first_seen(name, view)[0].code for name in NAMES}
    assert codes["blends.fuse"] == DefectCode.HAND_FUSED_DIGITS
    assert codes["copies.double"] == codes["copies.stray_tip"] == codes["rows.split"] == DefectCode.HAND_EXTRA_DIGIT
    assert codes["warps.elastic"] == codes["blends.smear"] == DefectCode.HAND_MALFORMED


def test_a_doubled_digit_is_one_instance_more_with_its_own_pixels(plain: Sample, hand: Target) -> None:
    melt, _ = first_seen("copies.double", hand.view)
    after = melted(plain, hand, melt)
    require_sound(after)
    assert after.digits_present(HAND) == plain.digits_present(HAND) + 1
    extra = after.instances[-1]
    assert extra.faults == ("extra",) and extra.visible_px > 30
    assert (after.instance_map == extra.id).sum() == extra.visible_px


@pytest.mark.parametrize("name", ["copies.double", "rows.split"])
def test_all_pixels_of_an_added_digit_are_parts_of_a_digit(name: str, plain: Sample, hand: Target) -> None:
    """Where the copy shows what lay beside its model, the palm or the background, it is a piece of the copy all the same."""
    for seed in range(12):
        melt = HAND_OPERATORS[name][0](hand.view, rng_for(seed, name), False)
        if melt is None or not melt.extras:
            continue
        after = melted(plain, hand, melt)
        extra = after.instances[-1]
        shown = {PARTS[value] for value in np.unique(after.part_map[after.instance_map == extra.id])}
        assert all(part.startswith(f"{extra.name}_") for part in shown), (seed, extra.name, shown)


def test_a_row_with_one_less_misses_a_digit_and_one_with_more_has_another(plain: Sample, hand: Target) -> None:
    found = {}
    for seed in range(60):
        melt = rows.relay_row(hand.view, rng_for(seed), False)
        if melt is not None:
            found[melt.code] = melted(plain, hand, melt)
        if len(found) == 2:
            break
    assert set(found) == {DefectCode.HAND_MISSING_DIGIT, DefectCode.HAND_EXTRA_DIGIT}
    assert found[DefectCode.HAND_MISSING_DIGIT].digits_present(HAND) == 4
    assert found[DefectCode.HAND_EXTRA_DIGIT].digits_present(HAND) in (6, 7)
    for after in found.values():
        require_sound(after)


def test_warped_labels_follow_the_pixels(plain: Sample, hand: Target) -> None:
    melt, _ = first_seen("warps.relength", hand.view)
    after = melted(plain, hand, melt)
    require_sound(after)
    assert agreement(after) > 0.95 * agreement(plain)
    tip_before, tip_after = (
        next(
            item for item in sample.instances if item.kind == "digit" and item.id == HAND + 1 + melt.damaged[0]
        ).joints[3]
        for sample in (plain, after)
    )
    assert np.linalg.norm(np.subtract(tip_after.xy, tip_before.xy)) > 0.05 * hand.view.unit_px


def test_a_faded_digit_is_labelled_shortened_and_its_pixels_are_background(plain: Sample, hand: Target) -> None:
    melt, _ = first_seen("blends.fade", hand.view)
    after = melted(plain, hand, melt)
    digit = next(item for item in after.instances if item.id == HAND + 1 + melt.damaged[0])
    before = next(item for item in plain.instances if item.id == digit.id)
    assert digit.faults == ("shortened",) and digit.visible_px < 0.8 * before.visible_px
    assert not digit.joints[3].visible


def test_pairs_share_their_operators_and_differ_only_in_the_region(plain: Sample, hand: Target) -> None:
    pair = melt_pair(plain, FIND, HAND_OPERATORS, 5, 3)
    again = melt_pair(plain, FIND, HAND_OPERATORS, 5, 3)
    assert pair is not None and again is not None
    assert np.array_equal(pair.defect.pixels, again.defect.pixels)
    assert np.array_equal(pair.twin.pixels, again.twin.pixels)
    assert pair.twin.role == "twin" and pair.defect.role == "defect" and pair.twin.operator == pair.defect.operator
    assert not pair.twin.defects and len(pair.defect.defects) == len(pair.operators)
    changed = np.abs(pair.twin.pixels.astype(int) - pair.defect.pixels).max(axis=2) > 8
    region = pair.defect.defects[0].region
    assert region is not None and not (changed & ~region).any()
    assert any(defect.visible for defect in pair.defect.defects)


def test_one_operator_alone_can_be_asked_for(plain: Sample, hand: Target) -> None:
    pair = melt_pair(plain, FIND, HAND_OPERATORS, 5, 3, only="warps.bend")
    assert pair is not None and pair.operators == ("warps.bend",)


def test_an_unseen_change_is_marked_so(plain: Sample, hand: Target) -> None:
    melt = Melt(
        pixels=plain.pixels,
        region=np.zeros(plain.instance_map.shape, bool),
        origin=identity(plain.instance_map.shape),
        operator="warps.elastic",
        damaged=(1,),
    )
    defect = defect_of(melt, plain, melted(plain, hand, melt), hand, melt.region)
    assert not defect.visible


def test_every_operator_is_drawn_in_proportion() -> None:
    drawn = [draw_operator(HAND_OPERATORS, rng_for(seed)) for seed in range(600)]
    assert set(drawn) == set(NAMES)


def test_folded_hands_offer_no_place_to_operators_that_need_long_digits() -> None:
    fist = drawn_hand()
    folded = fist.keypoints.copy()
    for digit in range(5):
        folded[4 * digit + 2 : 4 * digit + 5] = folded[4 * digit + 1] + (1, 1)
    view = HandView(pixels=fist.pixels, keypoints=folded, mask=fist.mask)
    for operator in (warps.bend, warps.thicken, copies.double, blends.fade, rows.split):
        assert operator(view, rng_for(1), False) is None


def test_curve_coordinates_lead_back_to_the_pixel() -> None:
    curve = Curve.through(np.array([[40.0, 120], [44, 90], [52, 65], [66, 45]]), 6)
    t, d = curve.coordinates((160, 160))
    near = (np.abs(d) < 8) & (t > 0.05) & (t < 0.95)
    back = curve.places(t, d)
    assert near.sum() > 500
    assert np.linalg.norm(back - identity((160, 160)), axis=2)[near].max() < 1.5


def test_control_points_arrive_and_the_frame_stays() -> None:
    before = np.array([[50.0, 60], [80, 80], [100, 40]])
    after = before + np.array([0, 12])
    origin = moved_points((128, 128), before, after)
    for old, new in zip(before, after, strict=True):
        x, y = new.astype(int)
        assert np.linalg.norm(origin[y, x] - old) < 1.5
    assert np.abs(origin[0, :] - identity((128, 128))[0, :]).max() < 3


def test_calm_places_lie_off_the_fingers_and_fillings_come_from_the_background(view: HandView) -> None:
    for seed in range(20):
        place = calm_place(view, 12, rng_for(seed))
        assert place is not None
        assert np.linalg.norm(view.keypoints - place, axis=1).min() > 9
    hole = np.zeros(view.mask.shape, bool)
    hole[20:40, 60:100] = view.mask[20:40, 60:100]
    filled = fill_from_beside(view, hole, rng_for(1))
    assert filled[hole].mean() < 130 < view.pixels[hole].mean()
