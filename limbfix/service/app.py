"""What does each address do? The routes, and what stands around all of them: keys, counting, errors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from limbfix import __version__
from limbfix.errors import RequestRefused
from limbfix.serve_settings import ServeSettings
from limbfix.service import openapi, uploads
from limbfix.service.downloads import Downloader
from limbfix.service.keys import ApiKeys
from limbfix.service.metrics import Metrics
from limbfix.service.problems import JsonResponse, record_answer, refusal
from limbfix.service.uploads import FORM_TYPE, JSON_TYPE, RAW_TYPES, Upload
from limbfix.service.visits import House, Visit


@dataclass(slots=True, kw_only=True)
class Desk:
    """Answers requests.

    Attributes:
        settings: what is allowed.
        keys: of the clients, or None where anybody may ask.
        house: where pictures wait and are judged.
        metrics: counts.
        downloader: fetches pictures by address.
        is_leaving: whether the server is shutting down.
    """

    settings: ServeSettings
    keys: ApiKeys | None
    house: House
    metrics: Metrics
    downloader: Downloader
    is_leaving: bool = False

    async def inspect(self, request: Request) -> Response:
        """Judges one picture."""
        self._check_key(request)
        async with self.house.visit() as visit:
            name = _name(request)
            (upload,) = await self._uploads(request, visit, most=1)
            upload = upload if name is None else replace(upload, name=name)
            (record,) = await self.house.judge(request, visit, [upload])
            return record_answer(record)

    async def batch(self, request: Request) -> Response:
        """Judges several pictures."""
        self._check_key(request)
        async with self.house.visit() as visit:
            pictures = await self._uploads(request, visit, most=self.settings.max_batch)
            return JsonResponse({"records": await self.house.judge(request, visit, pictures)})

    async def health(self, request: Request) -> Response:
        """Says whether pictures can be judged now; asks for no key."""
        ready = self.house.queue.ready
        if self.is_leaving or not ready:
            raise RequestRefused(
                "not-ready",
                status=503,
                expected="a server with a worker",
                actual="one that shuts down" if self.is_leaving else "no worker",
                remedy="ask another server, or try again",
                headers={"Retry-After": "5"},
            )
        return JsonResponse({"status": "ok", "workers": ready, "version": __version__})

    async def numbers(self, request: Request) -> Response:
        """Returns the metrics."""
        self._check_key(request)
        return Response(self.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def document(self, request: Request) -> Response:
        """Returns the OpenAPI document; asks for no key."""
        return JsonResponse(openapi.make_document(self.settings, with_keys=self.keys is not None))

    async def _uploads(self, request: Request, visit: Visit, *, most: int) -> list[Upload]:
        media, is_batch = uploads.media_type(request), request.url.path == "/v1/batch"
        if media == FORM_TYPE:
            return await uploads.read_form(request, visit.folder, self.settings, most=most)
        if media == JSON_TYPE:
            return await self._fetched(request, visit, "urls" if is_batch else "url", most)
        if media in RAW_TYPES and not is_batch:
            return [await uploads.read_raw(request, visit.folder, self.settings)]
        raise uploads.wrong_type(request, (FORM_TYPE,) if is_batch else (*RAW_TYPES, FORM_TYPE))

    async def _fetched(self, request: Request, visit: Visit, key: str, most: int) -> list[Upload]:
        """Fetches the pictures that a JSON body names, one after the other."""
        if not self.settings.urls:
            raise RequestRefused(
                "urls-off",
                status=403,
                expected="the bytes of a picture",
                actual="an address",
                remedy="send the picture itself; whoever runs the server can allow addresses with `serve.urls`",
            )
        body = await uploads.read_json(request, self.settings)
        value = body.get(key) if isinstance(body, dict) and set(body) == {key} else None
        urls: Any = [value] if key == "url" else value
        if not isinstance(urls, list) or not 0 < len(urls) <= most or not all(isinstance(url, str) for url in urls):
            raise _wrong("body", f'{{"{key}": ...}} with 1 to {most} addresses and nothing else', "another form")
        self.house.make_room(visit, len(urls))
        return [await self.downloader.fetch(url, visit.folder / str(number)) for number, url in enumerate(urls)]

    def _check_key(self, request: Request) -> None:
        if self.keys is None:
            return
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        key = token.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key")
        if self.keys.owner(key) is None:
            raise RequestRefused(
                "key",
                status=401,
                expected="a known API key",
                actual="none" if key is None else "another one",
                remedy="send `Authorization: Bearer KEY` or `X-API-Key: KEY`",
                headers={"WWW-Authenticate": "Bearer"},
            )


def make_app(desk: Desk) -> Counting:
    """Returns the application of a server."""
    inner = make_inner_app(desk)
    paths = frozenset(route.path for route in inner.routes)  # type: ignore[attr-defined]
    # Around all of it: middleware of its own would not see the answer to an error that nobody expected.
    return Counting(inner, desk=desk, paths=paths)


def make_inner_app(desk: Desk) -> FastAPI:
    """Returns the routes and what becomes of errors; nothing is counted yet."""
    app = FastAPI(title="limbfix", openapi_url=None, docs_url=None, redoc_url=None)
    for path, answer, method in (
        ("/v1/inspect", desk.inspect, "POST"),
        ("/v1/batch", desk.batch, "POST"),
        ("/healthz", desk.health, "GET"),
        ("/metrics", desk.numbers, "GET"),
        ("/openapi.json", desk.document, "GET"),
    ):
        app.add_route(path, answer, methods=[method])

    async def refused(request: Request, error: Any) -> Response:
        desk.metrics.refusals.labels(error.kind).inc()
        return refusal(error)

    async def failed(request: Request, error: Any) -> Response:
        return await refused(request, _as_refusal(error))

    app.add_exception_handler(RequestRefused, refused)
    app.add_exception_handler(HTTPException, failed)
    app.add_exception_handler(ClientDisconnect, failed)
    app.add_exception_handler(Exception, failed)
    return app


def _as_refusal(error: Exception) -> RequestRefused:
    """Returns the problem of an error that other people's code raised."""
    if isinstance(error, HTTPException):
        wanted = "an address and a method of /openapi.json"
        return RequestRefused(
            "request",
            status=error.status_code,
            expected=wanted,
            actual=str(error.detail),
            remedy="see /openapi.json",
            headers=error.headers,
        )
    if isinstance(error, ClientDisconnect):  # Nobody reads it; the log and the metrics do.
        return RequestRefused("gone", status=400, expected="a client", actual="none", remedy="wait for the answer")
    return RequestRefused(
        "internal-error",
        status=500,
        expected="an answer",
        actual=f"an internal error, {type(error).__name__}",
        remedy="report it; the log of the server has the traceback",
    )


