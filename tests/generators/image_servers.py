"""Local servers that speak the protocols of A1111, ComfyUI and OpenAI's image API, and some that behave badly.

They paint for real: where a mask, read in the protocol's own sense, says edit, the picture becomes a flat colour of the seed.
"""

from __future__ import annotations

import base64
import email.parser
import email.policy
import io
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo


def colour_of(seed: int) -> tuple[int, int, int]:
    return (40 + seed % 7 * 30, 200, 60)


def png_of(pixels: np.ndarray, text: dict[str, str] | None = None) -> bytes:
    info = PngInfo()
    for key, value in (text or {}).items():
        info.add_text(key, value)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", pnginfo=info)
    return buffer.getvalue()


def opened(data: bytes, mode: str) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(data)).convert(mode))


def painted(pixels: np.ndarray, edit: np.ndarray, seed: int) -> np.ndarray:
    return np.where(edit[:, :, None] > 0.5, np.array(colour_of(seed), np.uint8), pixels).astype(np.uint8)


class Server:
    """One server on a free port of this machine; `seen` holds (method, path, body) of every request."""

    def __init__(self, answer) -> None:
        self.seen: list[tuple[str, str, Any]] = []
        self.poured = 0
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._do("GET")

            def do_POST(self) -> None:
                self._do("POST")

            def _do(self, method: str) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                owner.seen.append((method, self.path, body))
                self.owner = owner
                try:
                    answer(self, method, self.path, body)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def send(self, body: bytes | dict, status: int = 200, kind: str = "application/json") -> None:
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *words: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self.stop = threading.Event()
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def bodies(self, path: str) -> list[dict]:
        return [json.loads(body) for _, where, body in self.seen if urlsplit(where).path == path]

    def close(self) -> None:
        self.stop.set()
        self._http.shutdown()
        self._http.server_close()


def form_of(handler: Any, body: bytes) -> dict[str, bytes]:
    head = f"Content-Type: {handler.headers['Content-Type']}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.default).parsebytes(head + body)
    return {
        part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
        for part in message.iter_parts()
    }


def a1111(handler: Any, method: str, path: str, body: bytes) -> None:
    fields = json.loads(body or b"{}")
    if path == "/sdapi/v1/txt2img":
        size = (fields.get("height", 64), fields.get("width", 64), 3)
        pixels = np.random.default_rng(fields["seed"]).integers(1, 255, size, dtype=np.uint8)
    elif path == "/sdapi/v1/img2img":
        pixels = opened(base64.b64decode(fields["init_images"][0]), "RGB")
        mask = opened(base64.b64decode(fields["mask"]), "L") / 255 if "mask" in fields else np.ones(pixels.shape[:2])
        edit = 1 - mask if fields.get("inpainting_mask_invert") else mask
        pixels = painted(pixels, edit, fields["seed"])
    else:
        handler.send({"detail": "Not Found"}, 404)
        return
    image = png_of(pixels, {"parameters": f"{fields['prompt']}\nSteps: 5, Seed: {fields['seed']}"})
    text = base64.b64encode(image).decode()
    handler.send(
        {
            "images": [text],
            "parameters": {},
            "info": json.dumps({"seed": fields["seed"], "all_seeds": [fields["seed"]]}),
        }
    )


