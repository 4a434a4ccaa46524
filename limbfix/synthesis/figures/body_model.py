"""What does a person look like before anything happens to them? MakeHuman's hm08 body: mesh, shapes, rig and skin weights.

Units are decimetres; y points up, z to the front, x to the subject's left. Bone names end in `.L` or `.R`, the subject's own side.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import scipy.sparse as sparse

from limbfix.synthesis.assets import body_data_folder
from limbfix.synthesis.figures.body_data import read_body
from limbfix.synthesis.figures.subdivision import SparseMatrix

_CACHE_NAME = "body-2.npz"  # the number changes with the arrays in it


@dataclass(frozen=True, kw_only=True)
class BodyShape:
    """Form of a body, MakeHuman's macro parameters.

    Attributes:
        gender: 0 female to 1 male.
        age: 0 baby, 0.1875 child, 0.5 young, 1 old.
        muscle, weight, height, proportion: 0-1, 0.5 the average.
        ancestry: shares of the three base forms; need not sum to 1.
        details: other targets -> 0-1, e.g. `hands/l-hand-scale-incr`.
    """

    gender: float = 0.5
    age: float = 0.5
    muscle: float = 0.5
    weight: float = 0.5
    height: float = 0.5
    proportion: float = 0.5
    ancestry: tuple[float, float, float] = (1.0, 1.0, 1.0)
    details: Mapping[str, float] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class BodyModel:
    """The hm08 body.

    Attributes:
        vertices: (n, 3) float32 neutral rest positions, body and helper geometry (clothes, hair, eyes) together.
        uv, faces, face_uv: see `body_data.read_mesh`.
        bones, parents: names and parent indices, parents first.
        weights: (n, bones) sparse float32.
        groups: named vertex groups, e.g. `body`, `helper-tights`.
        targets: (t, n, 3) float16 offsets.
        target_index: name -> row of `targets`.
        regressors: ((bones, n) heads, (bones, n) tails) sparse: joint positions from vertices.
    """

    vertices: np.ndarray
    uv: np.ndarray
    faces: np.ndarray
    face_uv: np.ndarray
    bones: tuple[str, ...]
    parents: tuple[int, ...]
    weights: SparseMatrix
    groups: Mapping[str, np.ndarray]
    targets: np.ndarray
    target_index: Mapping[str, int]
    regressors: tuple[SparseMatrix, SparseMatrix]

    @cached_property
    def bone_index(self) -> Mapping[str, int]:
        """Bone name -> index."""
        return {name: i for i, name in enumerate(self.bones)}

    def mask(self, *groups: str) -> np.ndarray:
        """Returns (n,) bool: the vertices of the named groups."""
        chosen = np.zeros(len(self.vertices), bool)
        for group in groups:
            chosen[self.groups[group]] = True
        return chosen

    def weight_of(self, prefixes: tuple[str, ...], side: str = "") -> np.ndarray:
        """Returns (n,) float32: summed weight of the bones that begin with a prefix and end in `.L` or `.R` if asked."""
        columns = [i for i, bone in enumerate(self.bones) if bone.startswith(prefixes) and bone.endswith(side)]
        return np.asarray(self.weights[:, columns].sum(1), np.float32).ravel()

    def joints(self, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns heads and tails of all bones, (bones, 3) each, of a shaped body (n, 3)."""
        return self.regressors[0] @ vertices, self.regressors[1] @ vertices

    def shaped(self, shape: BodyShape) -> np.ndarray:
        """Returns (n, 3) float32 rest positions of a body of this shape."""
        weights = {name: value for name, value in target_weights(shape).items() if value > 1e-4}
        rows = [self.target_index[name] for name in weights if name in self.target_index]
        values = [value for name, value in weights.items() if name in self.target_index]
        shaped = self.vertices.copy()
        for row, value in zip(rows, values, strict=True):
            shaped += np.float32(value) * self.targets[row]
        return shaped


def _three_way(value: float, low: str, middle: str, high: str) -> dict[str, float]:
    return {low: max(0.0, 1 - 2 * value), middle: 1 - abs(2 * value - 1), high: max(0.0, 2 * value - 1)}


