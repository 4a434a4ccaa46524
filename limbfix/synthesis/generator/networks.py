"""What are the two networks of the small generator? An autoencoder (128 px to 32 x 32 x 4) and a denoiser of its latents.

The autoencoder follows TAESD (github.com/madebyollin/taesd, MIT): plain residual blocks without normalisation, so that it is fully
convolutional and gives the same at every picture size. The denoiser is diffusers' `UNet2DModel`, which predicts v (Salimans and Ho,
2022) and sees mask and joints as further input channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from limbfix.synthesis.generator.conditions import CHANNELS as CONDITION_CHANNELS

STRIDE = 4
"""Pixels of a picture per latent, along one axis."""

PICTURE_PX = 128
"""Side of the pictures that the denoiser was trained on; a hand's joints span about half of it."""

_BOUND = 3.0
"""Raw latents lie between -3 and 3, as in TAESD: no latent can carry much more than its neighbours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorShape:
    """Sizes of both networks. The two together stay below 8 million parameters: 16 MB at half precision.

    Attributes:
        latents: channels of the latents.
        fine: channels of the autoencoder at half the picture's resolution.
        coarse: its channels at a quarter of it.
        denoiser: channels of the denoiser at 32, 16 and 8 latents a side; attention at the last.
    """

    latents: int = 4
    fine: int = 48
    coarse: int = 88
    denoiser: tuple[int, ...] = (64, 112, 192)


class _Block(nn.Module):
    """Two convolutions and a way around them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.layers(x))


class Autoencoder(nn.Module):
    """Pictures to latents and back. Pictures are (n, 3, h, w), -1 to 1, h and w multiples of `STRIDE`.

    Latents (n, `latents`, h / 4, w / 4) have mean 0 and are white across channels over the training's hands, by `latent_mean` and `latent_matrix`:
    the autoencoder's own channels repeat each other (correlations up to 0.96), and noise would hit them unequally.
    """

    latent_mean: Tensor
    latent_matrix: Tensor

    def __init__(self, shape: GeneratorShape) -> None:
        super().__init__()
        fine, coarse = shape.fine, shape.coarse
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(2),
            nn.Conv2d(12, fine, 3, padding=1),
            _Block(fine),
            nn.Conv2d(fine, coarse, 3, stride=2, padding=1),
            _Block(coarse),
            _Block(coarse),
            nn.Conv2d(coarse, shape.latents, 3, padding=1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(shape.latents, coarse, 3, padding=1),
            nn.ReLU(inplace=True),
            _Block(coarse),
            _Block(coarse),
            _Block(coarse),
            nn.Conv2d(coarse, 4 * fine, 3, padding=1),
            nn.PixelShuffle(2),
            _Block(fine),
            _Block(fine),
            nn.Conv2d(fine, 12, 3, padding=1),
            nn.PixelShuffle(2),
        )
        self.register_buffer("latent_mean", torch.zeros(1, shape.latents, 1, 1))
        self.register_buffer("latent_matrix", torch.eye(shape.latents))

    def encode_raw(self, pictures: Tensor) -> Tensor:
        """Returns latents between -3 and 3, as the autoencoder's own training sees them."""
        return _BOUND * torch.tanh(self.encoder(pictures) / _BOUND)

    def decode_raw(self, raw: Tensor) -> Tensor:
        """Returns pictures of `encode_raw`'s latents; values may leave -1 to 1 a little."""
        return self.decoder(raw)

    def encode(self, pictures: Tensor) -> Tensor:
        """Returns normalised latents."""
        centred = self.encode_raw(pictures).float() - self.latent_mean
        return _mixed(torch.linalg.inv(self.latent_matrix), centred)

    def decode(self, latents: Tensor) -> Tensor:
        """Returns pictures of normalised latents."""
        return self.decode_raw((_mixed(self.latent_matrix, latents) + self.latent_mean).clamp(-_BOUND, _BOUND))


def _mixed(matrix: Tensor, latents: Tensor) -> Tensor:
    """Returns latents whose channels are mixed by a matrix; in single precision, whatever autocast says."""
    with torch.autocast(latents.device.type, enabled=False):
        return torch.einsum("ij,njhw->nihw", matrix, latents.float())


class Denoiser(nn.Module):
    """Predicts v from noisy latents (n, 4, h, w), condition maps (n, `CONDITION_CHANNELS`, h, w) and times (n,), 0 to 1."""

    def __init__(self, shape: GeneratorShape) -> None:
        from diffusers.models.unets.unet_2d import UNet2DModel  # ten seconds; who only autoencodes need not wait

        super().__init__()
        levels = len(shape.denoiser)
        self.unet = UNet2DModel(
            in_channels=shape.latents + CONDITION_CHANNELS,
            out_channels=shape.latents,
            layers_per_block=1,
            block_out_channels=shape.denoiser,
            down_block_types=("DownBlock2D",) * (levels - 1) + ("AttnDownBlock2D",),
            up_block_types=("AttnUpBlock2D",) + ("UpBlock2D",) * (levels - 1),
            norm_num_groups=16,
            attention_head_dim=32,
        )

    def forward(self, latents: Tensor, maps: Tensor, times: Tensor) -> Tensor:
        """Returns v, shaped as the latents."""
        return self.unet(torch.cat([latents, maps], dim=1), times * 1000.0, return_dict=False)[0]
