"""The COCO folder is COCO to other programs, and gives this one its samples back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from same_samples import differences
from toy_streams import ARM, FIRST_DIGIT, HAND, PERSON

from limbfix.errors import SynthesisError
from limbfix.synthesis.coco import ANNOTATIONS, categories, read_coco, write_coco
from limbfix.synthesis.samples import JOINTS
from limbfix.synthesis.shards import ShardWriter

pytest.importorskip("pycocotools")


@pytest.fixture
def folder(tmp_path, toy_samples):
    for name, samples in (("a.tar", toy_samples[:2]), ("b.tar", toy_samples[2:])):
        with ShardWriter(tmp_path / name) as writer:
            for sample in samples:
                writer.write(sample)
    assert write_coco([tmp_path / "a.tar", tmp_path / "b.tar"], tmp_path / "coco") == len(toy_samples)
    return tmp_path / "coco"


def test_samples_come_back_as_they_went(folder, toy_samples):
    back = list(read_coco(folder))
    assert [d for one, other in zip(toy_samples, back, strict=True) for d in differences(one, other)] == []


def test_pycocotools_reads_it_and_decodes_the_masks(folder, toy_samples):
    from pycocotools.coco import COCO

    coco = COCO(folder / ANNOTATIONS)
    image = coco.loadImgs(coco.getImgIds())[1]
    annotations = {row["instance"]: row for row in coco.loadAnns(coco.getAnnIds(image["id"]))}
    sample = toy_samples[1]
    assert (folder / "images" / image["file_name"]).is_file()
    assert np.array_equal(coco.annToMask(annotations[FIRST_DIGIT]), sample.instance_map == FIRST_DIGIT)
    for one in (PERSON, ARM, HAND):  # with all that grows from it
        assert np.array_equal(coco.annToMask(annotations[one]), sample.instance_map > 0)
        assert annotations[one]["area"] == (sample.instance_map > 0).sum()
    y, x = np.nonzero(sample.instance_map == FIRST_DIGIT)
    assert annotations[FIRST_DIGIT]["bbox"] == [x.min(), y.min(), np.ptp(x) + 1, np.ptp(y) + 1]


def test_annotation_ids_are_unique_and_name_their_pictures(folder):
    table = json.loads((folder / ANNOTATIONS).read_text())
    ids = [row["id"] for row in table["annotations"]]
    assert len(set(ids)) == len(ids)
    assert {row["image_id"] for row in table["annotations"]} == {image["id"] for image in table["images"]}


def test_every_kind_is_a_category_with_its_joints(folder):
    table = json.loads((folder / ANNOTATIONS).read_text())
    assert table["categories"] == categories()
    assert {row["name"]: tuple(row["keypoints"]) for row in categories()} == dict(JOINTS)
    lengths = {row["id"]: len(row["keypoints"]) for row in categories()}
    assert all(len(row["keypoints"]) in (0, 3 * lengths[row["category_id"]]) for row in table["annotations"])


def test_keypoints_say_visible_hidden_or_not_there(folder):
    table = json.loads((folder / ANNOTATIONS).read_text())
    arm = next(row for row in table["annotations"] if row["kind"] == "arm")
    assert arm["keypoints"] == [0.0, 0.0, 0, 24.0, 96.0, 1, 24.0, 48 * 0.85, 1]
    assert arm["num_keypoints"] == 2


def test_what_is_missing_is_listed_with_an_empty_mask(folder):
    table = json.loads((folder / ANNOTATIONS).read_text())
    gone = [row for row in table["annotations"] if not row["present"]]
    assert [(row["area"], row["bbox"], row["faults"]) for row in gone] == [(0, [0.0] * 4, ["missing"])]


def test_pictures_carry_role_counts_and_defects(folder):
    image = json.loads((folder / ANNOTATIONS).read_text())["images"][1]
    assert (image["role"], image["operator"], image["order"]) == ("defect", "toys.more_bars", 1)
    assert image["hands"] == [{"instance": HAND, "side": "left", "digits_present": 6, "digits_visible": 6}]
    assert [row["visible"] for row in image["defects"]] == [True, False, True]


def test_no_number_in_the_file_is_a_nan(folder):
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} in JSON")

    json.loads((folder / ANNOTATIONS).read_text(), parse_constant=refuse)


def test_the_same_shards_make_the_same_bytes_again(folder, tmp_path):
    before = (folder / ANNOTATIONS).read_bytes()
    write_coco([tmp_path / "a.tar", tmp_path / "b.tar"], folder)
    assert (folder / ANNOTATIONS).read_bytes() == before
    assert not list(folder.glob(".*"))


def test_a_folder_without_annotations_is_refused(tmp_path):
    with pytest.raises(SynthesisError, match=r"expected annotations\.json"):
        list(read_coco(tmp_path))


def test_a_missing_mask_is_named(folder, toy_samples):
    (folder / "masks" / f"{toy_samples[0].key}.parts.png").unlink()
    with pytest.raises(SynthesisError, match=r"parts\.png"):
        list(read_coco(folder))
