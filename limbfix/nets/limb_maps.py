"""What does the limb judge say of one person? Names and sizes of its outputs, without torch, for training and for the runtime."""

from __future__ import annotations

SIDE = 192
"""px of its square crops."""

STRIDE = 8
"""Input px per cell of its maps."""

JUDGED = ("extra_arm", "extra_leg", "missing_arm", "missing_leg", "missing_hand", "missing_foot")
"""What it is asked, one logit each; the ends of the codes `person.extra_arm` and so on."""

PLACES = ("arm", "leg", "extra", "gone")
"""Its maps, logits: an arm or a leg of the person, a limb that is too many, and where one that is missing would be."""

MOST_COUNTED = 4
"""Arms, and legs, in view are learnt as 0, 1, 2, 3, or 4 and more: a lesson for the trunk, not a count that anybody is told."""
