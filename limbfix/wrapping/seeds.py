"""Which seed has which attempt? A hash of base seed, image and attempt: the same on every machine, and no two alike by accident."""

from __future__ import annotations

import hashlib
import secrets

SEED_RANGE = 2**31
"""Every generator takes seeds below this: torch, A1111, ComfyUI and the hosted ones."""


def attempt_seed(base_seed: int, image_index: int, attempt: int) -> int:
    """Returns the seed of one attempt at one image of a call: SHA-256 of the three numbers, modulo 2^31."""
    digest = hashlib.sha256(f"limbfix/{base_seed}/{image_index}/{attempt}".encode()).digest()
    return int.from_bytes(digest, "big") % SEED_RANGE


def fresh_seed() -> int:
    """Returns a base seed for a call whose caller named none; it is recorded, so that the call can be repeated."""
    return secrets.randbelow(SEED_RANGE)
