"""The document says what the server does: schemathesis asks by it, and a validator reads it."""

from __future__ import annotations

import io

import hypothesis
import pytest
import schemathesis
from blob_detector import BAD, GOOD, drawn
from hypothesis import strategies
from serve_runs import KEY
from starlette.routing import Route

from limbfix.serve_settings import ServeSettings
from limbfix.service.app import make_inner_app
from limbfix.service.metrics import Metrics
from limbfix.service.openapi import make_document

pytestmark = pytest.mark.enable_socket

EXAMPLES = 12


def _encoded(hands, form: str) -> bytes:
    out = io.BytesIO()
    drawn(hands).save(out, form)
    return out.getvalue()


PICTURES = {form: [_encoded(hands, form) for hands in (GOOD, BAD)] for form in ("PNG", "JPEG", "WEBP")}


def _register() -> None:
    """What `binary` cannot say: bodies of these types are pictures of these formats."""
    for form, pictures in PICTURES.items():
        schemathesis.openapi.media_type(f"image/{form.lower()}", strategies.sampled_from(pictures))
    schemathesis.openapi.media_type("application/octet-stream", strategies.sampled_from(PICTURES["PNG"]))


_register()


@pytest.fixture(scope="module")
def api(guarded):
    schema = schemathesis.openapi.from_url(f"{guarded.url}/openapi.json")
    schema.config.update(base_url=guarded.url)
    return schema


@pytest.mark.parametrize(
    ("method", "path", "mode"),
    [
        ("POST", "/v1/inspect", schemathesis.GenerationMode.POSITIVE),
        ("POST", "/v1/inspect", schemathesis.GenerationMode.NEGATIVE),
        ("POST", "/v1/batch", schemathesis.GenerationMode.POSITIVE),
        ("POST", "/v1/batch", schemathesis.GenerationMode.NEGATIVE),
        ("GET", "/healthz", schemathesis.GenerationMode.POSITIVE),
        ("GET", "/metrics", schemathesis.GenerationMode.POSITIVE),
    ],
)
def test_the_server_does_what_its_document_says(api, method, path, mode):
    @hypothesis.given(case=api[path][method].as_strategy(generation_mode=mode))
    @hypothesis.settings(
        max_examples=EXAMPLES if method == "POST" else 2,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    def ask(case):
        case.call_and_validate(headers={"Authorization": f"Bearer {KEY}"})

    ask()


def test_the_document_has_every_route_and_no_other():
    settings = ServeSettings()
    app = make_inner_app(
        type(
            "NoDesk", (), {"metrics": Metrics(), **dict.fromkeys(("inspect", "batch", "health", "numbers", "document"))}
        )()
    )
    routes = {
        (route.path, method.lower())
        for route in app.routes
        if isinstance(route, Route)
        for method in route.methods or ()
    }
    document = make_document(settings, with_keys=True)
    written = {(path, method) for path, operations in document["paths"].items() for method in operations}
    assert routes - written <= {("/openapi.json", "get"), *((path, "head") for path, _ in routes)}
    assert written <= routes


@pytest.mark.parametrize("urls", [False, True])
def test_addresses_are_offered_where_they_are_allowed(urls):
    bodies = make_document(ServeSettings(urls=urls), with_keys=False)["paths"]["/v1/inspect"]["post"]["requestBody"]
    assert ("application/json" in bodies["content"]) is urls
