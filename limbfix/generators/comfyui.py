"""ComfyUI: a workflow in API format is queued (`/prompt`), watched (`/history`), and its pictures are fetched (`/view`)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import numpy as np

from limbfix.errors import InpainterMissing, LimbfixError, RepairError, ServerError
from limbfix.generators.comfyui_workflow import read_workflow_file
from limbfix.generators.payloads import (
    clear_is_edit,
    image_of_bytes,
    painted,
    png_bytes,
    require_request,
    white_is_edit,
)
from limbfix.generators.transport import MAX_BODY_BYTES, ServerLink
from limbfix.inpainting import InpaintRequest
from limbfix.printing import printable

if TYPE_CHECKING:
    from PIL import Image

_POLL_SECONDS = (0.1, 1.0)
"""First and longest pause between two looks at the history."""


class ComfyUI:
    """A ComfyUI server with one workflow, as a generator and, where the workflow takes a picture, as an inpainter.

    Pictures that are uploaded for repairs stay in the server's input folder, under names that begin with `limbfix-`: its API can
    delete none.

    Args:
        workflow: path or content of a workflow in API format.
        nodes: name -> "node id.input"; see `read_workflow_file`. With `mask`, the mask is uploaded as a picture, white = edit, for a
            LoadImageMask on a colour channel; without, it is the alpha of `image`, which LoadImage hands out as MASK.
        url: such as `http://127.0.0.1:8188`.
        native_px: side at which the workflow's model works best, for repairs.
        timeout_s: longest wait for one picture, the queue included.
    """

    name = "comfyui"
    multiple = 8
    purposes = frozenset({"remove", "redraw", "refine"})
    has_seeds = True

    def __init__(
        self,
        workflow: str | Path | Mapping[str, Any],
        nodes: Mapping[str, str],
        *,
        url: str = "http://127.0.0.1:8188",
        native_px: int | None = 1024,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 600.0,
        max_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        self.workflow = read_workflow_file(workflow, nodes)
        self.link = ServerLink(url, timeout_s=timeout_s, max_bytes=max_bytes, headers=headers)
        self.native_px, self.client_id = native_px, uuid.uuid4().hex
        self.has_seeds = "seed" in self.workflow.places
        if "image" not in self.workflow.places:
            self.purposes = frozenset[str]()

    def __call__(self, prompt: str, seed: int | None = None, **values: Any) -> Image.Image:
        """Renders one picture; `values` are names of the node map.

        Raises:
            UsageError: a name without a place. ServerError: the server is out of reach, fails, or sends no picture.
        """
        given: dict[str, Any] = {"prompt": prompt, **values} | ({} if seed is None else {"seed": seed})
        if isinstance(given.get("image"), np.ndarray):
            given["image"] = self.upload(png_bytes(given["image"]))
        return self._render(given)

    def inpaint(self, request: InpaintRequest) -> Sequence[np.ndarray]:
        """Paints the masked region once for each seed.

        Raises:
            InpainterMissing: the workflow has no place for a picture.
            RepairError: the server failed, or sent a picture of another size.
        """
        origin, places = self.link.url, self.workflow.places
        require_request(request, origin)
        if "image" not in places:
            raise InpainterMissing(
                f"{origin}: expected a workflow with a place for the picture; add nodes={{'image': 'node id.image'}}"
            )
        try:
            values = self._uploaded(request)
            images = [self._render(values | ({"seed": seed} if self.has_seeds else {})) for seed in request.seeds]
        except ServerError as error:
            raise RepairError(str(error)) from error
        return [painted(image, request, origin) for image in images]

    def _uploaded(self, request: InpaintRequest) -> dict[str, Any]:
        """Uploads picture and mask and returns what goes into the graph."""
        places = self.workflow.places
        known = {"prompt": request.prompt, "negative_prompt": request.negative_prompt, "strength": request.strength}
        if request.steps is not None:
            known["steps"] = request.steps
        values = {name: value for name, value in known.items() if name in places}
        if "mask" in places:
            values["image"] = self.upload(png_bytes(request.pixels))
            # Three equal channels: the mask is the same from red, green and blue. Alpha would mean it the other way round.
            values["mask"] = self.upload(png_bytes(np.dstack([white_is_edit(request.mask)] * 3)))
        else:
            values["image"] = self.upload(png_bytes(clear_is_edit(request.pixels, request.mask)))
        return values

    def upload(self, data: bytes) -> str:
        """Puts a PNG into the server's input folder and returns the name by which a graph calls it."""
        name = f"limbfix-{uuid.uuid4().hex}.png"
        answer = self.link.post_form(
            "/upload/image", {"type": "input", "overwrite": "false"}, {"image": (name, data, "image/png")}
        )
        if not isinstance(answer, dict) or not isinstance(answer.get("name"), str):
            raise ServerError(f"{self.link.url}/upload/image: expected the name of the file, got {_words(answer)}")
        folder = answer.get("subfolder")
        return f"{folder}/{answer['name']}" if folder else answer["name"]

    def _render(self, values: Mapping[str, Any]) -> Image.Image:
        graph = self.workflow.filled(values)
        self._tell_mask_channel(graph)
        answer = self.link.post_json("/prompt", {"prompt": graph, "client_id": self.client_id})
        job = answer.get("prompt_id") if isinstance(answer, dict) else None
        if not isinstance(job, str):
            raise ServerError(f"{self.link.url}/prompt: expected a prompt_id, got {_words(answer)}")
        try:
            entry = self._wait(job)
        except BaseException:
            self._cancel(job)
            raise
        return self._fetch(entry)

    def _tell_mask_channel(self, graph: dict[str, Any]) -> None:
        node = graph[self.workflow.places["mask"][0]] if "mask" in self.workflow.places else {}
        if node.get("class_type") == "LoadImageMask":
            node["inputs"]["channel"] = "red"

    def _wait(self, job: str) -> Mapping[str, Any]:
        """Returns the job's entry of the history once it is done."""
        end, pause = time.monotonic() + self.link.timeout_s, _POLL_SECONDS[0]
        path = f"/history/{quote(job, safe='')}"
        while True:
            history = self.link.get_json(path, timeout_s=min(30.0, self.link.timeout_s))
            entry = history.get(job) if isinstance(history, dict) else None
            if isinstance(entry, dict):
                status = entry.get("status") or {}
                if status.get("status_str") == "error":
                    raise ServerError(f"{self.link.url}: the workflow failed: {_failure(status)}")
                if status.get("completed", True):
                    return entry
            if time.monotonic() >= end:
                raise ServerError(
                    f"{self.link.url}: expected the picture within {self.link.timeout_s:g} s, got none; the job was taken back. "
                    "Give it more time with timeout_s"
                )
            time.sleep(pause)
            pause = min(pause * 1.5, _POLL_SECONDS[1])

    def _fetch(self, entry: Mapping[str, Any]) -> Image.Image:
        told = entry.get("outputs")
        outputs: dict[str, Any] = told if isinstance(told, dict) else {}
        wanted = [self.workflow.places["output"][0]] if "output" in self.workflow.places else list(outputs)
        shown = [
            image
            for node in wanted
            for image in (outputs.get(node) or {}).get("images", [])
            if isinstance(image, dict) and isinstance(image.get("filename"), str)
        ]
        if not shown:
            raise ServerError(
                f"{self.link.url}: expected a picture from node {', '.join(wanted) or '(any)'}, got none; name a SaveImage or "
                'PreviewImage node: nodes={"output": "node id"}'
            )
        shown.sort(key=lambda image: image.get("type") != "output")  # Previews only where nothing is saved.
        query = {key: str(shown[0].get(key, "")) for key in ("filename", "subfolder", "type")}
        return image_of_bytes(self.link.request("GET", f"/view?{urlencode(query)}"), f"{self.link.url}/view")

    def _cancel(self, job: str) -> None:
        """Takes our job back, whether it waits or runs; nobody else's is touched."""
        with suppress(LimbfixError, Exception):
            self.link.post_json("/queue", {"delete": [job]}, timeout_s=2)
        with suppress(LimbfixError, Exception):
            running = self.link.get_json("/queue", timeout_s=2).get("queue_running", [])
            if any(job in row for row in running):
                self.link.request("POST", "/interrupt", json={"prompt_id": job}, timeout_s=2)

    def close(self) -> None:
        """Closes the connections."""
        self.link.close()

    def __repr__(self) -> str:
        return f"ComfyUI({self.link.url!r})"


def _failure(status: Mapping[str, Any]) -> str:
    """Returns what the server says about the node that failed."""
    for message in status.get("messages") or []:
        if isinstance(message, list) and len(message) == 2 and message[0] == "execution_error":
            told = message[1] if isinstance(message[1], dict) else {}
            return printable(
                f"node {told.get('node_id')} ({told.get('node_type')}): {told.get('exception_message')}"[:500]
            )
    return "the server gives no reason"


def _words(answer: Any) -> str:
    return printable(str(answer)[:300])
