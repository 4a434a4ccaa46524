"""Guides help to join what is there: they find people, draw points to heat, and take nothing away that fields show."""

from __future__ import annotations

import numpy as np
import pytest

from limbfix.body_assembly import assemble_bodies
from limbfix.body_bones import BodyMaps, body_peaks, join_bones
from limbfix.body_guides import GUIDED, Guide, apart, evidence_of, guidance, guides_from, scaled
from limbfix.nets.body_maps import BONES, JOINTS, PARTS

SIDE = 64
POINTS = 17
ELBOW, WRIST = (7, 8), (9, 10)


def bell(x: float, y: float, top: float = 0.9) -> np.ndarray:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return top * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 4)


def logits(chances: np.ndarray) -> np.ndarray:
    chances = np.clip(chances, 1e-4, 1 - 1e-4)
    return np.log(chances / (1 - chances))


def body(x: float = 32.0) -> np.ndarray:
    """(17, 2) cells of somebody who stands upright."""
    left = [(0, 8), (-1, 7), (1, 7), (-2, 8), (2, 8), (-6, 14), (6, 14), (-9, 22), (9, 22), (-9, 30), (9, 30)]
    return np.array([*left, (-4, 30), (4, 30), (-4, 42), (4, 42), (-4, 54), (4, 54)], float) + np.array([x, 0])


