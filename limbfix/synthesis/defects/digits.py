"""Which ways are there to make a hand wrong? The table of digit operators, and of their harmless like."""

from __future__ import annotations

from limbfix.synthesis.defects.bent_digits import BENT_BENIGN, BENT_DIGITS
from limbfix.synthesis.defects.extra_digits import EXTRA_BENIGN, EXTRA_DIGITS
from limbfix.synthesis.defects.fused_digits import FUSED_BENIGN, FUSED_DIGITS
from limbfix.synthesis.defects.hand_swaps import HAND_BENIGN, HAND_SWAPS
from limbfix.synthesis.defects.melted_digits import MELTED_BENIGN, MELTED_DIGITS
from limbfix.synthesis.defects.missing_digits import MISSING_BENIGN, MISSING_DIGITS
from limbfix.synthesis.defects.operators import BenignOperator, DefectOperator
from limbfix.synthesis.defects.split_digits import SPLIT_BENIGN, SPLIT_DIGITS

DIGIT_DEFECTS: tuple[DefectOperator, ...] = (
    *EXTRA_DIGITS,
    *SPLIT_DIGITS,
    *MISSING_DIGITS,
    *FUSED_DIGITS,
    *BENT_DIGITS,
    *MELTED_DIGITS,
    *HAND_SWAPS,
)

DIGIT_BENIGN: tuple[BenignOperator, ...] = (
    *EXTRA_BENIGN,
    *SPLIT_BENIGN,
    *MISSING_BENIGN,
    *FUSED_BENIGN,
    *BENT_BENIGN,
    *MELTED_BENIGN,
    *HAND_BENIGN,
)
