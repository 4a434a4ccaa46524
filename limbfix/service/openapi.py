"""What does /openapi.json say? OpenAPI 3.1, written by hand: bodies are files, and answers are the published record."""

from __future__ import annotations

import copy
from typing import Any

from limbfix import __version__
from limbfix.records import record_schema
from limbfix.serve_settings import ServeSettings
from limbfix.service.downloads import MOST_URL_CHARACTERS
from limbfix.service.problems import PROBLEM_TYPE
from limbfix.service.uploads import FORM_TYPE, JSON_TYPE, MOST_NAME_CHARACTERS, RAW_TYPES

_FILE = {"type": "string", "format": "binary", "minLength": 1}
_INSPECT_PROBLEMS = ("401", "403", "408", "413", "415", "422", "429", "500", "502", "503", "504")
_BATCH_PROBLEMS = ("401", "403", "408", "413", "415", "422", "429", "500", "502", "503")


def make_document(settings: ServeSettings, *, with_keys: bool) -> dict[str, Any]:
    """Returns the document of a server with these settings; it offers what they allow and nothing else."""
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "limbfix",
            "version": __version__,
            "description": "Judges the anatomy of people in pictures. Answers are the records of `limbfix check`.",
        },
        "paths": _paths(settings),
        "components": {"schemas": _schemas(), "responses": {"Problem": _problem_response()}},
    }
    if with_keys:
        document["components"]["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        }
        for path in ("/v1/inspect", "/v1/batch", "/metrics"):
            for operation in document["paths"][path].values():
                operation["security"] = [{"bearer": []}, {"header": []}]
    return document


def _paths(settings: ServeSettings) -> dict[str, Any]:
    name = {
        "name": "name",
        "in": "query",
        "description": "What the record calls the picture.",
        "schema": {"type": "string", "minLength": 1, "maxLength": MOST_NAME_CHARACTERS},
    }
    inspect = {
        "operationId": "inspect",
        "summary": "Judges one picture. A picture that cannot be judged is a problem that holds its record.",
        "parameters": [name],
        "requestBody": {"required": True, "content": _inspect_bodies(settings)},
        "responses": {"200": _answer("The record.", "#/components/schemas/Record")} | _problems(_INSPECT_PROBLEMS),
    }
    batch = {
        "operationId": "batch",
        "summary": "Judges several pictures. Each one gets its record, those that cannot be judged too.",
        "requestBody": {"required": True, "content": _batch_bodies(settings)},
        "responses": {"200": _answer("The records, in order.", "#/components/schemas/Batch")}
        | _problems(_BATCH_PROBLEMS),
    }
    health = {
        "operationId": "health",
        "summary": "Says whether pictures can be judged now.",
        "responses": {
            "200": _answer("They can.", "#/components/schemas/Health"),
            "503": {"$ref": "#/components/responses/Problem"},
        },
    }
    metrics = {
        "operationId": "metrics",
        "summary": "Counters and times in Prometheus' text form.",
        "responses": {"200": {"description": "The numbers.", "content": {"text/plain": {"schema": {"type": "string"}}}}}
        | _problems(("401",)),
    }
    return {
        "/v1/inspect": {"post": inspect},
        "/v1/batch": {"post": batch},
        "/healthz": {"get": health},
        "/metrics": {"get": metrics},
    }


def _inspect_bodies(settings: ServeSettings) -> dict[str, Any]:
    pictures = ", ".join(media for media in RAW_TYPES if media.startswith("image/"))
    form = {"schema": _object({"picture": _FILE}), "encoding": {"picture": {"contentType": pictures}}}
    bodies: dict[str, Any] = {media: {"schema": _FILE} for media in RAW_TYPES} | {FORM_TYPE: form}
    if settings.urls:
        bodies[JSON_TYPE] = {"schema": _object({"url": _url()})}
    return bodies


def _batch_bodies(settings: ServeSettings) -> dict[str, Any]:
    pictures = {"type": "array", "items": _FILE, "minItems": 1, "maxItems": settings.max_batch}
    bodies: dict[str, Any] = {FORM_TYPE: {"schema": _object({"picture": pictures})}}
    if settings.urls:
        urls = {"type": "array", "items": _url(), "minItems": 1, "maxItems": settings.max_batch}
        bodies[JSON_TYPE] = {"schema": _object({"urls": urls})}
    return bodies


def _url() -> dict[str, Any]:
    return {"type": "string", "format": "uri", "pattern": "^https?://", "maxLength": MOST_URL_CHARACTERS}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": list(properties), "properties": properties}


def _answer(description: str, schema: str) -> dict[str, Any]:
    return {"description": description, "content": {JSON_TYPE: {"schema": {"$ref": schema}}}}


def _problems(statuses: tuple[str, ...]) -> dict[str, Any]:
    return {status: {"$ref": "#/components/responses/Problem"} for status in statuses}


def _problem_response() -> dict[str, Any]:
    seconds = {"description": "Seconds after which to try again; with 429 and 503.", "schema": {"type": "integer"}}
    return {
        "description": "What was expected, what came, and the remedy.",
        "headers": {"Retry-After": seconds},
        "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def _schemas() -> dict[str, Any]:
    """Returns the record with its parts under names of their own, and what goes around it."""
    record = _moved(copy.deepcopy(record_schema()))
    parts = {f"Record.{name}": part for name, part in record.pop("$defs").items()}
    for foreign in ("$schema", "$id"):
        record.pop(foreign)
    texts = ("type", "title", "detail", "expected", "actual", "remedy")
    problem: dict[str, Any] = {
        "type": "object",
        "required": [*texts, "status"],
        "properties": {name: {"type": "string"} for name in texts}
        | {"status": {"type": "integer"}, "record": {"$ref": "#/components/schemas/Record"}},
    }
    records = {"type": "array", "items": {"$ref": "#/components/schemas/Record"}}
    health = {"status": {"const": "ok"}, "workers": {"type": "integer", "minimum": 1}, "version": {"type": "string"}}
    return parts | {
        "Record": record,
        "Batch": _object({"records": records}),
        "Health": _object(health),
        "Problem": problem,
    }


def _moved(schema: Any) -> Any:
    """Returns a schema whose references lead to the components of the document."""
    if isinstance(schema, dict):
        return {
            key: value.replace("#/$defs/", "#/components/schemas/Record.") if key == "$ref" else _moved(value)
            for key, value in schema.items()
        }
    return [_moved(item) for item in schema] if isinstance(schema, list) else schema
