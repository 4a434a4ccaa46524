"""How is a sample written down and read back? As plain JSON values beside its files; nothing that it holds is lost.

Absent is null: a joint that does not exist, a share that is unknown. What is written is checked first, so that a stream that
breaks the contract of `samples` fails on the picture that does so, and not in somebody's training.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from limbfix.errors import SynthesisError
from limbfix.findings import DefectCode
from limbfix.synthesis import maps
from limbfix.synthesis.samples import JOINTS, PARTS, SURFACES, Defect, Instance, Joint, Sample

SCHEMA_VERSION = 1

_KEY = re.compile(r"[a-z0-9-]+")
_MAPS = {
    "instance_map": ("instances.png", maps.encode_instances, maps.decode_instances),
    "part_map": ("parts.png", maps.encode_parts, maps.decode_palette),
    "surface_map": ("surfaces.png", maps.encode_surfaces, maps.decode_palette),
}
_SHARES = ("visible_fraction", "outside_fraction")


def files_of(sample: Sample, picture: str) -> dict[str, bytes]:
    """Returns a sample's pictures and maps: what follows the key in the file's name -> bytes.

    Args:
        sample: what to write.
        picture: `png` or `jpg`.

    Raises:
        SynthesisError: the sample breaks the contract.
    """
    require_sound(sample)
    files = {picture: maps.encode_pixels(sample.pixels, picture)}
    files |= {suffix: encode(getattr(sample, name)) for name, (suffix, encode, _) in _MAPS.items()}
    for i, defect in enumerate(sample.defects):
        if defect.region is not None:
            files[_region_suffix(i)] = maps.encode_region(defect.region)
    return files


def record_of(sample: Sample) -> dict[str, Any]:
    """Returns everything but pixels and maps, as plain JSON values."""
    height, width = sample.instance_map.shape
    return {
        "schema_version": SCHEMA_VERSION,
        "key": sample.key,
        "group": sample.group,
        "stream": sample.stream,
        "role": sample.role,
        "operator": sample.operator,
        "order": int(sample.order),
        "width": width,
        "height": height,
        "exact": bool(sample.exact),
        "hands": [_hand(sample, item) for item in sample.instances if item.kind == "hand"],
        "defects": [_defect(defect, i) for i, defect in enumerate(sample.defects)],
        "instances": [_instance(item) for item in sample.instances],
        "recipe": plain(sample.recipe, f"recipe of {sample.key}"),
    }


def sample_of(record: Mapping[str, Any], read: Callable[[str], bytes]) -> Sample:
    """Returns the sample that `record_of` and `files_of` wrote.

    Args:
        record: from `record_of`.
        read: gives the bytes of the file with a suffix; raises KeyError where there is none.

    Raises:
        SynthesisError: a file or a field is missing, or of another version.
    """
    if record.get("schema_version") != SCHEMA_VERSION:
        found = record.get("schema_version")
        raise SynthesisError(f"expected labels of version {SCHEMA_VERSION}, got {found}; make the pictures again")
    try:
        same = {
            name: record[name] for name in ("key", "group", "stream", "role", "operator", "order", "exact", "recipe")
        }
        return Sample(
            **same,
            pixels=maps.decode_pixels(_first(read, ("png", "jpg"))),
            **{name: decode(read(suffix)) for name, (suffix, _, decode) in _MAPS.items()},
            instances=tuple(_read_instance(row) for row in record["instances"]),
            defects=tuple(_read_defect(row, read) for row in record["defects"]),
        )
    except KeyError as error:
        raise SynthesisError(f"{record.get('key')}: expected {error}, found none; the shard is not whole") from error


def require_sound(sample: Sample) -> None:
    """Checks a sample against the contract of `samples`.

    Raises:
        SynthesisError: says which rule it breaks.
    """
    problem = _map_problem(sample) or _instance_problem(sample) or _defect_problem(sample)
    if problem is not None:
        raise SynthesisError(f"{sample.key}: {problem}")


def plain(value: Any, what: str) -> Any:
    """Returns a value as JSON knows it: NumPy numbers become Python's, tuples lists, and what is not finite null.

    Raises:
        SynthesisError: it holds something else, such as an array or a path.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item, what) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, what) for item in value]
    raise SynthesisError(f"{what}: expected numbers, texts, lists and tables, got {type(value).__name__}")


