"""What becomes of a sample's labels when a hand in it melts? Maps go along with the pixels; instances get faults, and new ones come."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from scipy import ndimage

from limbfix.synthesis.melting.jointed_views import JointedView
from limbfix.synthesis.melting.melts import Melt
from limbfix.synthesis.melting.targets import Target
from limbfix.synthesis.samples import PART_ID, PARTS, SURFACE_ID, Defect, Instance, Joint, Sample

CHANGED_LEVELS = 14
"""Of 255, in the channel that differs most: what a person sees at a glance; more than for renders, as photographs have grain."""

LEAST_CHANGED = 0.02
"""Changed area in palm lengths squared from which a melt is seen: a fingertip has about 0.04."""

_LOST_PX = 6.0
"""A joint with no pixel that comes from within this distance of it has vanished."""


def melted(sample: Sample, target: Target, melt: Melt) -> Sample:
    """Returns the sample after an operator on a target of it: pixels, maps and instances; role and defects stay as they are."""
    maps = [
        cv2.remap(values, melt.origin[..., 0], melt.origin[..., 1], cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT)
        for values in (sample.instance_map, sample.part_map, sample.surface_map)
    ]
    if melt.cleared is not None:
        bare = melt.cleared & np.isin(maps[0], target.whole)
        for values, nothing in zip(maps, (0, PART_ID["background"], SURFACE_ID["background"]), strict=True):
            values[bare] = nothing
    concerned = {target.chains[index][0] for index in melt.damaged}
    instances = [
        _faulty(_moved(item, melt), melt) if item.id in concerned else _moved(item, melt) for item in sample.instances
    ]
    for extra in melt.extras:
        like = next(item for item in instances if item.id == target.chains[extra.like][0])
        new = _extra(like, max(item.id for item in instances) + 1, extra.joints, maps[0].shape)
        maps[0][extra.mask] = new.id
        _give_parts(maps[1], extra.mask, new)
        maps[2][extra.mask & (maps[2] == SURFACE_ID["background"])] = SURFACE_ID["skin"]
        instances.append(new)
    pixels = np.bincount(maps[0].ravel(), minlength=max(item.id for item in instances) + 1)
    return replace(
        sample,
        pixels=melt.pixels,
        instance_map=maps[0],
        part_map=maps[1],
        surface_map=maps[2],
        instances=tuple(replace(item, visible_px=int(pixels[item.id])) for item in instances),
    )


def defect_of(melt: Melt, before: Sample, after: Sample, target: Target, region: np.ndarray) -> Defect:
    """Returns the label of a damage; `region` is where the pictures of the pair may differ, `target` that of `before`."""
    old = {item.id for item in before.instances}
    ids = [target.chains[index][0] for index in melt.damaged]
    ids += [item.id for item in after.instances if item.id not in old]
    return Defect(
        code=melt.code,
        operator=melt.operator,
        instances=tuple(ids),
        visible=is_seen(melt, target.view),
        region=region,
    )


def is_seen(melt: Melt, view: JointedView) -> bool:
    """Returns whether an operator changed enough for a person to see it."""
    changed = np.abs(melt.pixels.astype(np.int16) - view.pixels).max(axis=2) >= CHANGED_LEVELS
    return bool(changed.sum() >= LEAST_CHANGED * view.unit_px**2)


def _give_parts(part_map: np.ndarray, mask: np.ndarray, new: Instance) -> None:
    """Gives the pixels of something added that came from beside its model, such as the palm at a thumb's root, the part of the nearest that did not."""
    values = [PART_ID[name] for name in PARTS if name.startswith(f"{new.name}_")]
    own = np.isin(part_map, values) if new.kind == "digit" else part_map != PART_ID["background"]
    if (mask & own).any():
        _, (rows, columns) = ndimage.distance_transform_edt(~(mask & own), return_indices=True)  # type: ignore[misc]
        part_map[mask] = part_map[rows, columns][mask]


def _faulty(item: Instance, melt: Melt) -> Instance:
    faults = item.faults if melt.fault in item.faults else (*item.faults, melt.fault)
    if melt.fault != "missing":
        return replace(item, faults=faults)
    lost = tuple(Joint(name=joint.name, xy=(float("nan"), float("nan")), visible=False) for joint in item.joints)
    return replace(item, faults=faults, present=False, joints=lost)


def _moved(item: Instance, melt: Melt) -> Instance:
    """Moves joints to the pixel that comes from them."""
    return replace(item, joints=tuple(_moved_joint(joint, melt) for joint in item.joints))


def _moved_joint(joint: Joint, melt: Melt) -> Joint:
    height, width = melt.region.shape
    x, y = joint.xy
    if not (np.isfinite(x) and 0 <= x < width and 0 <= y < height):
        return joint
    row, column = min(int(y + 0.5), height - 1), min(int(x + 0.5), width - 1)
    if melt.cleared is not None and melt.cleared[row, column]:
        return replace(joint, visible=False)
    far = np.hypot(melt.origin[..., 0] - x, melt.origin[..., 1] - y)
    least = float(far.min())
    if least > _LOST_PX:
        return replace(joint, visible=False)
    if far[row, column] <= least + 0.75:
        return joint
    row, column = np.unravel_index(int(far.argmin()), far.shape)
    return replace(joint, xy=(float(column), float(row)))


def _extra(like: Instance, fresh: int, joints: np.ndarray, shape_hw: tuple[int, ...]) -> Instance:
    """Returns the instance of something added: as what it is a copy of, with the joints of the copy."""
    chosen = joints if len(like.joints) == len(joints) else joints[[0, 0, 3]] if like.kind == "foot" else joints[:3]
    places = tuple(
        Joint(
            name=joint.name,
            xy=(float(x), float(y)),
            visible=bool(joint.visible and 0 <= x < shape_hw[1] and 0 <= y < shape_hw[0]),
        )
        for joint, (x, y) in zip(like.joints, chosen, strict=True)
    )
    return replace(like, id=fresh, faults=("extra",), joints=places)
