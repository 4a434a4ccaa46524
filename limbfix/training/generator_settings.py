"""Which numbers does the generator's training use? One value object; all of it goes into the model card's facts."""

from __future__ import annotations

from dataclasses import dataclass, field

from limbfix.synthesis.generator.networks import GeneratorShape


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorTraining:
    """Settings of one training.

    Attributes:
        shape: of the networks.
        seed: of weights, batches, noise and times.
        autoencoder_batch, denoiser_batch: pictures a step. The autoencoder gains more from steps than from large batches.
        autoencoder_share: share of the minutes that the autoencoder gets; the denoiser gets the rest.
        autoencoder_rate, denoiser_rate: AdamW's highest learning rates.
        least_rate: where the cosine ends, as a share of the highest.
        warmup_steps: steps in which the rate grows.
        decay: of the running means of the weights.
        latent_noise: deviation of the noise on raw latents (-3 to 3), so that a decoder forgives what a denoiser leaves.
        shrink_chance: how often a step decodes shrunken latents into a shrunken picture. Latents that behave like a small picture are
            easier to denoise (EQ-VAE, Kouzelis et al., 2025).
        gradient_weight: weight of the loss on differences between neighbours, at two scales; against soft edges.
        no_condition, no_keypoints: shares of hands of which the denoiser is told nothing, or only the mask.
        snr_limit: min-SNR weighting (Hang et al., 2023) of the denoiser's loss.
    """

    shape: GeneratorShape = field(default_factory=GeneratorShape)
    seed: int = 7
    autoencoder_batch: int = 8
    denoiser_batch: int = 16
    autoencoder_share: float = 0.26
    autoencoder_rate: float = 1.2e-3
    denoiser_rate: float = 6e-4
    least_rate: float = 0.03
    warmup_steps: int = 100
    decay: float = 0.998
    latent_noise: float = 0.08
    shrink_chance: float = 0.25
    gradient_weight: float = 1.0
    no_condition: float = 0.12
    no_keypoints: float = 0.2
    snr_limit: float = 5.0
