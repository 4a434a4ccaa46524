"""What is seen of people's limbs? The types of a reading of bodies: people as graphs, limbs without a person, limbs that are absent.

Nothing here holds a place for two arms: a person has as many limbs as were seen. Frame of every number: px of the upright original.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from limbfix.digits import Mask
from limbfix.geometry import Box, distance
from limbfix.limb_looks import LimbLook
from limbfix.parts import Side

if TYPE_CHECKING:
    from limbfix.images import Picture

EXPECTED_LIMBS = 2
"""Arms, and legs, of a human being. What others may have is the policy's affair."""

LEAST_CHANCE = 0.3
"""Chance from which a line counts as a limb; see `limbfix.limb_beliefs`. On 2026-11-29, on made people of whom every limb is in plain view: about where as
many limbs are lost as are counted too often, and most numbers are exact."""


class LimbKind(StrEnum):
    """Arms and legs."""

    ARM = "arm"
    LEG = "leg"


LIMB_JOINTS: Mapping[LimbKind, tuple[str, ...]] = {
    LimbKind.ARM: ("shoulder", "elbow", "wrist", "hand"),
    LimbKind.LEG: ("hip", "knee", "ankle", "foot"),
}
"""Joints of a limb, from the trunk outwards, as our network names them."""


class LimbEnd(StrEnum):
    """How a limb ends: with its hand or foot, behind something, beyond the frame, in a stump, or nobody can say."""

    SEEN = "seen"
    BEHIND = "behind"
    OUTSIDE = "outside"
    STUMP = "stump"
    CANNOT_TELL = "cannot_tell"


class LimbRoot(StrEnum):
    """What a limb begins with.

    `joined`: bones lead to its person's neck. `pointed`: no bone does, but its pixels point to that person (an arm from behind somebody).
    Of limbs without a person: `open`: it begins in the open; `unseen`: its beginning is hidden or beyond the frame.
    """

    JOINED = "joined"
    POINTED = "pointed"
    OPEN = "open"
    UNSEEN = "unseen"


