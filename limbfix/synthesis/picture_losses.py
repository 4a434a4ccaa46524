"""What do cameras, files and generators do to a picture? Single losses, as pure functions of pixels and a few numbers.

All take and return (h, w, 3) uint8 sRGB of the same shape. Radii are in px of a 256 px picture and grow with the picture, so that a
strength means the same at every size.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy import fft, special

REFERENCE_PX = 256
"""Side of the picture for which radii are given."""

_KERNELS = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4, cv2.INTER_NEAREST)
KERNELS = len(_KERNELS)
"""How many resampling kernels `resample` knows; the last one is the crude nearest neighbour."""

_BLOCK = 8
"""px of a transform block, as in JPEG and as the stride of Stable Diffusion's autoencoder."""


def resample(pixels: np.ndarray, share: float, down: int, up: int) -> np.ndarray:
    """Returns the picture after it was scaled to `share` (0-1) of its side and back, with two kernels (0 to `KERNELS` - 1)."""
    height, width = pixels.shape[:2]
    small = (max(8, round(width * share)), max(8, round(height * share)))
    return cv2.resize(
        cv2.resize(pixels, small, interpolation=_KERNELS[down]), (width, height), interpolation=_KERNELS[up]
    )


def blur(pixels: np.ndarray, sigma: float, stretch: float, angle: float) -> np.ndarray:
    """Returns the picture blurred by an elliptic Gaussian: sigma px across, `sigma * stretch` along `angle` (radians).

    A stretch of 1 is defocus, a larger one a moving camera.
    """
    sigma *= _scale(pixels)
    reach = max(1, int(np.ceil(2.5 * sigma * stretch)))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    kernel = np.exp(-0.5 * ((along / (sigma * stretch)) ** 2 + (across / sigma) ** 2))
    return cv2.filter2D(pixels, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT)


def code(pixels: np.ndarray, container: str, quality: int) -> np.ndarray:
    """Returns the picture after it was a file: `jpeg` or `webp`, quality 1-100."""
    suffix, flag = {"jpeg": (".jpg", cv2.IMWRITE_JPEG_QUALITY), "webp": (".webp", cv2.IMWRITE_WEBP_QUALITY)}[container]
    done, data = cv2.imencode(suffix, np.ascontiguousarray(pixels[..., ::-1]), [int(flag), int(quality)])
    if not done:
        raise RuntimeError(f"expected OpenCV to write {container}, it refused; install opencv-contrib-python again")
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if decoded is None:
        raise RuntimeError(
            f"expected OpenCV to read its own {container}, it could not; install opencv-contrib-python again"
        )
    return np.ascontiguousarray(decoded[..., ::-1])


def sensor_noise(pixels: np.ndarray, read: float, shot: float, grain: float, rng: np.random.Generator) -> np.ndarray:
    """Returns the picture with noise: `read` (grey values) everywhere, `shot` growing with the root of the brightness.

    `grain` px correlates neighbours, as demosaicing and noise filters do; part of the noise is common to the channels.
    """
    height, width = pixels.shape[:2]
    noise = rng.standard_normal((height, width, 3), dtype=np.float32)
    noise = 0.7 * noise + 0.7 * rng.standard_normal((height, width, 1), dtype=np.float32)
    if grain > 0.05:
        noise = cv2.GaussianBlur(noise, (0, 0), grain * _scale(pixels))
        noise /= max(float(noise.std()), 1e-6)
    light = pixels.astype(np.float32)
    return _to_bytes(light + noise * np.sqrt(read**2 + shot**2 * light / 128))


def sharpen(pixels: np.ndarray, sigma: float, amount: float) -> np.ndarray:
    """Returns the picture with an unsharp mask; a wide sigma and a high amount give the halo of processed pictures."""
    light = pixels.astype(np.float32)
    return _to_bytes(light + amount * (light - cv2.GaussianBlur(light, (0, 0), sigma * _scale(pixels))))


def grade(
    pixels: np.ndarray, gains: tuple[float, float, float], gamma: float, contrast: float, colour: float
) -> np.ndarray:
    """Returns the picture with other colours: gain of each channel, gamma, contrast about mid grey, and saturation (1 = same)."""
    light = (pixels.astype(np.float32) / 255) ** gamma * np.asarray(gains, np.float32)
    light = (light - 0.5) * contrast + 0.5
    grey = light @ np.array([0.299, 0.587, 0.114], np.float32)
    return _to_bytes(255 * (grey[..., None] + colour * (light - grey[..., None])))


def paint(pixels: np.ndarray, style: str, strength: float) -> np.ndarray:
    """Returns the picture with the smooth, painted look of generators: `bilateral`, `median` or `kuwahara`; strength 0-1."""
    scale = _scale(pixels)
    if style == "bilateral":
        return cv2.bilateralFilter(pixels, -1, 12 + 33 * strength, (1.5 + 2 * strength) * scale)
    if style == "median":
        return cv2.medianBlur(pixels, 2 * max(1, round((1 + strength) * scale)) + 1)
    return _kuwahara(pixels, max(1, round((1 + 1.5 * strength) * scale)))