def _name(request: Request) -> str | None:
    """Returns what the client calls its picture, if anything."""
    names = request.query_params.getlist("name")
    if len(names) > 1 or not all(0 < len(name) <= uploads.MOST_NAME_CHARACTERS for name in names):
        raise _wrong("name", f"one of 1 to {uploads.MOST_NAME_CHARACTERS} characters", "none, longer or several")
    return names[0] if names else None


def _wrong(place: str, expected: str, actual: str) -> RequestRefused:
    return RequestRefused(
        "malformed-body", status=422, expected=f"{place}: {expected}", actual=actual, remedy="see /openapi.json"
    )


class Counting:
    """Counts answers, tells browsers that records are neither pages nor to be kept, and clients when to ask elsewhere."""

    def __init__(self, app: ASGIApp, *, desk: Desk, paths: frozenset[str]) -> None:
        self._app, self._desk, self._paths = app, desk, paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        route = scope["path"] if scope["path"] in self._paths else "other"

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._desk.metrics.requests.labels(route, str(message["status"])).inc()
                message["headers"] = [
                    *message.get("headers", []),
                    (b"x-content-type-options", b"nosniff"),
                    (b"cache-control", b"no-store"),
                    *([(b"connection", b"close")] if self._desk.is_leaving else ()),
                ]
            await send(message)

        await self._app(scope, receive, counted)
