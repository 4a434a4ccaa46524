"""Where does chance come from? Named, independent random streams from one seed, the same on every machine and in any order."""

from __future__ import annotations

import hashlib

import numpy as np


def rng_for(seed: int, *names: str | int) -> np.random.Generator:
    """Returns the generator for one purpose.

    A purpose has a stream of its own, so that one more draw in a pose does not change the light, and a picture does not depend
    on which process made it, or after which other picture.

    Args:
        seed: the run's seed.
        names: the purpose, e.g. `("hands", 17, "pose")`.
    """
    digest = hashlib.sha256("/".join(map(str, (seed, *names))).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))
