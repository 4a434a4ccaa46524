"""OpenAI-style image servers: `/images/generations` and `/images/edits`, whose masks are transparent where they are to be edited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from limbfix.errors import RepairError, ServerError
from limbfix.generators.payloads import (
    image_of_base64,
    image_of_bytes,
    only_clear_is_edit,
    painted,
    png_bytes,
    require_one_picture,
    require_request,
)
from limbfix.generators.transport import MAX_BODY_BYTES, ServerLink
from limbfix.inpainting import InpaintRequest
from limbfix.printing import printable

if TYPE_CHECKING:
    from PIL import Image

_SURROUNDINGS = "Continue the surroundings over the transparent area; nothing else is there."


class OpenAIImages:
    """A server with OpenAI's image API. It takes no seeds, so its pictures are reported as not reproducible.

    Args:
        url: with the version, such as `https://host/v1`.
        model: the server's name of it.
        api_key: sent to this server as a bearer token, and never shown.
        defaults: form fields of every request, such as {"quality": "high"}. A request gives one picture: `n` is 1.
        native_px: side of the regions that are sent for repairs.

    Raises:
        UsageError: an address that is none, or more than one picture for each request.
    """

    name = "openai_images"
    multiple = 16
    purposes = frozenset({"remove", "redraw", "refine"})
    has_seeds = False

    def __init__(
        self,
        url: str,
        *,
        model: str,
        api_key: str = "",
        defaults: Mapping[str, Any] | None = None,
        native_px: int | None = 1024,
        timeout_s: float = 300.0,
        max_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self.link = ServerLink(url, timeout_s=timeout_s, max_bytes=max_bytes, headers=headers)
        # Of the stripped address: a user and a password in it are this server's own too, and the visitor goes elsewhere.
        self._visitor = ServerLink(self.link.url, timeout_s=timeout_s, max_bytes=max_bytes)
        self.model, self.defaults, self.native_px = model, dict(defaults or {}), native_px
        require_one_picture(self.defaults, ("n",), self.link.url)

    def __call__(self, prompt: str, **fields: Any) -> Image.Image:
        """Renders one picture from text.

        Raises:
            UsageError: more than one picture is asked for. ServerError: the server is out of reach, refuses, or sends none.
        """
        require_one_picture(fields, ("n",), self.link.url)
        body = {"model": self.model, "prompt": prompt, "n": 1} | self.defaults | fields
        return self._image(self.link.post_json("/images/generations", body))

    def inpaint(self, request: InpaintRequest) -> Sequence[np.ndarray]:
        """Edits the masked region once for each seed; the seeds' values are not used, because the API takes none.

        Raises:
            RepairError: the server failed, or sent a picture of another shape.
        """
        require_request(request, self.link.url)
        prompt = request.prompt or "a photograph"
        if request.purpose == "remove":
            prompt = f"{prompt}. {_SURROUNDINGS}"
        height, width = request.pixels.shape[:2]
        form = {"model": self.model, "prompt": prompt, "n": "1", "size": f"{width}x{height}"}
        form |= {key: str(value) for key, value in self.defaults.items()}
        files = {
            "image": ("image.png", png_bytes(request.pixels), "image/png"),
            "mask": ("mask.png", png_bytes(only_clear_is_edit(request.pixels, request.mask)), "image/png"),
        }
        try:
            images = [self._image(self.link.post_form("/images/edits", form, files)) for _ in request.seeds]
        except ServerError as error:
            raise RepairError(str(error)) from error
        return [painted(image, request, self.link.url, may_resize=True) for image in images]

    def _image(self, answer: Any) -> Image.Image:
        rows = answer.get("data") if isinstance(answer, dict) else None
        row = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
        if row.get("b64_json"):
            return image_of_base64(row["b64_json"], self.link.url)
        address = row.get("url")
        if isinstance(address, str) and _is_web_address(address):
            data = self._visitor.request("GET", address)  # Without the key: another host, mostly.
            return image_of_bytes(data, printable(address))
        raise ServerError(f"{self.link.url}: expected data[0].b64_json or url, got {printable(str(answer)[:300])}")

    def close(self) -> None:
        """Closes the connections."""
        self.link.close()
        self._visitor.close()

    def __repr__(self) -> str:
        return f"OpenAIImages({self.link.url!r}, model={self.model!r})"


def _is_web_address(text: str) -> bool:
    try:
        return urlsplit(text).scheme in ("http", "https")
    except ValueError:  # such as `http://[`
        return False
