"""How do a melted hand and its harmless twin come from one normal hand? The same operators with the same numbers, on both."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from limbfix.synthesis.melting.jointed_views import JointedView
from limbfix.synthesis.melting.melted_samples import defect_of, is_seen, melted
from limbfix.synthesis.melting.melts import Melt
from limbfix.synthesis.melting.operators import OperatorTable, draw_operator
from limbfix.synthesis.melting.targets import FindTarget, Target
from limbfix.synthesis.samples import Sample
from limbfix.synthesis.seeds import rng_for

_COUNTS = (0.6, 0.3, 0.1)
"""Shares of hands with one, two and three damages."""

_TRIES = 12
"""Operators that are tried for one damage: many do not fit a folded hand, some change too little to be seen."""

_ALSO_BESIDE = 0.3
"""Share of pairs in which both pictures also carry something harmless beside the hand: it must not mean that the hand is sound."""

_BESIDE = ("elastic", "swirl", "smear", "fade")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeltedPair:
    """A damaged hand and its twin, before degradation.

    Attributes:
        twin: harmless operations.
        defect: the same operations with damage; carries its defects.
        operators: names in the order of application.
    """

    twin: Sample
    defect: Sample
    operators: tuple[str, ...]


def melt_pair(
    plain: Sample, find: FindTarget, table: OperatorTable, seed: int, index: int, *, only: str | None = None
) -> MeltedPair | None:
    """Melts a hand or a body of a plain sample; None if no operator finds a place on it.

    Args:
        plain: with normal anatomy.
        find: finds what to melt in it, and again in the picture after each step.
        table: the operators to draw from.
        seed, index: name the random numbers.
        only: use this operator alone; None to draw.
    """
    rng = rng_for(seed, "failures", index, "count")
    count = 1 if only else 1 + int(rng.choice(len(_COUNTS), p=_COUNTS))
    twin = defect = plain
    made: list[tuple[Melt, Sample, Sample, Target]] = []
    region = np.zeros(plain.instance_map.shape, bool)
    for step in range(count):
        sound, broken = find(twin), find(defect)
        if sound is None or broken is None:
            break
        found = _step(sound.view, broken.view, table, (seed, "failures", index, "melt", step), only)
        if found is None:
            break
        damage, harmless = found
        before, defect, twin = defect, melted(defect, broken, damage), melted(twin, sound, harmless)
        made.append((damage, before, defect, broken))
        region |= damage.region | harmless.region
    if not made:
        return None
    twin, defect = _both_beside(twin, defect, find, table, (seed, "failures", index, "beside"))
    defects = tuple(defect_of(melt, before, after, target, region) for melt, before, after, target in made)
    first, steps = made[0][0].operator, [[melt.operator, round(melt.strength, 4)] for melt, *_ in made]
    recipe = {**plain.recipe, "melts": steps}
    return MeltedPair(
        twin=replace(twin, role="twin", operator=first, order=0, recipe=recipe),
        defect=replace(defect, role="defect", operator=first, order=1, defects=defects, recipe=recipe),
        operators=tuple(melt.operator for melt, *_ in made),
    )


def _step(
    sound: JointedView, broken: JointedView, table: OperatorTable, names: tuple, only: str | None
) -> tuple[Melt, Melt] | None:
    """Returns one damage and its harmless twin; None if nothing fits."""
    for attempt in range(_TRIES):
        name = only or draw_operator(table, rng_for(*names, attempt, "operator"))
        operator, _ = table[name]
        damage = operator(broken, rng_for(*names, attempt), False)
        if damage is None or not is_seen(damage, broken):
            continue
        harmless = operator(sound, rng_for(*names, attempt), True)
        if harmless is not None:
            return damage, harmless
    return None


def _both_beside(
    twin: Sample, defect: Sample, find: FindTarget, table: OperatorTable, names: tuple
) -> tuple[Sample, Sample]:
    """Does, in a share of pairs, one more harmless thing to both pictures."""
    rng = rng_for(*names)
    chosen, operators = (
        rng.random() < _ALSO_BESIDE,
        [table[name][0] for name in sorted(table) if name.split(".")[1] in _BESIDE],
    )
    if not chosen or not operators:
        return twin, defect
    operator = operators[int(rng.integers(len(operators)))]
    done = []
    for sample in (twin, defect):
        target = find(sample)
        melt = operator(target.view, rng_for(*names, "melt"), True) if target is not None else None
        if target is None or melt is None:
            return twin, defect
        done.append(melted(sample, target, melt))
    return done[0], done[1]
