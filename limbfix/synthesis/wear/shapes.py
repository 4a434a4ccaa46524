"""What bodies do people have? Ages from child to old, sexes, sizes, ancestries, and hands and feet of their own."""

from __future__ import annotations

import numpy as np

from limbfix.synthesis.figures.body_model import BodyShape

HAND_FORMS = (
    # Target, spread of its weight (0.35 = a third of MakeHuman's slider); both hands of a person share it.
    ("hand-fingers-diameter", 0.4),
    ("hand-fingers-length", 0.4),
    ("hand-scale", 0.22),
)
FOOT_FORMS = (("foot-scale", 0.25), ("foot-scale-horiz", 0.3))

AGES = (
    # Share of people, lowest and highest `BodyShape.age`. 0.19 is a child of about ten years, 0.5 an adult of 25, 1 one of 90.
    (0.10, 0.17, 0.30),
    (0.62, 0.38, 0.60),
    (0.18, 0.60, 0.80),
    (0.10, 0.80, 1.00),
)


def _age(rng: np.random.Generator) -> float:
    shares = [share for share, _, _ in AGES]
    _, low, high = AGES[rng.choice(len(AGES), p=shares)]
    return float(rng.uniform(low, high))


def _details(rng: np.random.Generator, age: float) -> dict[str, float]:
    details: dict[str, float] = {}
    for folder, forms in (("hands", HAND_FORMS), ("feet", FOOT_FORMS)):
        for form, spread in forms:
            value = float(np.clip(rng.normal(0, spread), -1, 1))
            if age > 0.75 and form.endswith("diameter"):
                value = min(value, 0.2)  # old hands lose flesh
            for side in "lr":
                details[f"{folder}/{side}-{form}-{'incr' if value > 0 else 'decr'}"] = abs(value)
    apart = float(abs(rng.normal(0, 0.3)))
    for side in "lr":
        details[f"hands/{side}-hand-fingers-distance-incr"] = min(apart, 1.0)
    wrist = float(np.clip(rng.normal(0, 0.35), -1, 1))
    details[f"hands/measure-wrist-circ-{'incr' if wrist > 0 else 'decr'}"] = abs(wrist)
    return details


def sample_shape(rng: np.random.Generator) -> BodyShape:
    """Returns a random body within the range of healthy people."""
    age = _age(rng)
    gender = float(rng.uniform(0, 0.15) if rng.random() < 0.5 else rng.uniform(0.85, 1.0))
    # Between children the macro forms differ less; extremes of weight and muscle look wrong on them.
    spread = 0.5 if age < 0.35 else 1.0
    ancestry = rng.dirichlet([0.6, 0.6, 0.6])
    return BodyShape(
        gender=gender,
        age=age,
        muscle=float(np.clip(rng.normal(0.5, 0.16 * spread), 0.1, 0.95)),
        weight=float(np.clip(rng.normal(0.5, 0.2 * spread), 0.08, 1.0)),
        height=float(np.clip(rng.normal(0.5, 0.18), 0.1, 0.9)),
        proportion=float(rng.uniform(0.35, 1.0)),
        ancestry=(float(ancestry[0]), float(ancestry[1]), float(ancestry[2])),
        details=_details(rng, age),
    )
