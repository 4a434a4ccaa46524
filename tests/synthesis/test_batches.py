"""Many bodies posed at once are the bodies posed one by one."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def model(body_data):
    from limbfix.synthesis.figures.body_model import load_body_model

    return load_body_model()


def test_a_batch_equals_the_figures_one_by_one(model):
    from limbfix.synthesis.figures.batches import load_batched_bodies
    from limbfix.synthesis.figures.body_model import BodyShape
    from limbfix.synthesis.figures.figure import Figure
    from limbfix.synthesis.figures.posing import skinned, world_matrices
    from limbfix.synthesis.figures.rotations import turn

    shapes = [BodyShape(gender=0.1, age=0.3, weight=0.8), BodyShape(gender=0.9, height=0.2, ancestry=(0, 1, 0))]
    rng = np.random.default_rng(4)
    bodies = load_batched_bodies(model)
    rotations = np.tile(np.eye(3, dtype=np.float32), (2, len(model.bones), 1, 1))
    expected = []
    for k, shape in enumerate(shapes):
        figure = Figure(model, model.shaped(shape))
        for bone in ("upperarm01.L", "lowerarm01.R", "finger2-1.L", "upperleg01.R", "spine03"):
            rotation = turn(rng.normal(size=3), rng.uniform(-1, 1))
            figure.rotations[figure.bone(bone)] = rotation
            rotations[k, figure.bone(bone)] = rotation
        expected.append(figure.body.topology.smooth @ skinned(figure.body, world_matrices(figure)))
    posed = bodies.posed(bodies.coefficients(shapes), torch.from_numpy(rotations)).numpy()
    assert posed.shape == (2, *expected[0].shape)
    np.testing.assert_allclose(posed, np.stack(expected), atol=2e-3)  # decimetres: 0.2 mm
