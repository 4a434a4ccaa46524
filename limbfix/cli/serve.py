"""`limbfix serve`: judges pictures that come by HTTP."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from limbfix.cli import flags


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen at. [127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="0 takes a free one. [8765]")] = None,
    keys: Annotated[
        Path | None, typer.Option(metavar="FILE", help="API keys, name:key in a line; or set LIMBFIX_API_KEYS.")
    ] = None,
    queue: Annotated[int | None, typer.Option(metavar="N", help="Pictures that may wait; more get 429. [32]")] = None,
    urls: Annotated[bool | None, typer.Option("--urls/--no-urls", help="Fetch pictures by address. [no]")] = None,
    jobs: flags.Jobs = None,
    policy: flags.PolicyFile = None,
    device: flags.Device = None,
    search: flags.Search = None,
    detector: flags.Detectors = None,
    require_models: flags.RequireModels = None,
    timeout: Annotated[float | None, typer.Option(metavar="SECONDS", help="Per picture. [120]")] = None,
) -> None:
    """Judges pictures that come by HTTP: POST /v1/inspect and /v1/batch; see /openapi.json.

    SIGTERM ends it when every accepted request is answered. All limits stand in the table [serve] of limbfix.toml.
    """
    from limbfix.settings import load_settings

    table = {"host": host, "port": port, "keys_file": keys, "queue": queue, "urls": urls}
    given: dict[str, Any] = {
        "serve": {name: value for name, value in table.items() if value is not None} or None,
        "jobs": jobs,
        "policy": policy,
        "device": device,
        "search": search,
        "detector": tuple(detector) if detector else None,
        "require_models": require_models,
        "timeout": timeout,
    }
    run_serve(load_settings(given))


def run_serve(settings: Any) -> None:
    """Serves until told to go.

    Raises:
        MissingExtra: the libraries are not installed. LimbfixError: the server cannot start.
    """
    from limbfix.cli import check
    from limbfix.errors import MissingExtra
    from limbfix.printing import printable
    from limbfix.settings import resolve_policy

    try:
        from limbfix.service.running import serve
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("limbfix"):
            raise
        raise MissingExtra(
            f"serve: expected fastapi, uvicorn and prometheus-client, got no {error.name}; "
            "install them with: pip install 'limbfix[serve]'"
        ) from error
    policy = resolve_policy(settings)
    most_pixels = min(settings.max_pixels, settings.serve.max_pixels)
    settings = settings.model_copy(update={"max_pixels": most_pixels})
    serve(
        settings,
        check.gate_maker(settings, policy),
        policy=policy.label,
        jobs=check.count_jobs(settings),
        say=lambda line: print(f"limbfix: {printable(line)}", file=sys.stderr, flush=True),
    )
