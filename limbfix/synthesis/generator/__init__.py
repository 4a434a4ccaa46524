"""What would a diffusion model make of this hand? A small one, trained by limbfix on normal hands, that runs on a CPU.

`renoise` sends a hand part of the way into noise and back (SDEdit, Meng et al., 2022): a little keeps its anatomy and gives it the
generator's texture, much breaks it. `autoencode` passes any picture through its autoencoder alone.
"""

from limbfix.synthesis.generator.renoising import Generator, Renoising, autoencode, renoise, renoise_batch

__all__ = ["Generator", "Renoising", "autoencode", "renoise", "renoise_batch"]
