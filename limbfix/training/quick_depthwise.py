"""How do depthwise convolutions learn quickly on a CPU? With another backward pass; the numbers stay the same.

oneDNN (torch 2.15) computes two gradients of depthwise convolutions slowly in bfloat16: that of the weights of 5 x 5 kernels (27 ms
against 3 ms in float32, 24 x 240 x 16 x 16 on 2 cores) and that of the input at stride 2 (40 ms against 1 ms as a convolution of the
gradient with zeros between its cells). Two thirds of a step of the networks here were these. `quicken` takes the other way for both.
What would make this room needless: a oneDNN that is as quick.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class _Depthwise(torch.autograd.Function):
    """Depthwise convolution of (b, c, h, w), padded beforehand, with (c, 1, k, k)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return functional.conv2d(x, weight, None, stride, 0, 1, len(weight))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, None]:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        of_x = _of_input(gradient, weight, ctx.stride, x.shape) if ctx.needs_input_grad[0] else None
        of_weight = torch.ops.aten.convolution_backward(
            gradient.float(), x.float(), weight.float(), None,
            [ctx.stride] * 2, [0, 0], [1, 1], False, [0, 0], len(weight), [False, True, False],
        )[1]  # fmt: skip
        return of_x, of_weight.to(weight.dtype), None


def _of_input(gradient: Tensor, weight: Tensor, stride: int, shape: torch.Size) -> Tensor:
    """Returns the gradient of the input: the output's, spread by the stride, convolved with the turned kernel."""
    last = weight.shape[-1] - 1
    if stride > 1:
        rows, columns = ((side - 1) * stride + 1 for side in gradient.shape[2:])
        spread = gradient.new_zeros(*gradient.shape[:2], rows, columns).contiguous(memory_format=torch.channels_last)
        spread[:, :, ::stride, ::stride] = gradient
        gradient = spread
    below, right = shape[2] - gradient.shape[2] + last, shape[3] - gradient.shape[3] + last
    if below == right == 2 * last:
        return functional.conv2d(gradient, weight.flip(2, 3), None, 1, last, 1, len(weight))
    padded = functional.pad(gradient, (last, right - last, last, below - last))
    return functional.conv2d(padded, weight.flip(2, 3), None, 1, 0, 1, len(weight))


def _forward(module: nn.Conv2d, x: Tensor) -> Tensor:
    kernel, stride = module.kernel_size[0], module.stride[0]
    if stride == 1 or module.padding[0]:
        pads = (kernel // 2,) * 4
    else:  # as SameConv: the odd pixel of padding goes to the right and the bottom
        missing = [max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in x.shape[2:]]
        pads = (missing[1] // 2, missing[1] - missing[1] // 2, missing[0] // 2, missing[0] - missing[0] // 2)
    weight, bias = module.weight, module.bias
    if torch.is_autocast_enabled(x.device.type):
        kind = torch.get_autocast_dtype(x.device.type)
        x, weight = x.to(kind), weight.to(kind)
    y: Tensor = _Depthwise.apply(functional.pad(x, pads), weight, stride)  # pyright: ignore[reportAssignmentType]
    return y if bias is None else y + bias.to(y.dtype)[:, None, None]


def quicken(network: nn.Module) -> nn.Module:
    """Gives a network's depthwise convolutions the quicker backward pass; on a CPU only. Returns the network.

    Weights, their names and the answers stay as they are (within rounding); only training is meant to run through it.
    """
    if next(network.parameters()).device.type != "cpu":
        return network
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
            module.forward = lambda input, module=module: _forward(module, input)
    return network
