"""A few steps of a training, for the tests that ask whether a network learns its toys at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn


def losses_of(network: nn.Module, terms_of: Callable[[int], Mapping[str, Tensor]], steps: int) -> list[float]:
    """Returns the loss of each step, the sum of its terms; the network learns."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    losses = []
    for step in range(steps):
        loss = torch.stack(list(terms_of(step).values())).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    return losses