def _map_problem(sample: Sample) -> str | None:
    if not _KEY.fullmatch(sample.key):
        return "expected a key of a-z, 0-9 and -"
    shape = sample.instance_map.shape
    wanted = {"pixels": (*shape, 3), "part_map": shape, "surface_map": shape}
    for name, size in wanted.items():
        found = getattr(sample, name)
        if found.shape != size or found.dtype != np.uint8:
            return f"expected {name} {size} uint8, got {found.shape} {found.dtype}"
    if sample.instance_map.dtype != np.uint16:
        return f"expected instance_map uint16, got {sample.instance_map.dtype}"
    if int(sample.part_map.max()) >= len(PARTS) or int(sample.surface_map.max()) >= len(SURFACES):
        return "expected values of PARTS and SURFACES in the maps, got larger ones"
    return None


def _instance_problem(sample: Sample) -> str | None:
    ids = [item.id for item in sample.instances]
    if len(set(ids)) != len(ids) or min(ids, default=1) < 1:
        return "expected positive, unique instance ids"
    counts = np.bincount(sample.instance_map.ravel(), minlength=max(ids, default=0) + 1)
    strangers = set(np.flatnonzero(counts).tolist()) - {0, *ids}
    if strangers:
        return f"expected instances for all ids in the map, got none for {sorted(strangers)[:5]}"
    for item in sample.instances:
        if item.visible_px != counts[item.id]:
            return f"expected visible_px {counts[item.id]} of instance {item.id}, got {item.visible_px}"
        if item.owner is not None and item.owner not in ids:
            return f"expected the owner of instance {item.id} among the instances, got {item.owner}"
        if item.joints and tuple(joint.name for joint in item.joints) != JOINTS[item.kind]:
            return f"expected joints {JOINTS[item.kind]} of instance {item.id}, got {[j.name for j in item.joints]}"
        if any(joint.visible and not np.isfinite(joint.xy).all() for joint in item.joints):
            return f"expected a place of every visible joint of instance {item.id}, got nan"
    return None


def _defect_problem(sample: Sample) -> str | None:
    if (sample.role == "defect") != bool(sample.defects):
        return f"expected defects exactly where the role is defect, got {len(sample.defects)} in a {sample.role}"
    for defect in sample.defects:
        region = defect.region
        if region is not None and (region.shape != sample.instance_map.shape or region.dtype != np.bool_):
            return f"expected a bool region {sample.instance_map.shape}, got {region.shape} {region.dtype}"
    return None


def _hand(sample: Sample, hand: Instance) -> dict[str, Any]:
    counts = {"digits_present": sample.digits_present(hand.id), "digits_visible": sample.digits_visible(hand.id)}
    return {"instance": hand.id, "side": hand.side, **counts}


def _defect(defect: Defect, i: int) -> dict[str, Any]:
    region = None if defect.region is None else _region_suffix(i)
    row = {"code": str(defect.code), "operator": defect.operator, "instances": [int(one) for one in defect.instances]}
    return row | {"visible": bool(defect.visible), "region": region}


def _instance(item: Instance) -> dict[str, Any]:
    row = {field.name: getattr(item, field.name) for field in fields(item) if field.name != "joints"}
    joints = [[joint.name, *(_absent(x) for x in joint.xy), bool(joint.visible)] for joint in item.joints]
    return plain(row, f"instance {item.id}") | {"joints": joints}


def _absent(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _read_instance(row: Mapping[str, Any]) -> Instance:
    shares = {name: math.nan if row[name] is None else row[name] for name in _SHARES}
    joints = tuple(
        Joint(name=name, xy=(math.nan if x is None else x, math.nan if y is None else y), visible=visible)
        for name, x, y, visible in row["joints"]
    )
    lists = {name: tuple(row[name]) for name in ("faults", "occluded_by")}
    return Instance(**{**row, **shares, **lists, "joints": joints})


def _read_defect(row: Mapping[str, Any], read: Callable[[str], bytes]) -> Defect:
    region = None if row["region"] is None else maps.decode_region(read(row["region"]))
    instances = tuple(row["instances"])
    return Defect(**{**row, "code": DefectCode(row["code"]), "instances": instances, "region": region})


def _region_suffix(i: int) -> str:
    return "region.png" if i == 0 else f"region{i}.png"


def _first(read: Callable[[str], bytes], suffixes: tuple[str, ...]) -> bytes:
    for suffix in suffixes:
        try:
            return read(suffix)
        except KeyError:
            continue
    raise KeyError(" or ".join(suffixes))
