"""Stream 3: groups of two from a folder of photographs, the same for the same seed and index, labels that fit the pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawn_hands import DrawnHandDetector, draw
from PIL import Image

from limbfix.errors import AssetMissing, UsageError
from limbfix.synthesis.edited_hands import HandSurgery
from limbfix.synthesis.edits import EditedPhotographs
from limbfix.synthesis.photographs import open_hand_photos
from limbfix.synthesis.streams import StreamOptions, make_stream

SEED = 5
SIZE = 128


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(2):
        pixels, _, _ = draw(240, seed)
        Image.fromarray(np.pad(pixels, ((30, 0), (40, 40), (0, 0)), mode="edge")).save(folder / f"{seed}.png")
    cache = tmp_path_factory.mktemp("cache")
    return open_hand_photos(folder, size_px=160, cache=cache, detector=DrawnHandDetector())


@pytest.fixture(scope="module")
def stream(photos):
    return EditedPhotographs(StreamOptions(seed=SEED, size_px=SIZE, degrade=False), [HandSurgery(photos, SIZE)])


@pytest.fixture(scope="module")
def groups(stream):
    return [stream.group(index) for index in range(14)]


def hand_of(sample):
    return next(item.id for item in sample.instances if item.kind == "hand")


def test_a_group_is_a_defect_with_its_twin_or_a_benign_edit_with_the_untouched_picture(groups):
    roles = {tuple(sample.role for sample in group) for group in groups}
    assert roles == {("twin", "defect"), ("plain", "twin")}


def test_pictures_and_maps_have_the_wanted_size(groups):
    for sample in groups[0]:
        assert sample.pixels.shape == (SIZE, SIZE, 3)
        assert sample.instance_map.shape == sample.part_map.shape == sample.surface_map.shape == (SIZE, SIZE)
        assert not sample.exact


def test_normal_pictures_have_five_digits_and_no_faults(groups):
    for sample in (sample for group in groups for sample in group if sample.role != "defect"):
        assert sample.digits_present(hand_of(sample)) == 5
        assert not sample.defects
        assert not any(item.faults for item in sample.instances)


def test_the_count_of_digits_follows_the_defect(groups):
    wanted = {"hand.extra_digit": 6, "hand.missing_digit": 4, "hand.malformed": 5, "hand.fused_digits": 5}
    defects = [sample for group in groups for sample in group if sample.role == "defect"]
    for sample in defects:
        assert sample.digits_present(hand_of(sample)) == wanted[sample.defects[0].code]
    assert len({sample.operator for sample in defects}) >= 3


def test_a_visible_defect_changes_its_region_and_little_else(groups):
    for twin, defect in (group for group in groups if group[1].role == "defect"):
        (made,) = defect.defects
        changed = np.abs(defect.pixels.astype(int) - twin.pixels).max(axis=2) > 8
        assert made.visible
        assert changed[made.region].sum() > 10
        assert changed[~made.region].sum() <= 0.01 * changed.sum()


def test_instances_count_their_own_pixels(groups):
    for sample in groups[0]:
        for item in sample.instances:
            assert item.visible_px == int((sample.instance_map == item.id).sum())


def test_concerned_instances_exist(groups):
    for sample in (sample for group in groups for sample in group):
        ids = {item.id for item in sample.instances}
        assert len(ids) == len(sample.instances)
        assert all(set(made.instances) <= ids for made in sample.defects)


def test_the_same_seed_and_index_make_the_same_bytes(photos, groups):
    again = EditedPhotographs(StreamOptions(seed=SEED, size_px=SIZE, degrade=False), [HandSurgery(photos, SIZE)])
    for first, second in zip(groups[3], again.group(3), strict=True):
        np.testing.assert_array_equal(first.pixels, second.pixels)
        np.testing.assert_array_equal(first.instance_map, second.instance_map)
        assert first.recipe == second.recipe


def test_both_pictures_of_a_group_take_the_same_losses(photos):
    stream = EditedPhotographs(StreamOptions(seed=SEED, size_px=SIZE), [HandSurgery(photos, SIZE)])
    pairs = [group for group in map(stream.group, range(6)) if group[1].role == "defect"]
    for twin, defect in pairs:
        region = defect.defects[0].region
        assert region is not None
        outside = ~region
        change = np.abs(twin.pixels[outside].astype(int) - defect.pixels[outside])
        assert change.mean() < 2.0


def test_without_a_folder_the_flag_is_named():
    with pytest.raises(UsageError, match="--photographs"):
        make_stream("edits", StreamOptions(seed=1))


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(AssetMissing, match="nowhere"):
        make_stream("edits", StreamOptions(seed=1, photographs=Path(tmp_path / "nowhere")))