class Absence(StrEnum):
    """What can be said of a limb that is not seen."""

    MISSING = "missing"
    HIDDEN = "hidden"
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class FootLook:
    """How the foot at a leg's end looks.

    Attributes:
        box: of the foot, px.
        oddness: in standard deviations of normal made feet, 0 for the usual one; larger = looks more wrong.
    """

    box: Box
    oddness: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LimbLine:
    """One arm or leg that is there.

    Attributes:
        limb_index: position in its owner's `limbs`, or in the reading's `loose`.
        kind: arm or leg.
        side, side_score: the subject's own side, and how surely, 0-1; unknown where the network is not sure.
        polyline: float32 (k, 2) px, k >= 1, from the trunk outwards.
        joints: names of its points, of `LIMB_JOINTS`; joints that are not seen are left out.
        joint_scores: float32 (k,), 0-1.
        score: 0-1, how surely it is a limb.
        root: what it begins with.
        end, end_score: how it ends, and how surely, 0-1.
        covered: share of it, 0-1, that clothes cover.
        forked: whether it shares an inner joint with another limb.
        mask: its own pixels, or None where none are its own.
        hands: `hand_index` of the scene's hands that lie at its end, as many as there are.
        chance: 0-1, how probably the line is a limb of its own; 1 where nobody judged it.
        foot: how its foot looks; None of arms, and where nobody looked at it.
    """

    limb_index: int
    kind: LimbKind
    side: Side
    side_score: float
    polyline: np.ndarray
    joints: tuple[str, ...]
    joint_scores: np.ndarray
    score: float
    root: LimbRoot
    end: LimbEnd
    end_score: float
    covered: float = 0.0
    forked: bool = False
    mask: Mask | None = None
    hands: tuple[int, ...] = ()
    chance: float = 1.0
    foot: FootLook | None = None

    @property
    def box(self) -> Box:
        """px: around the mask and the line; the line alone, with a margin, where it has no mask."""
        if self.mask is None:
            return Box.around(self.polyline).grown(0.1)
        rows, columns = self.mask.pixels.shape
        corners = [(self.mask.left, self.mask.top), (self.mask.left + columns, self.mask.top + rows)]
        return Box.around(np.concatenate([self.polyline, np.array(corners, np.float32)]))

    @property
    def stem(self) -> tuple[tuple[float, float], ...]:
        """Its points but the hand or foot: two hands at one wrist are ends of one arm, and share their stem."""
        points = [
            tuple(point) for name, point in zip(self.joints, self.polyline.round(1).tolist(), strict=True)
            if name not in ("hand", "foot")
        ]  # fmt: skip
        return tuple((x, y) for x, y in points)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AbsentLimb:
    """An arm or leg that a person does not show.

    Attributes:
        kind, side: what is not seen; the side may be unknown.
        state: missing where its place is in plain view, else hidden, else nobody can tell.
        clear: share, 0-1, of the place where it could be that shows background, or how surely a stump is seen there, if that is
            more; nan where there is no place.
        place: float32 (3, 2) px, where it would lie if it mirrored the other one, or None.
    """

    kind: LimbKind
    side: Side
    state: Absence
    clear: float
    place: np.ndarray | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PersonGraph:
    """One person, with every limb that is there.

    Attributes:
        person_index: of the scene's person that this is, or None before the scene is made.
        box: px, around joints and limbs.
        score: 0-1, how surely somebody is there.
        neck, head: float32 (2,) px, or None where they are not seen.
        shoulders, hips: float32 (n, 2) px, as many as are seen.
        limbs: arms, then legs, as many as there are.
        absent: the arms and legs that two of each lack.
        look: how its limbs look, taken together; None where nobody looked.
    """

    person_index: int | None
    box: Box
    score: float
    neck: np.ndarray | None
    head: np.ndarray | None
    shoulders: np.ndarray
    hips: np.ndarray
    limbs: tuple[LimbLine, ...]
    absent: tuple[AbsentLimb, ...] = ()
    look: LimbLook | None = None

    @property
    def torso(self) -> float:
        """Length from the neck to the middle of the hips in px; nan where either is not seen."""
        if self.neck is None or not len(self.hips):
            return float("nan")
        return distance(self.neck, self.hips.mean(0))

    def of_kind(self, kind: LimbKind) -> tuple[LimbLine, ...]:
        """Returns the arms, or the legs; of two that differ in their hand or foot alone, the surer one.

        A hand or foot alone is no proof of a third limb: such ones are left out beyond two.
        """
        kept: dict[tuple[tuple[float, float], ...], LimbLine] = {}
        for limb in sorted(self.limbs, key=lambda limb: -limb.score):
            if limb.kind is kind:
                # a hand alone has no stem; each is a limb of its own
                kept.setdefault(limb.stem or ((float(limb.limb_index), -1.0),), limb)
        whole = [limb for limb in kept.values() if len(limb.joints) > 1]
        alone = [limb for limb in kept.values() if len(limb.joints) == 1]
        limbs = whole + alone[: max(0, EXPECTED_LIMBS - len(whole))]
        return tuple(sorted(limbs, key=lambda limb: limb.limb_index))

    def counted(self, kind: LimbKind) -> tuple[LimbLine, ...]:
        """Returns the arms, or the legs, that are probable enough to be counted (`LEAST_CHANCE`)."""
        return tuple(limb for limb in self.of_kind(kind) if limb.chance >= LEAST_CHANCE)

    @property
    def has_counted(self) -> bool:
        """Whether any of its limbs counts; who has none may be nobody."""
        return any(self.counted(kind) for kind in LimbKind)

    def backing(self, kind: LimbKind) -> float:
        """Returns how far the limb judge backs an arm, or a leg, too many; 1 where it did not look. See `LimbLook.backing`."""
        return 1.0 if self.look is None else self.look.backing(f"extra_{kind.value}")

    def extra(self, kind: LimbKind) -> tuple[LimbLine, ...]:
        """Returns the counted limbs beyond two, where it is known which they are: the fainter branch of a fork, the fainter of one side.

        Empty where nobody can say.
        """
        limbs = self.counted(kind)
        surplus = len(limbs) - EXPECTED_LIMBS
        if surplus <= 0:
            return ()
        forks: dict[tuple[float, ...], list[LimbLine]] = {}
        for limb in (limb for limb in limbs if limb.forked):
            forks.setdefault(tuple(limb.polyline[0].round(1).tolist()), []).append(limb)
        sides = [[limb for limb in limbs if limb.side is side] for side in (Side.LEFT, Side.RIGHT)]
        branches = [one for group in forks.values() for one in _all_but_the_surest(group)]
        pointed = [limb for limb in limbs if limb.root is LimbRoot.POINTED]
        found = branches or pointed or [one for group in sides for one in _all_but_the_surest(group)]
        weakest = sorted(found, key=lambda limb: limb.score)[:surplus]
        return tuple(sorted(weakest, key=lambda limb: limb.limb_index))


def _all_but_the_surest(limbs: list[LimbLine]) -> list[LimbLine]:
    return sorted(limbs, key=lambda limb: -limb.score)[1:]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BodyPiece:
    """A large piece of somebody in whom nobody was made out.

    Attributes:
        box: px.
        look: how its limbs look, taken together; None where nobody looked.
    """

    box: Box
    look: LimbLook | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BodyReading:
    """What our network read of all bodies of one picture.

    Attributes:
        people: as many as there are, in order of their left edge.
        loose: limbs that belong to nobody.
        unclaimed: by kind, the pixels of arms and legs that no limb explains; kinds without such pixels are left out.
        pieces: of somebody in whom nobody was made out, largest first.
    """

    people: tuple[PersonGraph, ...] = ()
    loose: tuple[LimbLine, ...] = ()
    unclaimed: Mapping[LimbKind, Mask] = field(default_factory=dict)
    pieces: tuple[BodyPiece, ...] = ()

    def graph_of(self, person_index: int) -> PersonGraph | None:
        """Returns the graph of one of the scene's people, or None where none was read."""
        return next((graph for graph in self.people if graph.person_index == person_index), None)


@runtime_checkable
class ReadsBodies(Protocol):
    """A detector that reads the bodies of a whole picture at once."""

    name: str

    def read_bodies(self, picture: Picture) -> BodyReading:
        """Returns people and limbs.

        Raises:
            DetectorError: it failed; that is never read as "nobody there".
        """
        ...
