"""Which seed has which attempt? A hash of base seed, image and attempt: the same on every machine, and no two alike by accident."""

from __future__ import annotations

import hashlib
import secrets

SEED_RANGE = 2**31
"""Every generator takes seeds below this: torch, A1111, ComfyUI and the hosted ones."""


def attempt_seed(base_seed: int, image_index: int, attempt: int) -> int:
    """Returns the seed of one attempt at one image of a call: SHA-256 of the three numbers, modulo 2^31."""
    return _hashed(f"limbfix/{base_seed}/{image_index}/{attempt}".encode())


def mixed_seed(base_seed: int, own_seed: int) -> int:
    """Returns the base of one call where `wrap` has a seed and the caller gave one too: other pictures are made again differently."""
    return _hashed(f"limbfix/{base_seed}/of/{own_seed}".encode())


def state_seed(state: bytes) -> int:
    """Returns a base from the state of a random number generator, so that another state gives other seeds."""
    return _hashed(state)


def fresh_seed() -> int:
    """Returns a base seed for a call whose caller named none; it is recorded, so that the call can be repeated."""
    return secrets.randbelow(SEED_RANGE)


def _hashed(data: bytes) -> int:
    return int.from_bytes(hashlib.sha256(data).digest(), "big") % SEED_RANGE
