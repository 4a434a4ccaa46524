"""The palm trunk takes the published weights in their order, and refuses others."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from limbfix.nets.palm_trunk import PalmTrunk, _modules, load_palm  # noqa: E402


def published(seed: int = 3) -> list[tuple[str, np.ndarray, np.ndarray | None]]:
    """Returns random layers as the published network holds them, its own two heads among them."""
    rng = np.random.default_rng(seed)
    layers: list[tuple[str, np.ndarray, np.ndarray | None]] = []
    for module in _modules(PalmTrunk()):
        if module is None:
            layers.append(("conv", np.zeros((6, 256, 1, 1), np.float32), np.zeros(6, np.float32)))
            continue
        weight = rng.normal(0, 0.05, tuple(module.weight.shape)).astype(np.float32)
        kind = "prelu" if weight.ndim == 1 else "conv"
        bias = None if kind == "prelu" else rng.normal(0, 0.05, weight.shape[:1]).astype(np.float32)
        layers.append((kind, weight, bias))
    return layers


def test_every_weight_is_taken_and_the_heads_are_left_out():
    trunk = PalmTrunk()
    layers = published()
    load_palm(trunk, layers)
    kept = [layer for layer in layers if layer[1].shape != (6, 256, 1, 1)]
    assert len(layers) - len(kept) == 2
    last = trunk.up[-1]["blocks"][-1].prelu.weight
    np.testing.assert_array_equal(last.detach().numpy(), kept[-1][1])


def test_the_map_has_stride_8_and_any_size():
    with torch.inference_mode():
        assert PalmTrunk().eval()(torch.zeros(1, 3, 96, 160)).shape == (1, 128, 12, 20)


def test_layers_of_another_network_are_refused():
    layers = published()
    with pytest.raises(ValueError, match="another palm detector"):
        load_palm(PalmTrunk(), [layers[2], *layers[1:]])
    with pytest.raises(ValueError, match="another palm detector"):
        load_palm(PalmTrunk(), layers[:20])
