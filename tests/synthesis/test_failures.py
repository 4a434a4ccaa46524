"""Stream 4: groups are sound, deterministic in any order, and hold what they promise."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import numpy as np
import pytest
from melting_hands import SIZE, DrawnPhotos
from same_samples import differences

from limbfix.errors import AssetMissing, UsageError
from limbfix.synthesis import failures
from limbfix.synthesis.failures import FailuresStream
from limbfix.synthesis.melting.generated_series import STRENGTHS
from limbfix.synthesis.sample_records import require_sound
from limbfix.synthesis.samples import Sample
from limbfix.synthesis.streams import StreamOptions

GROUPS = 14


def make_stream(seed: int = 3, degrade: bool = True) -> FailuresStream:
    options = StreamOptions(seed=seed, size_px=SIZE, degrade=degrade)
    return FailuresStream(options, DrawnPhotos(), None)  # pyright: ignore[reportArgumentType]


@pytest.fixture(scope="module")
def groups() -> list[tuple[Sample, ...]]:
    stream = make_stream()
    return [stream.group(index) for index in range(GROUPS)]


def test_groups_are_sound_and_their_keys_are_unique(groups: list[tuple[Sample, ...]]) -> None:
    samples = [sample for group in groups for sample in group]
    for sample in samples:
        require_sound(sample)
    assert len({sample.key for sample in samples}) == len(samples)
    assert {sample.stream for sample in samples} == {"failures"}
    assert not any(sample.exact for sample in samples)


def test_a_group_depends_on_nothing_but_seed_and_index(groups: list[tuple[Sample, ...]]) -> None:
    other = make_stream()
    for index in (5, 2):
        assert differences(other.group(index), groups[index], "group") == []
    assert not np.array_equal(make_stream(seed=4).group(2)[0].pixels, groups[2][0].pixels)


def test_most_groups_are_pairs_of_defect_and_twin_and_some_twin_and_plain(groups: list[tuple[Sample, ...]]) -> None:
    roles = [tuple(sample.role for sample in group) for group in groups]
    assert set(roles) == {("twin", "defect"), ("plain", "twin")}
    for group in groups:
        for sample in group:
            assert bool(sample.defects) == (sample.role == "defect")
            assert sample.order == int(sample.role == "defect")
            assert sample.operator or sample.role == "plain"


def test_twins_keep_normal_labels(groups: list[tuple[Sample, ...]]) -> None:
    for sample in (sample for group in groups for sample in group if sample.role != "defect"):
        assert all(not item.faults for item in sample.instances)
        assert sample.digits_present(2) == 5


def test_both_pictures_of_a_pair_pass_the_same_degradation(groups: list[tuple[Sample, ...]]) -> None:
    for group in groups:
        assert group[0].recipe["degradation"] == group[1].recipe["degradation"]


def test_a_benign_group_can_be_had_at_any_index() -> None:
    for index in range(3):
        plain, twin = make_stream(degrade=False).benign_group(index)
        assert (plain.role, twin.role) == ("plain", "twin")
        assert (plain.pixels != twin.pixels).any()


def test_a_generator_gives_series_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    def renoise(pixels, *, mask, keypoints, strength, rng, region):
        return np.clip(pixels + rng.normal(0, 60 * strength, pixels.shape), 0, 255).astype(np.uint8)

    monkeypatch.setitem(sys.modules, "limbfix.synthesis.generator", types.SimpleNamespace(renoise=renoise))
    monkeypatch.setattr(failures, "_BENIGN", 0.0)
    monkeypatch.setattr(failures, "_GENERATED", 1.0)
    series = make_stream(degrade=False).group(1)
    assert [sample.role for sample in series] == ["plain", "twin", "defect", "defect"]
    assert [sample.order for sample in series] == [0, 0, 1, 2]
    assert [sample.recipe.get("renoised") for sample in series] == [None, *STRENGTHS]
    assert len({sample.key for sample in series}) == 4
    for sample in series:
        require_sound(sample)


def test_without_weights_the_generator_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def renoise(pixels, **_):
        raise AssetMissing("no weights")

    monkeypatch.setitem(sys.modules, "limbfix.synthesis.generator", types.SimpleNamespace(renoise=renoise))
    monkeypatch.setattr(failures, "_BENIGN", 0.0)
    monkeypatch.setattr(failures, "_GENERATED", 1.0)
    assert [sample.role for sample in make_stream().group(1)] == ["twin", "defect"]


def test_a_machine_with_neither_photographs_nor_renders_is_told_the_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_renders(name: str, options: StreamOptions):
        raise AssetMissing("no body data")

    monkeypatch.setattr(failures, "make_stream", no_renders)
    with pytest.raises(UsageError, match="--photographs"):
        failures.open_stream(StreamOptions(seed=1))


def test_a_missing_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises((AssetMissing, UsageError)):
        failures.open_stream(StreamOptions(seed=1, photographs=tmp_path / "absent"))


def test_no_body_is_looked_for_where_a_folder_shows_close_ups_of_hands(tmp_path, monkeypatch):
    from limbfix.synthesis import photographs
    from limbfix.synthesis.photograph_joints import BodySighting, HandSighting

    def body(file: str, visibility: float) -> BodySighting:
        keypoints = np.full((33, 3), visibility, np.float32)
        return BodySighting(file=file, sha256="", keypoints=keypoints, mask=np.ones((4, 4), bool))

    def hand(file: str) -> HandSighting:
        return HandSighting(file=file, sha256="", keypoints=((0.0, 0.0),) * 21, side="left")

    hands = photographs.HandPhotos(tmp_path, [hand(f"hands/{k}.png") for k in range(3)], 256)
    seen = [body("hands/0.png", 1.0), body("people/0.png", 1.0), body("people/1.png", 0.1)]
    monkeypatch.setattr(photographs, "open_hand_photos", lambda folder, **_: hands)
    monkeypatch.setattr(photographs, "open_body_photos", lambda folder: photographs.BodyPhotos(folder, seen, 512))
    _, bodies = failures._open_photos(tmp_path, 256)
    assert bodies is not None
    assert [one.file for one in bodies.sightings] == ["people/0.png"]
    seen[1:] = []
    assert failures._open_photos(tmp_path, 256)[1] is None
