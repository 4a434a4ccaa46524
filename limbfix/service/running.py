"""How does a server start, run and leave? It leaves when it has answered whoever is inside."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import NoReturn

import uvicorn

from limbfix.errors import LimbfixError, UsageError
from limbfix.interruption import handled
from limbfix.service.app import Desk, make_app
from limbfix.service.connections import timed_heads
from limbfix.service.downloads import Downloader
from limbfix.service.judging_queue import JudgingQueue
from limbfix.service.keys import KEYS_VARIABLE, ApiKeys, load_keys
from limbfix.service.metrics import Metrics
from limbfix.service.visits import House
from limbfix.settings import Settings
from limbfix.workers import JudgingOptions, MakeGate

LEAVING_SECONDS = 0.5
"""How long a server that was told to go still takes requests, closing each connection with its answer."""

LAST_SECONDS = 0.2
"""How long it then, not listening any more, waits for what is on its way on connections that it took."""

_SPARE_SECONDS = 10.0
_BACKLOG = 128


def serve(settings: Settings, make_gate: MakeGate, *, policy: str, jobs: int, say: Callable[[str], None]) -> None:
    """Serves until SIGTERM or SIGINT, then answers every request that was accepted; a second SIGINT ends it at once.

    Args:
        settings: of the judging and, in `settings.serve`, of the server.
        make_gate: makes the gate of a worker.
        policy: label, for the records of pictures that no gate could judge.
        jobs: worker processes.
        say: is told one line when the server listens, and one when it leaves.

    Raises:
        UsageError: unsafe or impossible settings. LimbfixError: the workers cannot start.
    """
    limits = settings.serve
    keys = load_keys(limits.keys_file, os.environ)
    _check_exposure(limits.host, keys, is_anonymous_fine=limits.anonymous)
    os.environ.pop(KEYS_VARIABLE, None)  # Workers, which open strangers' files, need not know it.
    metrics = Metrics()
    options = JudgingOptions(policy=policy, max_pixels=settings.max_pixels, timeout=settings.timeout)
    queue = JudgingQueue(make_gate, options, jobs=jobs, on_begun=metrics.waiting.observe)
    places = jobs + limits.queue
    metrics.watch(queue, places)
    with _bound(limits.host, limits.port) as listener, _spool() as spool, ExitStack() as closing:
        try:
            queue.start()
            for note in queue.notes:
                say(note)
            _listen(listener, limits.host, limits.port)
            house = House(queue=queue, places=places, wait_seconds=limits.wait_seconds, spool=spool, metrics=metrics)
            downloader = Downloader(most_bytes=limits.max_upload_bytes, seconds=limits.url_seconds)
            desk = Desk(settings=limits, keys=keys, house=house, metrics=metrics, downloader=downloader)
            server = _Server(_config(settings, desk), desk)
            say(f"serving at {_address(listener)}, workers: {jobs}, {_who(keys)}")
            # uvicorn raises once more what it has handled, which must not end this process before it has tidied up.
            with handled(signal.SIGTERM, signal.SIGINT, by=lambda *_: None):
                server.run(sockets=[listener])
            if server.force_exit:
                _end_at_once(spool)
            # From here on nobody waits for an answer, though a worker may still judge; raised, Ctrl-C could hit between two lines.
            closing.enter_context(handled(signal.SIGINT, by=lambda *_: _end_at_once(spool)))
            say("leaving; every accepted request is answered")
        finally:
            try:
                queue.close()
            except KeyboardInterrupt:  # While the models were loaded.
                _end_at_once(spool)


def _end_at_once(spool: Path) -> NoReturn:
    """Ends this process; workers end with their parent, and nobody is waited for."""
    shutil.rmtree(spool, ignore_errors=True)
    os._exit(130)


class _Server(uvicorn.Server):
    """Closes connections with their answers, then stops listening, then stops reading, so that no request falls between."""

    def __init__(self, config: uvicorn.Config, desk: Desk) -> None:
        super().__init__(config)
        self._desk = desk

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Leaves gracefully."""
        self._desk.is_leaving = True
        await asyncio.sleep(LEAVING_SECONDS)
        for server in self.servers:
            server.close()
        await asyncio.sleep(LAST_SECONDS)
        await super().shutdown(sockets)


def _config(settings: Settings, desk: Desk) -> uvicorn.Config:
    limits = settings.serve
    longest = limits.upload_seconds + limits.url_seconds * limits.max_batch + limits.wait_seconds + settings.timeout
    return uvicorn.Config(
        make_app(desk),
        http=timed_heads(limits.upload_seconds),
        ws="none",
        loop="asyncio",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        limit_concurrency=limits.max_connections,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=round(longest + _SPARE_SECONDS),
    )


def _check_exposure(host: str, keys: ApiKeys | None, *, is_anonymous_fine: bool) -> None:
    try:
        is_local = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        is_local = False
    if keys is None and not is_local and not is_anonymous_fine:
        raise UsageError(
            f"serve: expected API keys on an address that others reach, got none for {host}; set serve.keys_file or "
            f"{KEYS_VARIABLE}, listen at 127.0.0.1, or set serve.anonymous = true"
        )


@contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    """Gives a socket that has its address and does not listen yet: connections are refused until models are loaded."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise _taken(host, port, error) from error
    with listener:
        yield listener


def _listen(listener: socket.socket, host: str, port: int) -> None:
    """Opens the door. Another server may have got the same address and have been faster: addresses are free until somebody listens."""
    try:
        listener.listen(_BACKLOG)
    except OSError as error:
        raise _taken(host, port, error) from error


def _taken(host: str, port: int, error: OSError) -> LimbfixError:
    reason = error.strerror or error
    return LimbfixError(
        f"serve: expected an address to listen at, got {host} port {port}: {reason}; choose another --port"
    )


@contextmanager
def _spool() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="limbfix-serve-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _who(keys: ApiKeys | None) -> str:
    return "no keys asked for" if keys is None else f"keys: {len(keys.digests)}"
