"""Which ways are there to make a body wrong? The table of limb operators, and of their harmless like."""

from __future__ import annotations

from limbfix.synthesis.defects.extra_limbs import EXTRA_LIMBS, copied_in_place
from limbfix.synthesis.defects.feet import FOOT_BENIGN, FOOT_DEFECTS
from limbfix.synthesis.defects.limb_shapes import LIMB_LENGTHS, LIMB_SHAPES
from limbfix.synthesis.defects.missing_limbs import MISSING_LIMBS
from limbfix.synthesis.defects.operators import BenignOperator, DefectOperator

LIMB_DEFECTS: tuple[DefectOperator, ...] = (*EXTRA_LIMBS, *MISSING_LIMBS, *LIMB_SHAPES, *FOOT_DEFECTS)

LIMB_BENIGN: tuple[BenignOperator, ...] = (
    *(
        BenignOperator(
            name=f"limbs.copied_in_place_{limb}", weight=0.5, draw=lambda rng: {}, handle=copied_in_place(limb)
        )
        for limb in ("arm", "leg")
    ),
    *LIMB_LENGTHS,
    *FOOT_BENIGN,
)
