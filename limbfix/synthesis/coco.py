"""How do samples lie in a folder for tools that read COCO? `images/`, `masks/` and one `annotations.json`.

It is COCO's keypoint format: a category for each kind of instance with its joints, an annotation for each instance with a
run-length mask, a box and keypoints. Two things to know. The mask and box of an instance cover all that grows from it (a person
is the whole person, a hand has its digits); what is its own is in the instance map. And instances that are missing or hidden
are listed too, with area 0: who trains a detector leaves them out. The rest of the labels stand beside COCO's fields, so that
`read_coco` gives back the samples as they were.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from limbfix.errors import MissingExtra, OutputError, SynthesisError
from limbfix.synthesis import maps
from limbfix.synthesis.sample_records import sample_of
from limbfix.synthesis.samples import JOINTS, Sample
from limbfix.synthesis.shards import read_entries

ANNOTATIONS = "annotations.json"

KINDS = tuple(JOINTS)
"""COCO's category id is the place here, from 1."""

_PICTURES = ("png", "jpg")
_COCO_FIELDS = (
    "id",
    "image_id",
    "category_id",
    "segmentation",
    "area",
    "bbox",
    "iscrowd",
    "keypoints",
    "num_keypoints",
)


def write_coco(shards: Sequence[Path], out: Path) -> int:
    """Writes the samples of shards as a COCO folder, whose `annotations.json` appears last, whole.

    Args:
        shards: tar files, in order.
        out: the folder; `images` and `masks` in it are replaced.

    Returns:
        how many pictures it holds.

    Raises:
        MissingExtra: pycocotools is not installed.
        SynthesisError: a shard is broken.
        OutputError: the folder cannot be written.
    """
    require_pycocotools()
    scratch = [out / f".{ANNOTATIONS}.{part}" for part in ("images", "annotations")]
    try:
        for name in ("images", "masks"):
            shutil.rmtree(out / name, ignore_errors=True)
            (out / name).mkdir(parents=True)
        with scratch[0].open("w", encoding="utf-8") as images, scratch[1].open("w", encoding="utf-8") as annotations:
            count = _write_samples(shards, out, images, annotations)
        with scratch[1].open("r", encoding="utf-8") as annotations, scratch[0].open("a", encoding="utf-8") as whole:
            whole.write('\n], "annotations": [\n')
            shutil.copyfileobj(annotations, whole)
            whole.write("\n]}\n")
        scratch[0].replace(out / ANNOTATIONS)
    except OSError as error:
        raise OutputError(f"cannot write {out}: {error}; free space or name another folder") from error
    finally:
        for path in scratch:
            path.unlink(missing_ok=True)
    return count


