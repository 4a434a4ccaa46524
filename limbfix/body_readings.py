"""What do the body parser's maps say of a picture? People and limbs with lines, masks and ends, in px of the picture.

Lines come from `limbfix.body_assembly`, their chances from `limbfix.limb_beliefs`, ends from `limbfix.limb_ends`, what is not seen from `limbfix.hidden_limbs`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from limbfix.bodies import AbsentLimb, BodyPiece, BodyReading, LimbLine, LimbRoot, PersonGraph
from limbfix.body_assembly import BodyTraces, PersonTrace, assemble_bodies
from limbfix.body_bones import BodyMaps
from limbfix.body_chains import Chain
from limbfix.body_guides import Guide
from limbfix.body_masks import BodyPlace, body_masks
from limbfix.body_pieces import body_pieces
from limbfix.clipped_linear import ClippedLinear
from limbfix.digits import Mask
from limbfix.geometry import Box
from limbfix.hidden_limbs import absent_limbs
from limbfix.limb_beliefs import limb_features
from limbfix.limb_ends import covered_share, end_of, side_of


def read_bodies(
    maps: BodyMaps, place: BodyPlace, guides: Sequence[Guide] = (), model: ClippedLinear | None = None
) -> BodyReading:
    """Turns the maps of a picture into a reading.

    Args:
        maps: of the whole picture, in one view.
        place: of the view in the picture.
        guides: people whom MoveNet sees in it.
        model: tells how probably a line is a limb; None: nobody asks, and every line counts.
    """
    traces = assemble_bodies(maps, place.room_xyxy, guides)
    every = [*(limb for person in traces.people for limb in person.limbs), *traces.loose]
    masks, unclaimed = body_masks(maps.parts, every, place)
    chances = [1.0] * len(every)
    if model is not None:
        judged = model.chances(limb_features(traces.people, maps)).tolist()
        chances[: len(judged)] = judged  # loose limbs come last, and are not judged
    by_limb = {id(limb): (mask, chance) for limb, mask, chance in zip(every, masks, chances, strict=True)}
    people = tuple(_graph(index, one, traces, maps, place, by_limb) for index, one in enumerate(traces.people))
    loose = tuple(
        _line(index, chain, None, LimbRoot.OPEN if chain.is_open else LimbRoot.UNSEEN, traces, maps, place, by_limb)
        for index, chain in enumerate(traces.loose)
    )
    people = tuple(sorted(people, key=lambda graph: graph.box.x_min))
    pieces = body_pieces(traces.ground, [graph.box for graph in people], place)
    return BodyReading(
        people=people, loose=loose, unclaimed=unclaimed, pieces=tuple(BodyPiece(box=box) for box in pieces)
    )


def _graph(
    index: int,
    person: PersonTrace,
    traces: BodyTraces,
    maps: BodyMaps,
    place: BodyPlace,
    found: dict[int, tuple[Mask | None, float]],
) -> PersonGraph:
    limbs = tuple(
        _line(
            number,
            chain,
            index,
            LimbRoot.POINTED if chain.neck is None else LimbRoot.JOINED,
            traces,
            maps,
            place,
            found,
        )
        for number, chain in enumerate(person.limbs)
    )
    absent = tuple(
        AbsentLimb(
            kind=one.kind, side=one.side, state=one.state, clear=one.clear,
            place=None if one.place is None else place.to_picture(one.place),
        )
        for one in absent_limbs(person, index, maps, traces.ground)
    )  # fmt: skip
    return PersonGraph(
        person_index=None,
        box=_box(person, limbs, place),
        score=round(person.score, 4),
        neck=None if person.neck is None else place.to_picture(person.neck),
        head=None if person.head is None else place.to_picture(person.head),
        shoulders=place.to_picture(person.shoulders),
        hips=place.to_picture(person.hips),
        limbs=limbs,
        absent=absent,
    )


def _line(
    number: int,
    chain: Chain,
    person: int | None,
    root: LimbRoot,
    traces: BodyTraces,
    maps: BodyMaps,
    place: BodyPlace,
    found: dict[int, tuple[Mask | None, float]],
) -> LimbLine:
    mask, chance = found[id(chain)]
    side, side_score = side_of(chain.xy, maps)
    end, end_score = end_of(chain, maps, traces.ground, person)
    return LimbLine(
        limb_index=number,
        kind=chain.kind,
        side=side,
        side_score=side_score,
        polyline=place.to_picture(chain.xy),
        joints=chain.joints,
        joint_scores=chain.heat.astype(np.float32),
        score=round(chain.score, 4),
        root=root,
        end=end,
        end_score=end_score,
        covered=covered_share(chain.xy, maps),
        forked=chain.forked,
        mask=mask,
        chance=round(chance, 4),
    )


def _box(person: PersonTrace, limbs: tuple[LimbLine, ...], place: BodyPlace) -> Box:
    """Returns the box around the joints, with half a head's margin above, and the limbs' masks; inside the picture."""
    points = [person.shoulders, person.hips, *(chain.xy for chain in person.limbs)]
    points += [xy[None] for xy in (person.neck, person.head) if xy is not None]
    around = Box.around(place.to_picture(np.concatenate(points))).grown(0.05)
    corners = [np.reshape(limb.box.xyxy, (2, 2)) for limb in limbs if limb.mask is not None]
    whole = Box.around(np.concatenate([np.reshape(around.xyxy, (2, 2)), *corners]))
    return whole.clipped(place.width, place.height)
