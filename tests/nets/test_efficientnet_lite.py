"""The trunk is EfficientNet-lite0, and the parser has no place for five digits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from limbfix.nets.digit_parser import JOINTS, PARTS, PHALANGES, STRIDE, DigitParser
from limbfix.nets.efficientnet_lite import EfficientNetLite, load_convolutions, load_imagenet, normalised
from limbfix.nets.lite_table import HAND, LITE0, LITE0_LOOKS


def test_the_trunk_computes_what_the_published_network_computes():
    timm = pytest.importorskip("timm", reason="the reference network is timm's (extra train)")
    torch.manual_seed(0)
    reference = timm.create_model("tf_efficientnet_lite0", features_only=True).eval()
    for module in reference.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    trunk = EfficientNetLite().eval()
    load_imagenet(trunk, list(reference.state_dict().values()))
    x = torch.randn(2, 3, 96, 128)
    with torch.inference_mode():
        expected = reference(x)[1:]
        maps = trunk(x)
    assert [tuple(m.shape) for m in maps] == [tuple(m.shape) for m in expected]
    for mine, theirs in zip(maps, expected, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-4)


def test_weights_of_another_network_are_refused():
    tensors = list(EfficientNetLite().state_dict().values())
    with pytest.raises(ValueError, match="other weights"):
        load_imagenet(EfficientNetLite(), [torch.zeros(7), *tensors[1:]])
    with pytest.raises(ValueError, match="at least"):
        load_imagenet(EfficientNetLite(), tensors[:10])


@pytest.mark.parametrize("table", [LITE0, LITE0_LOOKS, HAND])
def test_levels_have_the_promised_strides(table):
    with torch.inference_mode():
        maps = EfficientNetLite(table).eval()(torch.zeros(1, 3, 128, 64))
    assert [(m.shape[1], 128 // m.shape[2], 64 // m.shape[3]) for m in maps] == [(c, s, s) for _, s, c in table.levels]


def folded(trunk: EfficientNetLite) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns random convolutions of a trunk's shapes, as a published network with folded norms holds them."""
    rng = np.random.default_rng(4)
    shapes = [tuple(module.weight.shape) for module in trunk.modules() if isinstance(module, torch.nn.Conv2d)]
    return [
        (rng.normal(0, 0.1, shape).astype(np.float32), rng.normal(0, 0.1, shape[:1]).astype(np.float32))
        for shape in shapes
    ]


def test_folded_convolutions_see_zero_to_one_through_minus_one_to_one():
    trunk = EfficientNetLite(HAND).eval()
    layers = folded(trunk)
    load_convolutions(trunk, layers)
    x = torch.rand(1, 3, 32, 32)
    weight, bias = map(torch.from_numpy, layers[0])
    expected = torch.nn.functional.conv2d(x, weight, bias, stride=2)
    found = trunk.norm(trunk.stem(2 * x - 1))[:, :, :15, :15]
    torch.testing.assert_close(found, expected[:, :, :15, :15], atol=1e-5, rtol=1e-4)


def test_folded_convolutions_of_another_network_are_refused():
    trunk = EfficientNetLite(HAND)
    layers = folded(trunk)
    with pytest.raises(ValueError, match="at least"):
        load_convolutions(trunk, layers[:5])
    with pytest.raises(ValueError, match="convolution 1"):
        load_convolutions(trunk, [layers[0], layers[0], *layers[2:]])


def test_parser_maps_lie_on_the_crop():
    parser = DigitParser().eval()
    pixels = torch.randint(0, 256, (3, 192, 192, 3), dtype=torch.uint8)
    with torch.inference_mode():
        out = parser(normalised(pixels))
    side = 192 // STRIDE
    assert out.heatmaps.shape == (3, len(JOINTS), side, side)
    assert out.fields.shape == (3, 2 * len(PHALANGES), side, side)
    assert out.parts.shape == (3, len(PARTS), side, side)


def test_one_crop_is_judged_as_in_a_batch():
    parser = DigitParser().eval()
    pixels = torch.randint(0, 256, (4, 96, 96, 3), dtype=torch.uint8)
    with torch.inference_mode():
        together, alone = parser(normalised(pixels)), parser(normalised(pixels[2:3]))
    torch.testing.assert_close(together.judgements[2:3], alone.judgements, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(together.heatmaps[2:3], alone.heatmaps, atol=1e-4, rtol=1e-4)
