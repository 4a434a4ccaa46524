"""The quicker backward pass gives the same answers and the same gradients."""

from __future__ import annotations

import copy

import pytest
import torch

from limbfix.nets.digit_parser import DigitParser
from limbfix.nets.efficientnet_lite import SameConv
from limbfix.training.quick_depthwise import quicken


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("side", [8, 9])
def test_one_layer_learns_the_same(kernel, stride, side):
    torch.manual_seed(0)
    plain = SameConv(6, 6, kernel, stride, groups=6, bias=False)
    quick = quicken(copy.deepcopy(plain))
    x = torch.randn(2, 6, side, side + 3)
    gradients = []
    for layer in (plain, quick):
        given = x.clone().requires_grad_()
        y = layer(given)
        (y * torch.linspace(-1, 1, y.numel()).view_as(y)).sum().backward()
        gradients.append((y.detach(), given.grad, layer.weight.grad))
    for mine, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_layer_with_a_bias_and_padding_of_its_own_answers_the_same(stride):
    torch.manual_seed(0)
    plain = torch.nn.Conv2d(6, 6, 5, stride, 2, groups=6)
    quick = quicken(copy.deepcopy(plain))
    x = torch.randn(2, 6, 8, 12)
    for layer in (plain, quick):
        layer(x).square().sum().backward()
    torch.testing.assert_close(quick(x), plain(x), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(quick.weight.grad, plain.weight.grad, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(quick.bias.grad, plain.bias.grad, rtol=1e-4, atol=1e-4)


def test_a_whole_network_answers_and_learns_the_same():
    torch.manual_seed(0)
    plain = DigitParser().eval()
    quick = quicken(copy.deepcopy(plain))
    x = torch.randn(1, 3, 64, 64)
    for network in (plain, quick):
        network(x).heatmaps.square().sum().backward()
    for (name, mine), theirs in zip(plain.named_parameters(), quick.parameters(), strict=True):
        if mine.grad is not None:
            torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-3, atol=1e-4, msg=name)


def test_names_of_weights_stay():
    network = DigitParser()
    before = list(network.state_dict())
    assert list(quicken(network).state_dict()) == before
