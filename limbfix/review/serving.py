"""How does the page come to run? On 127.0.0.1, on a port that is free, with a token in its address."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from limbfix.errors import MissingExtra, SigningKeyError, UsageError
from limbfix.ledger.keys import load_key
from limbfix.ledger.store import Ledger

if TYPE_CHECKING:
    from pathlib import Path

    import uvicorn

    from limbfix.review.reviews import Review

HOST = "127.0.0.1"


def new_token() -> str:
    """Returns a token of 192 bits."""
    return secrets.token_urlsafe(24)


def check_key(ledger: Ledger, key: Path) -> None:
    """Says before anybody has worked for nothing whether answers can be written.

    Raises:
        LedgerError: the ledger's file or folder is read-only.
        SigningKeyError: this machine does not hold the ledger's key.
    """
    ledger.expect_writable()
    ours, theirs = load_key(key).public_hex, ledger.head().key
    if ours != theirs:
        raise SigningKeyError(
            f"key {key}: expected the key that began this ledger ({theirs[:16]}...), got {ours[:16]}...; "
            "name the right file with --key"
        )


def make_server(review: Review) -> uvicorn.Server:
    """Returns a server that waits for its socket; `should_exit` ends it, requests that are on their way first.

    Raises:
        MissingExtra: the extra `review` is not installed.
    """
    try:
        import uvicorn

        from limbfix.review.app import make_app

        app = make_app(review)
    except ImportError as error:
        raise MissingExtra(
            f"review: expected starlette and uvicorn to import, got {error}. Install them with: pip install 'limbfix[review]'"
        ) from error
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, lifespan="off", ws="none", server_header=False, proxy_headers=False,
        limit_concurrency=64, timeout_graceful_shutdown=5,
    )  # fmt: skip
    return uvicorn.Server(config)


def serve(review: Review, *, port: int = 0, ready: Callable[[str], None] = lambda _: None) -> None:
    """Serves until the process is told to stop.

    Args:
        review: what to serve.
        port: of 127.0.0.1; 0 = one that is free.
        ready: is called with the address, token included, once somebody can connect.

    Raises:
        UsageError: the port is taken.
        MissingExtra: the extra `review` is not installed.
    """
    server = make_server(review)
    try:
        listener = socket.create_server((HOST, port))
    except OSError as error:
        raise UsageError(f"port {port}: expected a free port of {HOST}, got: {error}; name another, or 0") from error
    # Ctrl+C may come as soon as the address is out, and uvicorn raises it again after it has ended in good order
    with listener, suppress(KeyboardInterrupt):
        ready(f"http://{HOST}:{listener.getsockname()[1]}/{review.token}/")
        server.run(sockets=[listener])
