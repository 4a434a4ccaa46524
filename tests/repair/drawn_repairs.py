"""A drawn world in which repairs can be judged: black discs are hands, and a person has two. See blob_detector."""

from __future__ import annotations

import numpy as np
from blob_detector import drawn
from PIL import Image

from limbfix.errors import RepairError
from limbfix.findings import DefectCode, Finding

EXTRA = (290, 130)
"""Where the third hand lies: beside the person, on white."""

THREE = ((70, 60), (200, 150), EXTRA)


def three_hands(hands=THREE, **options) -> Image.Image:
    return drawn(hands, **options)


def extra_hand(scene) -> tuple[Finding, ...]:
    """A check of this world: the rightmost of more than two hands is one too many; a good person has a quiet finding."""
    if not scene.hands:
        return ()
    odd, surplus = scene.hands[-1], len(scene.hands) > 2
    return (
        Finding(
            code=DefectCode.PERSON_EXTRA_HAND,
            defect_score=0.9 if surplus else 0.05,
            box=odd.part.box,
            message=f"{len(scene.hands)} hands, expected 2.",
            hand_index=odd.hand_index if surplus else None,
            person_index=0 if scene.people else None,
        ),
    )


def malformed_hand(scene) -> tuple[Finding, ...]:
    """A check of this world: hands that are not round are malformed."""
    return tuple(
        Finding(
            code=DefectCode.HAND_MALFORMED,
            defect_score=0.9 if hand.part.box.width > 2 * hand.part.box.height else 0.05,
            box=hand.part.box,
            message="This hand looks malformed.",
            hand_index=hand.hand_index,
        )
        for hand in scene.hands
    )


class Painter:
    """A painter that does as told.

    Args:
        paint: (request, number) -> pixels.
        purposes: what it says it can do.
        native_px, multiple, has_seeds: as the protocol.
    """

    name = "test_painter"

    def __init__(self, paint, *, purposes=("remove", "redraw", "refine"), native_px=None, multiple=1, has_seeds=True):
        self._paint = paint
        self.purposes, self.native_px, self.multiple, self.has_seeds = (
            frozenset(purposes),
            native_px,
            multiple,
            has_seeds,
        )
        self.requests = []

    def inpaint(self, request):
        self.requests.append(request)
        return [self._paint(request, number) for number in range(len(request.seeds))]


def white(request, number):
    """White inside the mask, and red everywhere else: what a careless VAE does, only worse."""
    return np.where(request.mask.edit[..., None] > 0, np.uint8(255), np.array([255, 0, 0], np.uint8))


def red(request, number):
    return np.full_like(request.pixels, (255, 140, 140))


def unchanged(request, number):
    return request.pixels.copy()


def wrong_size(request, number):
    return np.zeros((8, 8, 3), np.uint8)


def floats(request, number):
    return np.zeros(request.pixels.shape, np.float32)


def failing(error):
    def fail(request, number):
        raise error

    return fail


FAILURES = {
    "a repair error": (failing(RepairError("cannot")), "cannot"),
    "out of memory": (failing(MemoryError()), "ran out of memory"),
    "an error that nobody foresaw": (failing(ZeroDivisionError("0")), "ZeroDivisionError"),
    "pixels of another size": (wrong_size, "expected painted pixels"),
    "pixels of another kind": (floats, "expected painted pixels"),
    "nothing": (lambda request, number: None, "NoneType"),
    "what was there": (unchanged, "still there"),
    "red": (red, "seam shows"),
}
"""Painters that do no good, and a word of what the record says of them."""