def lose_bands(pixels: np.ndarray, kept: float, offset: int) -> np.ndarray:
    """Returns the picture without high frequencies of its 8 px blocks: `kept` (0-1) of the diagonal bands, colour half of it.

    An autoencoder with a stride of 8 loses about this. `offset` (0-7) moves the grid, as a crop does.
    """
    height, width = pixels.shape[:2]
    pad = ((offset, -(height + offset) % _BLOCK), (offset, -(width + offset) % _BLOCK), (0, 0))
    ycc = cv2.cvtColor(np.pad(pixels, pad, mode="symmetric"), cv2.COLOR_RGB2YCrCb).astype(np.float32)
    blocks = ycc.reshape(ycc.shape[0] // _BLOCK, _BLOCK, ycc.shape[1] // _BLOCK, _BLOCK, 3)
    bands = fft.dctn(blocks, axes=(1, 3), norm="ortho")
    band = np.add.outer(np.arange(_BLOCK), np.arange(_BLOCK)) / (2 * _BLOCK - 2)
    fade = np.stack([_fade(band, kept), _fade(band, kept / 2), _fade(band, kept / 2)], axis=-1)
    smooth = np.asarray(fft.idctn(bands * fade[None, :, None], axes=(1, 3), norm="ortho")).reshape(ycc.shape)
    rgb = cv2.cvtColor(_to_bytes(smooth), cv2.COLOR_YCrCb2RGB)
    return np.ascontiguousarray(rgb[offset : offset + height, offset : offset + width])


def shrink_details(pixels: np.ndarray, threshold: float) -> np.ndarray:
    """Returns the picture with weak details set to nothing: soft threshold (grey values) on three octaves of detail."""
    rest, kept = pixels.astype(np.float32), np.zeros(pixels.shape, np.float32)
    for octave in range(3):
        smooth = cv2.GaussianBlur(rest, (0, 0), 0.7 * 2**octave * _scale(pixels))
        detail = rest - smooth
        kept += np.sign(detail) * np.maximum(np.abs(detail) - threshold / 2**octave, 0)
        rest = smooth
    return _to_bytes(rest + kept)


def seam_tiles(
    pixels: np.ndarray, xy: tuple[float, float], gains: tuple[float, ...], shift: tuple[int, int]
) -> np.ndarray:
    """Returns the picture as four tiles joined at `xy` (fractions): each has its own gain, the last is shifted by some px.

    Upscalers and decoders that work in tiles leave such seams. The join is blended over 4 px.
    """
    height, width = pixels.shape[:2]
    soft = 2 * _scale(pixels)
    right = special.expit((np.arange(width, dtype=np.float32) - xy[0] * width) / soft)[None, :, None]
    below = special.expit((np.arange(height, dtype=np.float32) - xy[1] * height) / soft)[:, None, None]
    moved = cv2.warpAffine(
        pixels,
        np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32),
        (width, height),
        borderMode=cv2.BORDER_REFLECT,
    )
    light, shares = pixels.astype(np.float32), ((1 - right) * (1 - below), right * (1 - below), (1 - right) * below)
    joined = sum(light * gain * share for gain, share in zip(gains, shares, strict=False))
    return _to_bytes(joined + moved.astype(np.float32) * gains[3] * right * below)


def _kuwahara(pixels: np.ndarray, radius: int) -> np.ndarray:
    """Kuwahara et al. 1976: each pixel takes the mean of the calmest of the four windows that touch it."""
    light = pixels.astype(np.float32)
    side = radius + 1
    grey = light.mean(axis=2)
    best, spread = light, np.full(grey.shape, np.inf, np.float32)
    for anchor in ((0, 0), (radius, 0), (0, radius), (radius, radius)):
        mean = cv2.blur(light, (side, side), anchor=anchor, borderType=cv2.BORDER_REFLECT)
        variance = (
            cv2.blur(grey * grey, (side, side), anchor=anchor, borderType=cv2.BORDER_REFLECT) - mean.mean(axis=2) ** 2
        )
        calmer = variance < spread
        best, spread = np.where(calmer[..., None], mean, best), np.where(calmer, variance, spread)
    return _to_bytes(best)


def _fade(band: np.ndarray, kept: float) -> np.ndarray:
    """Returns 1 for bands (0-1) below `kept`, falling to 0 within a tenth; the mean is never touched."""
    return np.where(band == 0, 1, np.clip((kept - band) / 0.1 + 1, 0, 1))


def _scale(pixels: np.ndarray) -> float:
    return max(pixels.shape[:2]) / REFERENCE_PX


def _to_bytes(light: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(light), 0, 255).astype(np.uint8)