class Comfy:
    """ComfyUI's queue, history and files. Knows LoadImage, LoadImageMask, KSampler, CLIPTextEncode and SaveImage."""

    def __init__(self, *, slow_looks: int = 1, fails: bool = False) -> None:
        self.files: dict[str, bytes] = {}
        self.history: dict[str, Any] = {}
        self.looks: dict[str, int] = {}
        self.deleted: list[str] = []
        self.interrupted: list[str] = []
        self._slow_looks, self._fails = slow_looks, fails

    def __call__(self, handler: Any, method: str, path: str, body: bytes) -> None:
        where = urlsplit(path)
        if where.path == "/upload/image":
            self._upload(handler, body)
        elif where.path == "/prompt":
            self._queue(handler, json.loads(body)["prompt"])
        elif where.path.startswith("/history/"):
            job = where.path.rpartition("/")[2]
            self.looks[job] = self.looks.get(job, 0) + 1
            is_ready = self.looks[job] > self._slow_looks
            handler.send({job: self.history[job]} if is_ready and job in self.history else {})
        elif where.path == "/view":
            name = parse_qs(where.query)["filename"][0]
            handler.send(self.files[name], kind="image/png")
        elif where.path == "/queue" and method == "POST":
            self.deleted += json.loads(body)["delete"]
            handler.send(b"")
        elif where.path == "/queue":
            handler.send({"queue_running": [[0, job, {}] for job in self.history], "queue_pending": []})
        elif where.path == "/interrupt":
            self.interrupted.append(json.loads(body)["prompt_id"])
            handler.send(b"")
        else:
            handler.send(b"404: Not Found", 404, "text/plain")

    def _upload(self, handler: Any, body: bytes) -> None:
        message = form_of(handler, body)
        name = f"{len(self.files)}.png"
        self.files[name] = message["image"]
        handler.send({"name": name, "subfolder": "", "type": "input"})

    def _queue(self, handler: Any, graph: dict) -> None:
        if any("class_type" not in node for node in graph.values()):
            handler.send({"error": {"type": "invalid_prompt"}, "node_errors": {}}, 400)
            return
        job = f"job-{len(self.history)}"
        handler_answer = {"prompt_id": job, "number": len(self.history), "node_errors": {}}
        if self._fails:
            told = {"node_id": "3", "node_type": "KSampler", "exception_message": "out of memory"}
            self.history[job] = {
                "status": {"status_str": "error", "completed": False, "messages": [["execution_error", told]]}
            }
        else:
            self.history[job] = self._run(graph, job)
        handler.send(handler_answer)

    def _run(self, graph: dict, job: str) -> dict:
        kinds = {node["class_type"]: (key, node["inputs"]) for key, node in graph.items()}
        seed = kinds["KSampler"][1]["seed"]
        if "LoadImage" in kinds:
            loaded = opened(self.files[kinds["LoadImage"][1]["image"]], "RGBA")
            edit = 1 - loaded[:, :, 3] / 255  # LoadImage's MASK: 1 where the picture is transparent.
            if "LoadImageMask" in kinds:
                inputs = kinds["LoadImageMask"][1]
                channels = opened(self.files[inputs["image"]], "RGBA") / 255
                plane = channels[:, :, ("red", "green", "blue", "alpha").index(inputs["channel"])]
                edit = 1 - plane if inputs["channel"] == "alpha" else plane
            pixels = painted(loaded[:, :, :3], edit, seed)
        else:
            pixels = np.random.default_rng(seed).integers(1, 255, (64, 64, 3), dtype=np.uint8)
        name = f"{job}.png"
        self.files[name] = png_of(pixels, {"prompt": json.dumps(graph)})
        image = {"filename": name, "subfolder": "", "type": "output"}
        outputs = {kinds["SaveImage"][0]: {"images": [image]}}
        return {"outputs": outputs, "status": {"status_str": "success", "completed": True, "messages": []}}


def openai(handler: Any, method: str, path: str, body: bytes) -> None:
    if handler.headers.get("Authorization") != "Bearer secret-key":
        handler.send({"error": {"message": "Incorrect API key provided"}}, 401)
        return
    if path == "/v1/images/generations":
        pixels = np.full((64, 64, 3), 90, np.uint8)
    else:
        form = form_of(handler, body)
        alpha = opened(form["mask"], "RGBA")[:, :, 3]
        assert set(np.unique(alpha)) <= {0, 255}
        pixels = painted(opened(form["image"], "RGB"), alpha == 0, 0)
    handler.send({"created": 1, "data": [{"b64_json": base64.b64encode(png_of(pixels)).decode()}]})


def inverted(handler: Any, method: str, path: str, body: bytes) -> None:
    """A server that means masks the other way round."""
    fields = json.loads(body)
    fields["inpainting_mask_invert"] = 1
    a1111(handler, method, path, json.dumps(fields).encode())


def hanging(handler: Any, method: str, path: str, body: bytes) -> None:
    handler.owner.stop.wait(20)
    handler.close_connection = True


def trickling(handler: Any, method: str, path: str, body: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for _ in range(200):
        if handler.owner.stop.is_set():
            return
        handler.wfile.write(b" ")
        time.sleep(0.05)


def failing(handler: Any, method: str, path: str, body: bytes) -> None:
    handler.send({"error": "OutOfMemoryError", "detail": "\x1b[31mCUDA\x1b[0m"}, 500)


def web_page(handler: Any, method: str, path: str, body: bytes) -> None:
    handler.send(b"<!doctype html><title>Stable Diffusion</title>", kind="text/html")


def small_picture(handler: Any, method: str, path: str, body: bytes) -> None:
    handler.send({"images": [base64.b64encode(png_of(np.full((16, 16, 3), 9, np.uint8))).decode()], "info": "{}"})


def no_picture(handler: Any, method: str, path: str, body: bytes) -> None:
    handler.send({"images": [base64.b64encode(b"%PDF-1.7 something").decode()], "info": "{}"})


def huge_announced(handler: Any, method: str, path: str, body: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(200 << 20))
    handler.end_headers()
    _pour(handler, chunked=False)


def huge_unannounced(handler: Any, method: str, path: str, body: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    _pour(handler, chunked=True)


def _pour(handler: Any, *, chunked: bool) -> None:
    block = b"x" * (1 << 20)
    for _ in range(200):
        handler.wfile.write(b"%x\r\n%b\r\n" % (len(block), block) if chunked else block)
        handler.owner.poured += 1
    if chunked:
        handler.wfile.write(b"0\r\n\r\n")