def read_coco(folder: Path) -> Iterator[Sample]:
    """Yields the samples of a COCO folder that `write_coco` made.

    Raises:
        SynthesisError: a file is missing or broken.
    """
    try:
        table = json.loads((folder / ANNOTATIONS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SynthesisError(f"{folder}: expected {ANNOTATIONS} of a finished run, got {error}") from error
    instances: dict[int, list[dict[str, Any]]] = {image["id"]: [] for image in table["images"]}
    for annotation in table["annotations"]:
        instances[annotation["image_id"]].append(_instance_of(annotation))
    for image in table["images"]:
        record = {name: value for name, value in image.items() if name not in ("id", "file_name")}
        record["instances"] = instances[image["id"]]
        yield sample_of(record, _reader(folder, record["key"]))


def categories() -> list[dict[str, Any]]:
    """Returns COCO's categories: one for each kind, its joints as a chain from the body outwards."""
    return [
        {
            "id": number,
            "name": kind,
            "supercategory": "object" if kind == "object" else "person",
            "keypoints": list(JOINTS[kind]),
            "skeleton": [[joint, joint + 1] for joint in range(1, len(JOINTS[kind]))],
        }
        for number, kind in enumerate(KINDS, start=1)
    ]


def annotations_of(record: Mapping[str, Any], instance_map: np.ndarray) -> list[dict[str, Any]]:
    """Returns COCO's annotations of one picture, without `id` and `image_id`.

    Args:
        record: from `sample_records.record_of`.
        instance_map: (h, w) uint16 ids.
    """
    owners = {row["id"]: row["owner"] for row in record["instances"]}
    lineages = {one: list(_lineage(one, owners)) for one in owners}
    size = 1 + max(owners, default=0)
    annotations = []
    for row in record["instances"]:
        belongs = np.zeros(size, np.uint8)
        belongs[[one for one, lineage in lineages.items() if row["id"] in lineage]] = 1
        annotations.append(_annotation(row, belongs[instance_map]))
    return annotations


def _annotation(row: Mapping[str, Any], mask: np.ndarray) -> dict[str, Any]:
    from pycocotools import mask as coco_mask

    runs: Any = coco_mask.encode(np.asfortranarray(mask))
    points = [_keypoint(x, y, visible) for _, x, y, visible in row["joints"]]
    own = {name: value for name, value in row.items() if name not in ("id", "joints")}
    return {
        "category_id": KINDS.index(row["kind"]) + 1,
        "instance": row["id"],
        **own,
        "area": int(coco_mask.area(runs)),
        "bbox": [float(value) for value in coco_mask.toBbox(runs)],
        "iscrowd": 0,
        "segmentation": {"size": [int(side) for side in runs["size"]], "counts": runs["counts"].decode("ascii")},
        "keypoints": [value for point in points for value in point],
        "num_keypoints": sum(point[2] > 0 for point in points),
    }


def _keypoint(x: float | None, y: float | None, visible: bool) -> tuple[float, float, int]:
    """Returns COCO's (x, y, v): v is 0 for a joint that does not exist, 1 for a covered or outside one, 2 for a visible one."""
    return (0.0, 0.0, 0) if x is None or y is None else (x, y, 2 if visible else 1)


def _instance_of(annotation: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the row of `record_of` behind an annotation."""
    row = {name: value for name, value in annotation.items() if name not in (*_COCO_FIELDS, "instance")}
    flat = annotation["keypoints"]
    names = JOINTS[annotation["kind"]] if flat else ()
    points = zip(names, flat[::3], flat[1::3], flat[2::3], strict=True)
    joints = [[name, x if v else None, y if v else None, v == 2] for name, x, y, v in points]
    return {"id": annotation["instance"], **row, "joints": joints}


def _lineage(one: int | None, owners: Mapping[int, int | None]) -> Iterator[int]:
    """Yields an instance and all that it grows from; ends where a wrong label makes a loop."""
    seen: set[int] = set()
    while one is not None and one not in seen:
        seen.add(one)
        yield one
        one = owners.get(one)


def _write_samples(shards: Sequence[Path], out: Path, images: IO[str], annotations: IO[str]) -> int:
    images.write(f'{{"info": {{"description": "made by limbfix.synthesis"}}, "categories": {json.dumps(categories())},')
    images.write('\n"images": [\n')
    count = number = 0
    for shard in shards:
        for record, files in read_entries(shard):
            count += 1
            _write_files(record["key"], files, out)
            picture = next(suffix for suffix in _PICTURES if suffix in files)
            image = {"id": count, "file_name": f"{record['key']}.{picture}"}
            image |= {name: value for name, value in record.items() if name != "instances"}
            images.write((",\n" if count > 1 else "") + json.dumps(image, allow_nan=False))
            for annotation in annotations_of(record, maps.decode_instances(files["instances.png"])):
                number += 1
                row = {"id": number, "image_id": count, **annotation}
                annotations.write((",\n" if number > 1 else "") + json.dumps(row, allow_nan=False))
    return count


def _write_files(key: str, files: Mapping[str, bytes], out: Path) -> None:
    for suffix, data in files.items():
        (out / ("images" if suffix in _PICTURES else "masks") / f"{key}.{suffix}").write_bytes(data)


def _reader(folder: Path, key: str) -> Any:
    def read(suffix: str) -> bytes:
        path = folder / ("images" if suffix in _PICTURES else "masks") / f"{key}.{suffix}"
        if not path.is_file():
            raise KeyError(path.name)
        return path.read_bytes()

    return read


def require_pycocotools() -> None:
    """Checks that COCO's masks can be encoded.

    Raises:
        MissingExtra: pycocotools is not installed; the message holds the command.
    """
    try:
        import pycocotools.mask  # noqa: F401
    except ImportError as error:
        raise MissingExtra(
            "COCO's masks need pycocotools; install it with: pip install 'limbfix[synthesis]'"
        ) from error