def published(*people: np.ndarray, off: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What MoveNet says of people whose points it reaches for `off` cells beside the heat."""
    heat, middle, reaches = (
        np.zeros((POINTS, SIDE, SIDE)),
        np.zeros((1, SIDE, SIDE)),
        np.zeros((2 * POINTS, SIDE, SIDE)),
    )
    for xy in people:
        heat = np.maximum(heat, [bell(*point) for point in xy])
        column, row = xy.mean(0).round().astype(int)
        middle[0] = np.maximum(middle[0], bell(column, row))
        reaches[:, row, column] = (xy + off - (column, row))[:, ::-1].reshape(-1)
    return logits(heat), logits(middle), reaches


def maps(part: str = "torso", heat: np.ndarray | None = None) -> BodyMaps:
    parts = np.full((len(PARTS), SIDE, SIDE), -4.0)
    parts[PARTS.index(part)] = 4
    zeros = {"fields": 2 * len(BONES), "centre": 2, "side": 1, "covered": 1, "ends": 3}
    return BodyMaps(
        heat=np.zeros((len(JOINTS), SIDE, SIDE)) if heat is None else heat,
        parts=parts,
        **{name: np.zeros((count, SIDE, SIDE)) for name, count in zeros.items()},
    )


def test_everybody_is_found_and_points_are_drawn_to_the_heat():
    one, two = body(18), body(46)
    found = guides_from(*published(one, two, off=1.5))
    assert len(found) == 2
    for guide, xy in zip(sorted(found, key=lambda guide: guide.xy[0, 0]), (one, two), strict=True):
        np.testing.assert_allclose(guide.xy, xy, atol=0.6)
        assert guide.heat.min() > 0.8


def test_cold_points_stay_where_they_are_reached_for_and_are_cold():
    heat, middle, reaches = published(body())
    heat[list(WRIST)] = -9
    (guide,) = guides_from(heat, middle, reaches)
    assert guide.heat[list(WRIST)].max() < 0.01 < guide.heat[list(ELBOW)].min()


def test_one_person_seen_at_two_scales_is_one_person():
    (guide,) = guides_from(*published(body()))
    small = Guide(xy=(guide.xy + 0.5) / 1.5 - 0.5, heat=guide.heat, extent=guide.extent / 1.5, score=guide.score)
    back = scaled(small, np.array([1.5, 1.5]))
    np.testing.assert_allclose(back.xy, guide.xy, atol=1e-6)
    assert back.extent == pytest.approx(guide.extent)
    assert len(apart([back, guide])) == 1
    assert len(apart([guide, scaled(guide, np.array([0.5, 0.5]))])) == 2


def test_a_guide_joins_its_joints_where_fields_are_silent():
    guides = guides_from(*published(body()))
    told = guidance([], guides, maps())
    kinds = [JOINTS[peak.kind] for peak in told.peaks]
    assert kinds.count("elbow") == kinds.count("knee") == 2 and kinds.count("neck") == kinds.count("head") == 1
    assert all(bone.guided and bone.agreement == GUIDED for bone in told.bones)
    bones = join_bones(told.peaks, maps(), told.bones)
    # two arms, two legs, two shoulders and hips on the neck, and the head; hands and feet MoveNet does not know
    assert len(bones) == 2 * 4 + 2 + 2 + 1
    for bone in bones:
        a, b = told.peaks[bone.inner], told.peaks[bone.outer]
        # nobody's left is joined to a right: every bone of a limb stays on one side of the middle
        assert JOINTS[a.kind] == "neck" or (a.xy[0] - 32) * (b.xy[0] - 32) > 0


def test_peaks_that_are_there_are_used_and_none_is_doubled():
    heat = np.zeros((len(JOINTS), SIDE, SIDE))
    for point in ELBOW:
        heat[JOINTS.index("elbow")] = np.maximum(heat[JOINTS.index("elbow")], bell(*body()[point]))
    peaks = body_peaks(heat)
    told = guidance(peaks, guides_from(*published(body())), maps(heat=heat))
    assert sum(JOINTS[peak.kind] == "elbow" for peak in told.peaks) == 2
    assert told.peaks[: len(peaks)] == peaks


@pytest.mark.parametrize(("off", "necks"), [(3.0, 1), (5.0, 1), (12.0, 2)])
def test_the_neck_of_somebody_large_is_one_though_his_shoulders_middle_lies_off_it(off, necks):
    (guide,) = guides_from(*published(body()))
    assert guide.extent > 40
    middle = guide.xy[[5, 6]].mean(0)
    heat = np.zeros((len(JOINTS), SIDE, SIDE))
    heat[JOINTS.index("neck")] = bell(middle[0], middle[1] - off)
    told = guidance(body_peaks(heat), [guide], maps(heat=heat))
    assert sum(JOINTS[peak.kind] == "neck" for peak in told.peaks) == necks


@pytest.mark.parametrize(("cells", "is_open"), [(0.0, False), (8.0, True)])
def test_an_arm_whose_joints_lie_at_one_place_does_not_begin_in_the_open(cells, is_open):
    xy, heat = body(), np.zeros(POINTS)
    xy[ELBOW[0]], xy[WRIST[0]] = (20, 30), (20, 30 + cells)
    heat[[ELBOW[0], WRIST[0]]] = 0.9
    guide = Guide(xy=xy, heat=heat, extent=48, score=0.9)
    loose = assemble_bodies(maps("background"), guides=[guide]).loose
    assert [(chain.joints, chain.is_open) for chain in loose] == [(("elbow", "wrist"), is_open)]


def test_a_third_elbow_that_only_heat_shows_stays():
    heat = np.zeros((len(JOINTS), SIDE, SIDE))
    for xy in (*body()[list(ELBOW)], (50.0, 20.0)):
        heat[JOINTS.index("elbow")] = np.maximum(heat[JOINTS.index("elbow")], bell(*xy))
    told = guidance(body_peaks(heat), guides_from(*published(body())), maps(heat=heat))
    assert sum(JOINTS[peak.kind] == "elbow" for peak in told.peaks) == 3


def test_a_body_that_our_parts_deny_is_no_evidence():
    (guide,) = guides_from(*published(body()))
    assert evidence_of(guide, maps("torso")) > 0.8
    assert evidence_of(guide, maps("background")) < 0.01
    told = guidance([], [guide], maps("torso"))
    (neck,) = [index for index, peak in enumerate(told.peaks) if JOINTS[peak.kind] == "neck"]
    assert told.evidence == {neck: pytest.approx(evidence_of(guide, maps("torso")))}


def test_nobody_is_found_where_nothing_is_warm():
    assert guides_from(*published()) == ()
    told = guidance([], (), maps())
    assert told.peaks == [] and told.bones == [] and told.evidence == {}
