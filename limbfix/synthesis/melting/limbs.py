"""What do the operators make of arms, legs and feet? The same damage, under the codes of bodies.

Signature as in `warps`, with a `BodyView`. Warps and blends know nothing of bodies; here each gets its code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from limbfix.findings import DefectCode
from limbfix.synthesis.melting import blends, copies, warps
from limbfix.synthesis.melting.jointed_views import LIMBS, BodyView
from limbfix.synthesis.melting.melts import Melt

_Operator = Callable[[BodyView, np.random.Generator, bool], Melt | None]
_CodeOf = Callable[[BodyView, Melt, str], DefectCode]

_EXTRA = {"arm": DefectCode.PERSON_EXTRA_ARM, "leg": DefectCode.PERSON_EXTRA_LEG, "foot": DefectCode.PERSON_EXTRA_FOOT}
_WHOLE = {"arm": DefectCode.PERSON_MISSING_ARM, "leg": DefectCode.PERSON_MISSING_LEG}
_END = {"arm": DefectCode.PERSON_MISSING_HAND, "leg": DefectCode.PERSON_MISSING_FOOT}


def _end_code(view: BodyView, melt: Melt, kind: str) -> DefectCode:
    """Damage at the end of a limb is damage of a hand or a foot."""
    return DefectCode.HAND_MALFORMED if kind == "arm" else DefectCode.FOOT_MALFORMED


def _shape_code(code: DefectCode) -> _CodeOf:
    """Damage along a limb has one code; along a foot it is a malformed foot."""
    return lambda view, melt, kind: DefectCode.FOOT_MALFORMED if kind == "foot" else code


def _missing_code(view: BodyView, melt: Melt, kind: str) -> DefectCode:
    """A limb that ends before its middle joint is missing as a whole; else its hand or foot is."""
    if kind == "foot":
        return DefectCode.PERSON_MISSING_FOOT
    x, y = np.round(view.chain(melt.damaged[0])[1]).astype(int)
    inside = melt.cleared is not None and 0 <= y < melt.cleared.shape[0] and 0 <= x < melt.cleared.shape[1]
    return _WHOLE[kind] if inside and melt.cleared is not None and melt.cleared[y, x] else _END[kind]


def _limb(name: str, operator: _Operator, code_of: _CodeOf) -> _Operator:
    """Returns an operator of hands as one of limbs."""

    def on_limb(view: BodyView, rng: np.random.Generator, harmless: bool) -> Melt | None:
        melt = operator(view, rng, harmless)
        if melt is None:
            return None
        chains = (*melt.damaged, *(extra.like for extra in melt.extras))
        if not chains:
            return replace(melt, operator=f"limbs.{name}")
        kind = LIMBS[chains[0]].split("_")[1]
        return replace(melt, operator=f"limbs.{name}", code=code_of(view, melt, kind))

    return on_limb


bend = _limb("bend", warps.bend, _shape_code(DefectCode.PERSON_JOINT_ANGLE))
wave = _limb("wave", warps.wave, _shape_code(DefectCode.PERSON_JOINT_ANGLE))
relength = _limb("relength", warps.relength, _shape_code(DefectCode.PERSON_PROPORTION))
thicken = _limb("thicken", warps.thicken, _shape_code(DefectCode.PERSON_PROPORTION))
elastic = _limb("elastic", warps.elastic, _end_code)
swirl = _limb("swirl", warps.swirl, _end_code)
smear = _limb("smear", blends.smear, _end_code)
fade = _limb("fade", blends.fade, _missing_code)
double = _limb("double", copies.double, lambda view, melt, kind: _EXTRA[kind])
