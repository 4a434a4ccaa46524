"""Limb surgery: what is added or taken away, and that the twin is a normal body with the same traces."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from drawn_bodies import CLOTH, draw
from PIL import Image

from limbfix.geometry import Box
from limbfix.layouts import BLAZEPOSE33
from limbfix.parts import Keypoints, Part, PartKind
from limbfix.synthesis.edited_bodies import BodySurgery
from limbfix.synthesis.edits import EditedPhotographs
from limbfix.synthesis.photographs import open_body_photos
from limbfix.synthesis.streams import StreamOptions
from limbfix.synthesis.surgery.body_regions import BACKGROUND, FIRST_LIMB, LIMBS, split_body
from limbfix.synthesis.surgery.body_scene import EXTRA_LIMB, BodyScene
from limbfix.synthesis.surgery.limbs import LIMB_OPERATORS, relaid_limb

OPERATORS = sorted(LIMB_OPERATORS)
SEEN = np.ones(33)


@pytest.fixture(scope="module")
def scene():
    pixels, xy, mask = draw(256)
    return BodyScene(pixels=pixels, regions=split_body(xy, SEEN, mask))


@pytest.fixture(scope="module")
def edits(scene):
    made = {}
    for name in OPERATORS:
        tries = (LIMB_OPERATORS[name](scene, np.random.default_rng(seed)) for seed in range(12))
        made[name] = next(edit for edit in tries if edit is not None)
    return made


def test_spread_arms_and_legs_are_free(scene):
    assert scene.regions.free == (True,) * 4


def test_joints_lie_on_their_own_limb(scene):
    for limb in range(len(LIMBS)):
        for segment in range(2):
            x, y = (scene.regions.chains[limb][segment : segment + 2].mean(axis=0)).astype(int)
            assert scene.regions.body_map[y, x] == FIRST_LIMB + 3 * limb + segment


@pytest.mark.parametrize("name", OPERATORS)
def test_a_defect_is_seen_and_stays_in_its_region(edits, name):
    edit = edits[name]
    changed = (edit.defect.pixels != edit.twin.pixels).any(axis=2)
    assert edit.visible
    assert not changed[~edit.region].any()


@pytest.mark.parametrize("name", OPERATORS)
def test_the_twin_has_four_whole_limbs(edits, name):
    twin = edits[name].twin
    assert len(twin.limbs) == 4
    assert all(limb.has_end and not limb.faults for limb in twin.limbs)
    assert all(np.isin(twin.body_map, FIRST_LIMB + 3 * k + np.arange(3)).any() for k in range(4))


@pytest.mark.parametrize("name", ["extra_arm", "extra_leg"])
def test_an_extra_limb_hangs_on_the_body(edits, name):
    defect = edits[name].defect
    assert defect.limbs[4].faults == ("extra",)
    x, y = defect.limbs[4].chain[1].astype(int)
    assert defect.body_map[y, x] >= EXTRA_LIMB
    assert np.abs(defect.pixels[y, x].astype(int) - CLOTH).max() < 40
    root = defect.limbs[4].chain[0].astype(int)
    assert defect.body_map[root[1], root[0]] != BACKGROUND


@pytest.mark.parametrize("name", ["missing_hand", "missing_forearm", "missing_foot", "missing_lower_leg"])
def test_what_is_missing_is_filled_with_wall(scene, edits, name):
    edit = edits[name]
    (limb,) = edit.concerned
    assert not edit.defect.limbs[limb].has_end
    assert ("shortened" in edit.defect.limbs[limb].faults) == (name in ("missing_forearm", "missing_lower_leg"))
    x, y = (0.5 * scene.regions.chains[limb][2] + 0.5 * scene.regions.chains[limb][3]).astype(int)
    assert edit.defect.body_map[y, x] == BACKGROUND
    assert edit.defect.pixels[y, x].mean() > 120, "the wall is light, the person dark"


def test_a_relaid_limb_stays_where_it_may_be(scene):
    version = relaid_limb(scene, np.random.default_rng(1))
    assert version is not None
    moved = max(
        np.abs(limb.chain - chain).max() for limb, chain in zip(version.limbs, scene.regions.chains, strict=True)
    )
    assert 0 < moved < 0.15 * scene.regions.trunk_px


def test_limbs_that_the_pose_does_not_see_are_never_cut():
    pixels, xy, mask = draw(256)
    hidden = BodyScene(pixels=pixels, regions=split_body(xy, np.full(33, 0.3), mask))
    assert not any(hidden.regions.free)
    assert all(LIMB_OPERATORS[name](hidden, np.random.default_rng(0)) is None for name in OPERATORS)


class DrawnBodyDetector:
    """Sees the drawn person on a picture padded by 64 px on both sides."""

    name = "drawn"

    def model_hashes(self):
        return {}

    def detect(self, picture, known):
        _, xy, mask = draw(256)
        keypoints = Keypoints(layout=BLAZEPOSE33, xy=xy + np.array([64, 0]), score=SEEN)
        whole = np.pad(mask, ((0, 0), (64, 64)))
        return (
            Part(
                kind=PartKind.PERSON,
                box=Box.around(keypoints.xy),
                detection_score=1.0,
                detector=self.name,
                keypoints=keypoints,
                mask=whole,
            ),
        )

    def close(self):
        pass


@pytest.fixture(scope="module")
def groups(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    Image.fromarray(np.pad(draw(256)[0], ((0, 0), (64, 64), (0, 0)), mode="edge")).save(folder / "a.png")
    cache = tmp_path_factory.mktemp("cache")
    open_body_photos(folder, cache=cache, detector=DrawnBodyDetector())
    photos = open_body_photos(folder, size_px=320, cache=cache, detector=None)  # from the cache: no model is needed
    stream = EditedPhotographs(StreamOptions(seed=2, size_px=160, degrade=False), [BodySurgery(photos, 160)])
    return [stream.group(index) for index in range(10)]


def test_people_make_groups_of_defect_and_twin(groups):
    defects = [group[1] for group in groups if group[1].role == "defect"]
    assert {sample.defects[0].code for sample in defects} > {"person.extra_arm"} or len(defects) >= 3
    for sample in defects:
        assert sample.defects[0].code.startswith("person.")
        assert {item.id for item in sample.instances} >= set(sample.defects[0].instances)


def test_sides_follow_a_mirrored_photograph(groups):
    for sample in (group[0] for group in groups):
        arms = {item.side: item.joints[0].xy[0] for item in sample.instances if item.kind == "arm" and not item.faults}
        assert arms["right"] < arms["left"], "seen from the front, the subject's right is on the left"


def test_a_missing_end_is_a_row_that_is_not_present(groups):
    for sample in (group[1] for group in groups if group[1].role == "defect"):
        gone = [item for item in sample.instances if not item.present]
        assert bool(gone) == sample.operator.startswith("surgery.missing")
        assert all(item.visible_px == 0 for item in gone)


def test_a_folder_of_hands_is_not_believed_to_show_people(tmp_path):
    Image.fromarray(np.pad(draw(256)[0], ((0, 0), (64, 64), (0, 0)), mode="edge")).save(tmp_path / "a.png")
    photos = open_body_photos(tmp_path, cache=tmp_path / "cache", detector=DrawnBodyDetector())
    assert BodySurgery(photos, 160).count == 1
    assert BodySurgery(photos, 160, close_hands=Counter({"": 3})).count == 0
