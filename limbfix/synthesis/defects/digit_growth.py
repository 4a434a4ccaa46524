"""How does a copy of a digit grow out of a hand? Bones, a row in the table, and skin without a seam."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from limbfix.synthesis.defects.digit_sites import PLACES, Placement, copied_digit, site_graft
from limbfix.synthesis.defects.hand_meshes import HandMesh, can_open
from limbfix.synthesis.defects.operators import Parameters
from limbfix.synthesis.defects.seams import Graft
from limbfix.synthesis.figures.anatomy import SIDES, digit_bones
from limbfix.synthesis.figures.figure import Component, Figure, InstanceEntry
from limbfix.synthesis.samples import Side


def add_entry(
    figure: Figure, side: Side, place: Placement, like: tuple[str, ...], *, first: int = 0, parent: int | None = None
) -> tuple[InstanceEntry, dict[int, int]]:
    """Adds the bones and the table row of a copied digit, in its place.

    Args:
        figure, side, place: where to, and of what.
        like: see `InstanceEntry.pose_like`.
        first: the copy begins at this bone; those before it are the original's, and the row lists stand-ins for the posing.
        parent: what the first bone of the copy grows from; None: what the original's does.

    Returns:
        the row, and bones whose weights the copy takes over: old -> new.
    """
    original = figure.find("digit", side, place.digit)
    entry = figure.add_instance("digit", place.digit, side, original.owner, faults=("extra",), pose_like=like)
    bones = figure.clone_bones(digit_bones(place.digit, side), f"#{entry.id}")
    entry.bones = tuple(bones.values())
    own = dict(list(bones.items())[first:])
    for new in own.values():
        figure.heads[new] = place.of(figure.heads[new]).astype(np.float32)
        figure.tails[new] = place.of(figure.tails[new]).astype(np.float32)
    old_root, root = next(iter(own.items()))
    figure.parents[root] = figure.parents[old_root] if parent is None else parent
    entry.joints = tuple((name, own.get(bone, bone), end) for name, bone, end in original.joints)
    if parent is not None:
        own |= {bone: parent for bone in original.bones[:first]}
    return entry, own


def _likes(site: str) -> tuple[str, ...]:
    if site.startswith("gap_"):
        return (copied_digit(site), copied_digit(site, second=True))
    return (copied_digit(site),)


def flesh_of(figure: Figure) -> list[Component]:
    """Returns the layers that are cut and sewn: skin and gloves."""
    return [c for c in figure.components if c.surface in ("skin", "glove") and len(c.rest)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Growth:
    """One copied digit, ready to be sewn in.

    Attributes:
        plan: hole, donor and strip.
        place: where the copy goes.
        bones: old -> new bone index; instances: old -> new id.
    """

    plan: Graft
    place: Placement
    bones: Mapping[int, int]
    instances: Mapping[int, int]


def sew_in(figure: Figure, side: Side, growths: list[Growth], *, rings: int = 2, passes: int = 6) -> None:
    """Sews copied digits into skin and glove; a layer without the faces (a fingerless glove) stays as it is."""
    faces = np.concatenate([np.concatenate([growth.plan.removed, growth.plan.donor]) for growth in growths])
    for layer in flesh_of(figure):
        if not can_open(layer, figure, faces):
            continue
        mesh = HandMesh(figure, layer, side, faces)
        for growth in growths:
            source = np.zeros_like(figure.shaped)
            source[layer.topology.vertex_ids] = growth.place.of(layer.rest)
            mesh.graft(growth.plan, source, growth.bones, growth.instances)
        mesh.sew(rings=rings, passes=passes)


def grow_digits(figure: Figure, side: Side, sites: Mapping[str, Parameters]) -> list[InstanceEntry]:
    """Grows whole digits at some sites; the row must have been spaced for those in gaps.

    Returns:
        the rows of the new digits, in the order of `sites`.
    """
    places = {site: PLACES[site](figure, side, site, p) for site, p in sites.items()}
    entries, growths = [], []
    for site, place in places.items():
        original = figure.find("digit", side, place.digit)
        parent = figure.bone(f"metacarpal4{SIDES[side]}") if site == "thumb_opposite" else None
        first = int(place.digit == "thumb")  # a second thumb leaves the metacarpal to the first
        entry, bones = add_entry(figure, side, place, _likes(site), first=first, parent=parent)
        plan = site_graft(figure.model, side, site, bool(sites[site].get("second")))
        growths.append(Growth(plan=plan, place=place, bones=bones, instances={original.id: entry.id}))
        entries.append(entry)
    sew_in(figure, side, growths)
    return entries
