"""The trunk is EfficientNet-lite0, and the parser has no place for five digits."""

from __future__ import annotations

import pytest
import torch

from limbfix.nets.digit_parser import JOINTS, PARTS, PHALANGES, STRIDE, DigitParser
from limbfix.nets.efficientnet_lite import LEVELS, EfficientNetLite0, load_imagenet, normalised


def test_the_trunk_computes_what_the_published_network_computes():
    timm = pytest.importorskip("timm", reason="the reference network is timm's (extra train)")
    torch.manual_seed(0)
    reference = timm.create_model("tf_efficientnet_lite0", features_only=True).eval()
    for module in reference.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    trunk = EfficientNetLite0().eval()
    load_imagenet(trunk, list(reference.state_dict().values()))
    x = torch.randn(2, 3, 96, 128)
    with torch.inference_mode():
        expected = reference(x)[1:]
        maps = trunk(x)
    assert [tuple(m.shape) for m in maps] == [tuple(m.shape) for m in expected]
    for mine, theirs in zip(maps, expected, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-4)


def test_weights_of_another_network_are_refused():
    tensors = list(EfficientNetLite0().state_dict().values())
    with pytest.raises(ValueError, match="other weights"):
        load_imagenet(EfficientNetLite0(), [torch.zeros(7), *tensors[1:]])
    with pytest.raises(ValueError, match="at least"):
        load_imagenet(EfficientNetLite0(), tensors[:10])


def test_levels_have_the_promised_strides():
    with torch.inference_mode():
        maps = EfficientNetLite0().eval()(torch.zeros(1, 3, 128, 64))
    assert [(m.shape[1], 128 // m.shape[2], 64 // m.shape[3]) for m in maps] == [(c, s, s) for _, s, c in LEVELS]


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