def _ages(age: float) -> dict[str, float]:
    stops = ((0.0, "baby"), (0.1875, "child"), (0.5, "young"), (1.0, "old"))
    for (low, younger), (high, older) in itertools.pairwise(stops):
        if age <= high:
            share = (age - low) / (high - low)
            return {younger: 1 - share, older: share}
    raise ValueError(f"expected an age from 0 to 1, got {age}")


def target_weights(shape: BodyShape) -> dict[str, float]:
    """Returns the weight of each shape target, as MakeHuman combines its macro parameters (products of the shares)."""
    total = sum(shape.ancestry)
    races = {n: part / total for n, part in zip(("caucasian", "african", "asian"), shape.ancestry, strict=True)}
    muscles = _three_way(shape.muscle, "minmuscle", "averagemuscle", "maxmuscle")
    weights = _three_way(shape.weight, "minweight", "averageweight", "maxweight")
    heights = {"minheight": max(0.0, 1 - 2 * shape.height), "maxheight": max(0.0, 2 * shape.height - 1)}
    forms = {
        "uncommonproportions": max(0.0, 1 - 2 * shape.proportion),
        "idealproportions": max(0.0, 2 * shape.proportion - 1),
    }
    result: dict[str, float] = {}
    genders = {"female": 1 - shape.gender, "male": shape.gender}
    for (gender, g), (age, a) in itertools.product(genders.items(), _ages(shape.age).items()):
        for race, r in races.items():
            result[f"macrodetails/{race}-{gender}-{age}"] = g * a * r
        for (muscle, m), (weight, w) in itertools.product(muscles.items(), weights.items()):
            stem, share = f"{gender}-{age}-{muscle}-{weight}", g * a * m * w
            result[f"macrodetails/universal-{stem}"] = share
            result.update({f"macrodetails/height/{stem}-{name}": share * value for name, value in heights.items()})
            result.update({f"macrodetails/proportions/{stem}-{name}": share * value for name, value in forms.items()})
    result.update(shape.details or {})
    return result


def _split(rows: np.ndarray, counts: np.ndarray) -> list[np.ndarray]:
    return np.split(rows, np.cumsum(counts)[:-1])


def _regressor(rows: np.ndarray, counts: np.ndarray, n: int) -> SparseMatrix:
    bone = np.repeat(np.arange(len(counts)), counts)
    return sparse.csr_matrix((np.repeat(1 / counts, counts).astype(np.float32), (bone, rows)), (len(counts), n))


def _arrays(folder: Path) -> dict[str, np.ndarray]:
    cache = folder.parent / _CACHE_NAME
    if not cache.exists():
        arrays = read_body(folder)
        scratch = cache.with_suffix(f".{np.random.SeedSequence().entropy}.npz")  # two processes may build it at once
        np.savez(scratch, **arrays)  # pyright: ignore[reportArgumentType]
        scratch.replace(cache)
    with np.load(cache, allow_pickle=False) as stored:
        return dict(stored)


@lru_cache(maxsize=1)
def load_body_model() -> BodyModel:
    """Loads the body model; the first call of all takes some seconds to read MakeHuman's text files, later ones 0.2 s.

    Raises:
        AssetMissing: the body data is not on this machine; the message holds the command that fetches it.
    """
    a = _arrays(body_data_folder())
    n = len(a["vertices"])
    return BodyModel(
        vertices=a["vertices"],
        uv=a["uv"],
        faces=a["faces"],
        face_uv=a["face_uv"],
        bones=tuple(str(name) for name in a["bones"]),
        parents=tuple(int(parent) for parent in a["parents"]),
        weights=sparse.csr_matrix(a["weights"]),
        groups=dict(zip((str(x) for x in a["group_names"]), _split(a["group_rows"], a["group_counts"]), strict=True)),
        targets=a["targets"],
        target_index={str(name): row for row, name in enumerate(a["target_names"])},
        regressors=(
            _regressor(a["head_rows"], a["head_counts"], n),
            _regressor(a["tail_rows"], a["tail_counts"], n),
        ),
    )
