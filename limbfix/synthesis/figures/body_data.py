"""What is in MakeHuman's files? Reads the hm08 base mesh, its shape targets, rig and skin weights (CC0), once, into arrays."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np

Quads = tuple[np.ndarray, np.ndarray]

TARGET_FOLDERS = ("macrodetails", "macrodetails/height", "macrodetails/proportions", "hands", "feet")
"""Shape targets that the engine uses: whole-body form, and the form of hands and feet."""


def read_mesh(path: Path) -> dict[str, np.ndarray]:
    """Reads an OBJ file of quads.

    Returns:
        `vertices` (n, 3) float32 decimetres, `uv` (m, 2) float32 0-1, `faces` (f, 4) int32 into vertices, `face_uv` (f, 4)
        int32 into uv. A triangle is a quad whose last corner is repeated.
    """
    vertices, uv, faces, face_uv = [], [], [], []
    for line in path.read_text(encoding="utf-8").splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == "v":
            vertices.append([float(word) for word in words[1:4]])
        elif words[0] == "vt":
            uv.append([float(word) for word in words[1:3]])
        elif words[0] == "f":
            corners = [word.split("/") for word in words[1:]]
            corners += [corners[-1]] * (4 - len(corners))
            faces.append([int(corner[0]) - 1 for corner in corners])
            face_uv.append([int(corner[1]) - 1 if len(corner) > 1 and corner[1] else 0 for corner in corners])
    return {
        "vertices": np.array(vertices, np.float32),
        "uv": np.array(uv, np.float32),
        "faces": np.array(faces, np.int32),
        "face_uv": np.array(face_uv, np.int32),
    }


def read_groups(path: Path) -> dict[str, np.ndarray]:
    """Reads named vertex groups: name -> int32 vertex indices."""
    ranges = json.loads(path.read_text(encoding="utf-8"))
    return {
        name: np.concatenate([np.arange(first, last + 1, dtype=np.int32) for first, last in spans])
        for name, spans in ranges.items()
    }


def bones_in_order(rig: dict[str, Any]) -> list[str]:
    """Returns the names of a rig's bones, parents before children."""
    done: dict[str, None] = {}
    waiting = list(rig)
    while waiting:
        ready = [bone for bone in waiting if not rig[bone].get("parent") or rig[bone]["parent"] in done]
        if not ready:
            raise ValueError(f"expected a tree of bones, got a loop among {waiting[:5]}")
        done.update(dict.fromkeys(ready))
        waiting = [bone for bone in waiting if bone not in done]
    return list(done)


def joint_vertices(end: dict[str, Any], groups: dict[str, np.ndarray]) -> np.ndarray:
    """Returns the vertices whose mean is one end of a bone."""
    if end["strategy"] == "CUBE":
        return groups[end["cube_name"]]
    if end["strategy"] == "VERTEX":
        return np.array([end["vertex_index"]], np.int32)
    return np.array(end["vertex_indices"], np.int32)


def read_weights(path: Path, bones: list[str], n: int) -> np.ndarray:
    """Reads skin weights: (n, bones) float32, each row sums to 1; a vertex without weights hangs on the root."""
    column = {bone: i for i, bone in enumerate(bones)}
    weights = np.zeros((n, len(bones)), np.float32)
    for bone, pairs in json.loads(path.read_text(encoding="utf-8"))["weights"].items():
        if bone in column and pairs:
            vertices, values = zip(*pairs, strict=True)
            weights[list(vertices), column[bone]] = values
    weights[weights.sum(1) == 0, 0] = 1
    weights[weights < 1e-3] = 0  # too little to see; keeps the matrix sparse
    return weights / weights.sum(1, keepdims=True)


def read_target(path: Path, n: int) -> np.ndarray:
    """Reads one shape target: (n, 3) float32 offsets in decimetres."""
    offsets = np.zeros((n, 3), np.float32)
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            words = line.split()
            if len(words) == 4 and not words[0].startswith("#"):
                offsets[int(words[0])] = [float(word) for word in words[1:]]
    return offsets


def read_body(folder: Path) -> dict[str, np.ndarray]:
    """Reads everything that `BodyModel` holds from the extracted `mpfb2` folder, as plain arrays for an npz file."""
    arrays = read_mesh(folder / "3dobjs/base.obj")
    n = len(arrays["vertices"])
    groups = read_groups(folder / "mesh_metadata/basemesh_vertex_groups.json")
    rig = json.loads((folder / "rigs/standard/rig.default.json").read_text(encoding="utf-8"))
    bones = bones_in_order(rig)
    arrays["bones"] = np.array(bones)
    arrays["parents"] = np.array([bones.index(rig[b]["parent"]) if rig[b].get("parent") else -1 for b in bones])
    for end in ("head", "tail"):
        rows = [joint_vertices(rig[bone][end], groups) for bone in bones]
        arrays[f"{end}_rows"] = np.concatenate(rows)
        arrays[f"{end}_counts"] = np.array([len(row) for row in rows])
    arrays["weights"] = read_weights(folder / "rigs/standard/weights.default.json", bones, n)
    arrays["group_names"] = np.array(sorted(groups))
    arrays["group_rows"] = np.concatenate([groups[name] for name in sorted(groups)])
    arrays["group_counts"] = np.array([len(groups[name]) for name in sorted(groups)])
    files = [path for part in TARGET_FOLDERS for path in sorted((folder / "targets" / part).glob("*.target.gz"))]
    names = [path.relative_to(folder / "targets").as_posix().removesuffix(".target.gz") for path in files]
    arrays["target_names"] = np.array(names)
    arrays["targets"] = np.stack([read_target(path, n) for path in files]).astype(np.float16)
    return arrays
