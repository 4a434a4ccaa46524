"""AUTOMATIC1111, Forge, reForge and SD.Next: `/sdapi/v1/txt2img` and `img2img`; the server runs with --api."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from limbfix.errors import LimbfixError, RepairError, ServerError
from limbfix.generators.payloads import (
    base64_png,
    image_of_base64,
    painted,
    require_one_picture,
    require_request,
    white_is_edit,
)
from limbfix.generators.transport import MAX_BODY_BYTES, ServerLink
from limbfix.inpainting import InpaintRequest

if TYPE_CHECKING:
    from PIL import Image

_FILL = {"remove": 0, "redraw": 1, "refine": 1}
"""inpainting_fill: 0 begins with the colours around the mask, 1 with what is there."""

_COUNTS = ("batch_size", "n_iter")


class Automatic1111:
    """A server with A1111's API, as a generator and as an inpainter.

    Args:
        url: such as `http://127.0.0.1:7860`.
        defaults: fields of every request, as in the API's own words: `steps`, `sampler_name`, `width`, `alwayson_scripts` ...
            A request gives one picture: `batch_size` and `n_iter` are 1.
        native_px: side at which the server's model works best, for repairs.
        auth: (user, password) of `--api-auth`.
        timeout_s, max_bytes: see `ServerLink`.

    Raises:
        UsageError: an address that is none, or more than one picture for each request.
    """

    name = "automatic1111"
    multiple = 8
    purposes = frozenset({"remove", "redraw", "refine"})
    has_seeds = True

    def __init__(
        self,
        url: str = "http://127.0.0.1:7860",
        *,
        defaults: Mapping[str, Any] | None = None,
        native_px: int | None = 512,
        auth: tuple[str, str] | None = None,
        timeout_s: float = 300.0,
        max_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        self.link = ServerLink(url, timeout_s=timeout_s, max_bytes=max_bytes, auth=auth)
        self.defaults, self.native_px = dict(defaults or {}), native_px
        require_one_picture(self.defaults, _COUNTS, self.link.url)

    def __call__(self, prompt: str, seed: int = -1, **fields: Any) -> Image.Image:
        """Renders one picture from text; `fields` are the API's own.

        Raises:
            UsageError: more than one picture is asked for. ServerError: the server is out of reach, fails, or sends no picture.
        """
        return self._render("/sdapi/v1/txt2img", {"prompt": prompt, "seed": seed, **fields})

    def img2img(self, prompt: str, seed: int = -1, *, image: np.ndarray, **fields: Any) -> Image.Image:
        """Renders one picture from another, uint8 (h, w, 3)."""
        body = {"prompt": prompt, "seed": seed, "init_images": [base64_png(image)], **fields}
        return self._render("/sdapi/v1/img2img", body)

    def inpaint(self, request: InpaintRequest) -> Sequence[np.ndarray]:
        """Paints the masked region once for each seed; crop, feather and paste are limbfix's own.

        Raises:
            RepairError: the server failed, or sent a picture of another size.
        """
        origin = self.link.url
        require_request(request, origin)
        height, width = request.pixels.shape[:2]
        body: dict[str, Any] = {
            "prompt": request.prompt,
            "negative_prompt": request.negative_prompt,
            "init_images": [base64_png(request.pixels)],
            "mask": base64_png(white_is_edit(request.mask)),
            "inpainting_mask_invert": 0,  # 0 = paint where the mask is white.
            "inpainting_fill": _FILL[request.purpose],
            "inpaint_full_res": False,  # The request is the enlarged region already.
            "mask_blur": 0,
            "denoising_strength": request.strength,
            "resize_mode": 0,
            "width": width,
            "height": height,
        }
        if request.steps is not None:
            body["steps"] = request.steps
        try:
            images = [self._render("/sdapi/v1/img2img", body | {"seed": seed}) for seed in request.seeds]
        except ServerError as error:
            raise RepairError(str(error)) from error
        return [painted(image, request, origin) for image in images]

    def _render(self, path: str, fields: dict[str, Any]) -> Image.Image:
        require_one_picture(fields, _COUNTS, self.link.url)
        task = f"task(limbfix-{secrets.token_hex(6)})"
        body = {"batch_size": 1, "n_iter": 1, "send_images": True, "save_images": False, "force_task_id": task}
        try:
            answer = self.link.post_json(path, body | self.defaults | fields)
        except BaseException:
            self._stop(task)
            raise
        images = answer.get("images") if isinstance(answer, dict) else None
        if not isinstance(images, list) or not images:
            raise ServerError(f"{self.link.url}{path}: expected an answer with images, got {_words(answer)}")
        image = image_of_base64(images[0], f"{self.link.url}{path}")  # ControlNet adds its hints behind the first.
        image.info.setdefault("limbfix_seed", _seed(answer, fields.get("seed")))
        return image

    def _stop(self, task: str) -> None:
        """Stops the render that nobody waits for any more, if it is ours; other people's go on."""
        with suppress(LimbfixError, Exception):
            progress = self.link.get_json("/sdapi/v1/progress?skip_current_image=true", timeout_s=2)
            if progress.get("current_task") == task:
                self.link.post_json("/sdapi/v1/interrupt", {}, timeout_s=2)

    def close(self) -> None:
        """Closes the connections."""
        self.link.close()

    def __repr__(self) -> str:
        return f"Automatic1111({self.link.url!r})"


def _seed(answer: dict[str, Any], asked: Any) -> str:
    """Returns the seed that the server says it took; the `info` field is JSON in a string."""
    with suppress(ValueError, TypeError, LookupError):
        return str(json.loads(answer["info"])["seed"])
    return str(asked)


def _words(answer: Any) -> str:
    from limbfix.printing import printable

    return printable(json.dumps(answer, default=str)[:300])
