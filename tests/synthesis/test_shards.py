"""A shard gives back what went in, to this package and to WebDataset, and the same samples make the same bytes."""

from __future__ import annotations

import json
import math
import tarfile
from dataclasses import replace

import numpy as np
import pytest
from same_samples import differences

from limbfix.errors import OutputError, SynthesisError
from limbfix.synthesis.sample_records import plain, record_of, require_sound
from limbfix.synthesis.samples import Joint
from limbfix.synthesis.shards import ShardWriter, read_shard


@pytest.fixture
def shard(tmp_path, toy_samples):
    path = tmp_path / "a.tar"
    with ShardWriter(path) as writer:
        for sample in toy_samples:
            writer.write(sample)
    return path


def test_samples_come_back_as_they_went(shard, toy_samples):
    back = list(read_shard(shard))
    assert len(back) == len(toy_samples)
    assert [d for one, other in zip(toy_samples, back, strict=True) for d in differences(one, other)] == []


def test_the_comparison_itself_sees_a_difference(toy_samples):
    sample = toy_samples[0]
    changed = replace(sample, instances=(*sample.instances[:-1], replace(sample.instances[-1], visible_fraction=0.9)))
    assert differences(sample, changed) == ["sample.instances[7].visible_fraction: 0.3333333333333333 and 0.9"]


def test_the_same_samples_make_the_same_bytes(shard, tmp_path, toy_samples):
    with ShardWriter(tmp_path / "b.tar") as writer:
        for sample in toy_samples:
            writer.write(sample)
    assert (tmp_path / "b.tar").read_bytes() == shard.read_bytes()


def test_webdataset_reads_a_shard(shard, toy_samples):
    webdataset = pytest.importorskip("webdataset")
    rows = list(webdataset.WebDataset(str(shard), shardshuffle=False).decode("rgb8"))
    assert [row["__key__"] for row in rows] == [sample.key for sample in toy_samples]
    for row, sample in zip(rows, toy_samples, strict=True):
        assert np.array_equal(row["png"], sample.pixels)
        assert row["json"]["role"] == sample.role
        assert "instances.png" in row
        assert ("region.png" in row) == any(defect.region is not None for defect in sample.defects)


def test_jpeg_pictures_keep_their_maps_exact(tmp_path, toy_samples):
    with ShardWriter(tmp_path / "a.tar", "jpg") as writer:
        writer.write(toy_samples[1])
    (back,) = read_shard(tmp_path / "a.tar")
    assert differences(toy_samples[1], back) == ["sample.pixels"]


def test_labels_are_strict_json_with_counts_for_each_hand(toy_samples):
    more, fewer = record_of(toy_samples[1]), record_of(toy_samples[3])
    json.dumps(more, allow_nan=False)
    assert more["hands"] == [{"instance": 3, "side": "left", "digits_present": 6, "digits_visible": 6}]
    assert fewer["hands"] == [{"instance": 3, "side": "left", "digits_present": 4, "digits_visible": 4}]
    assert [defect["region"] for defect in more["defects"]] == ["region.png", None, "region2.png"]
    assert more["instances"][0]["visible_fraction"] is None


def test_what_json_does_not_know_is_refused_or_made_plain():
    assert plain({"a": (np.float32(0.5), np.int64(3), math.nan)}, "recipe") == {"a": [0.5, 3, None]}
    with pytest.raises(SynthesisError, match=r"recipe: expected numbers.*ndarray"):
        plain({"a": np.zeros(3)}, "recipe")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda s: replace(s, key="A b"), "key of a-z"),
        (lambda s: replace(s, pixels=s.pixels.astype(float)), "expected pixels"),
        (lambda s: replace(s, part_map=s.part_map[:-1]), "expected part_map"),
        (lambda s: replace(s, surface_map=s.surface_map + np.uint8(200)), "values of PARTS and SURFACES"),
        (lambda s: replace(s, instance_map=s.instance_map.astype(np.int32)), "instance_map uint16"),
        (lambda s: replace(s, instances=s.instances[:-1]), r"got none for \[9\]"),
        (lambda s: replace(s, instances=(*s.instances, s.instances[0])), "unique"),
        (lambda s: replace(s, instances=(replace(s.instances[0], visible_px=5), *s.instances[1:])), "visible_px 0"),
        (lambda s: replace(s, instances=(replace(s.instances[0], owner=77), *s.instances[1:])), "owner of instance 1"),
        (
            lambda s: replace(s, instances=(*s.instances[:-1], replace(s.instances[-1], joints=s.instances[2].joints))),
            "expected joints",
        ),
        (
            lambda s: replace(
                s,
                instances=(
                    *s.instances[:2],
                    replace(s.instances[2], joints=(Joint(name="wrist", xy=(math.nan, math.nan), visible=True),)),
                    *s.instances[3:],
                ),
            ),
            "place of every visible joint",
        ),
        (lambda s: replace(s, role="twin"), "defects exactly where"),
        (lambda s: replace(s, defects=()), "defects exactly where"),
        (lambda s: replace(s, defects=(replace(s.defects[0], region=np.zeros((2, 2), bool)),)), "bool region"),
    ],
)
def test_a_sample_that_breaks_the_contract_is_not_written(toy_samples, change, complaint):
    require_sound(toy_samples[1])
    with pytest.raises(SynthesisError, match=complaint):
        require_sound(change(toy_samples[1]))


@pytest.mark.parametrize("kept", [1, 600, 5000, 5700])
def test_a_shard_that_is_cut_off_is_refused(shard, kept):
    shard.write_bytes(shard.read_bytes()[:kept])
    with pytest.raises(SynthesisError, match=r"whole|expected"):
        list(read_shard(shard))


@pytest.mark.parametrize("damage", ["cut", "header"])
def test_a_shard_that_is_damaged_between_two_samples_is_no_shorter_shard(shard, toy_samples, damage):
    with tarfile.open(shard) as tar:
        start = next(entry.offset for entry in tar if entry.name.startswith(f"{toy_samples[1].key}."))
    data = bytearray(shard.read_bytes())
    data[start + 100] ^= 1  # in the header, which has a checksum
    shard.write_bytes(data[:start] if damage == "cut" else data)
    with pytest.raises(SynthesisError, match="make it again"):
        list(read_shard(shard))


def test_a_shard_without_labels_is_refused(tmp_path):
    import tarfile

    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.add(__file__, "key.png")
    with pytest.raises(SynthesisError, match=r"expected key\.json"):
        list(read_shard(tmp_path / "a.tar"))


def test_a_folder_that_is_not_there_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="cannot write"):
        ShardWriter(tmp_path / "nowhere" / "a.tar")
