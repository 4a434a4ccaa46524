"""What does a picture's metadata say about who made it, from which words and which seed?

Every text here was written by a stranger. Nothing is executed or looked up, sizes are capped, control characters are
replaced, and whatever cannot be read counts as absent. A source is a claim by the file, never evidence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from limbfix.exif import decode_user_comment
from limbfix.workflows import read_workflow

_MAX_PROMPT_CHARS = 64 << 10
_MAX_NAME_CHARS = 200
_MAX_SEED_CHARS = 64
_MAX_DOCUMENT_CHARS = 4 << 20

# All control characters but tab and newline; bidi marks, overrides and isolates; lone surrogates.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SETTING = re.compile(r"(?:^|, )(Seed|Model|Version|App): ([^,\n]{1,200})")
_LAST_SETTINGS = re.compile(r"\n[A-Z][\w ]{1,40}: [^,\n]{1,200}(?:, [A-Z][\w ]{1,40}: [^,\n]{1,200})+\s*\Z")
"""A last line of nothing but settings, two at least."""
_WEB_UI = re.compile(r"\r?\n(?:Negative prompt|Steps): ")
"""What AUTOMATIC1111 and its kin write, also after a prompt that begins like JSON: `{red|blue} coat`, `[cat:dog:0.5]`."""
_PREFIXED = re.compile(r"(prompt|workflow|parameters):", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationSource:
    """What a file claims about its making; None where it claims nothing.

    Attributes:
        generator: program, and model in brackets where known, such as "ComfyUI (flux1-dev.safetensors)"; up to 200
            characters.
        prompt: the positive prompt, up to 65,536 characters.
        seed: as text, because seeds go beyond 2**53.
    """

    generator: str | None
    prompt: str | None
    seed: str | None


def read_source(info: Mapping[Any, object], user_comment: str | bytes | None = None) -> GenerationSource | None:
    """Returns what the metadata of AUTOMATIC1111, Forge, ComfyUI, InvokeAI, Fooocus, SwarmUI or NovelAI says.

    Args:
        info: texts by keyword: PNG chunks, EXIF tags, or the `info` of a Pillow image; other values are skipped.
        user_comment: EXIF UserComment, decoded or raw.

    Returns:
        The source, or None where there is none that can be read. Never raises, whatever the texts hold.
    """
    if isinstance(user_comment, bytes):
        user_comment = decode_user_comment(user_comment)
    texts = {key: value for key, value in info.items() if isinstance(key, str) and isinstance(value, str)}
    # ComfyUI has no text chunks in WebP and JPEG; it writes "prompt:{...}" into the EXIF tags of the camera.
    for value in list(texts.values()):
        if match := _PREFIXED.match(value):
            texts.setdefault(match[1].lower(), value[match.end() :])
    for generator, model, prompt, seed in _claims(texts, user_comment or ""):
        names = [name for value in (generator, model) if (name := _clean(value, _MAX_NAME_CHARS // 2 - 2))]
        source = GenerationSource(
            generator=f"{names[0]} ({names[1]})" if len(names) == 2 else next(iter(names), None),
            prompt=_clean(prompt, _MAX_PROMPT_CHARS),
            seed=_clean(seed, _MAX_SEED_CHARS),
        )
        if source.prompt or source.seed:
            return source
    return None


Claim = tuple[object, object, object, object]
"""(generator, model, prompt, seed), unchecked."""


def _claims(texts: dict[str, str], user_comment: str) -> Iterator[Claim]:
    """Yields what each known place says, the most explicit first."""
    yield from _parameters(texts.get("parameters", ""))
    # A camera or an editor may comment too; the word before each generator's numbers tells them apart.
    if user_comment.startswith("{") or "Steps: " in user_comment:
        yield from _parameters(user_comment)
    for key in ("prompt", "workflow"):
        if summary := read_workflow(_parsed(texts.get(key, ""))):
            yield "ComfyUI", summary.model, summary.prompt, summary.seed
    invoke = _fields(texts.get("invokeai_metadata", ""))
    yield "InvokeAI", _name_of(invoke.get("model")), invoke.get("positive_prompt"), invoke.get("seed")
    if texts.get("Software") == "NovelAI":
        comment = _fields(texts.get("Comment", ""))
        words = comment.get("prompt") or texts.get("Description")
        yield texts.get("Source") or "NovelAI", None, words, comment.get("seed")
    if texts.get("prompt", "{")[:1] not in "{[":
        yield None, texts.get("use_stable_diffusion_model"), texts["prompt"], texts.get("seed")


def _parameters(text: str) -> Iterator[Claim]:
    """Yields the claim of a `parameters` text: JSON of Fooocus or SwarmUI, or the text of AUTOMATIC1111 and its kin."""
    if not text.strip():
        return
    fields = _fields(text)
    if "sui_image_params" in fields:
        swarm = fields["sui_image_params"] if isinstance(fields["sui_image_params"], Mapping) else {}
        yield "SwarmUI", swarm.get("model"), swarm.get("prompt"), swarm.get("seed")
    elif fields:
        model = fields.get("base_model") or fields.get("model")
        yield fields.get("version"), model, fields.get("prompt"), fields.get("seed")
    elif text[:1] not in "{[" or _WEB_UI.search(text[-_MAX_PROMPT_CHARS:]):
        yield _web_ui(text)


def _web_ui(text: str) -> Claim:
    """Returns the claim of AUTOMATIC1111's text: prompt, `Negative prompt:` lines, one last line `Steps: ...`, or of others of its kind, such as
    `Seed: 7, Model: ...`. Settings are no prompt: a model's name may hold a word that a policy knows."""
    text = "\n" + text.replace("\r\n", "\n").replace("\r", "\n")
    words, mark, settings = text.rpartition("\nSteps: ")
    settings = (mark + settings)[1:_MAX_PROMPT_CHARS]
    last = None if mark else _LAST_SETTINGS.search(text[-_MAX_PROMPT_CHARS:])
    if last is not None:
        words, settings = text[: len(text) - len(last[0])], last[0].strip()
    found: dict[str, str] = {}
    for key, value in _SETTING.findall(settings):
        found.setdefault(key, value)
    prompt = (words if mark or last else text).partition("\nNegative prompt:")[0]
    return _web_ui_name(found) if mark else None, found.get("Model"), prompt.strip(), found.get("Seed")


def _web_ui_name(settings: Mapping[str, str]) -> str:
    version = settings.get("Version", "")
    if "App" in settings:
        return settings["App"]
    if re.match(r"f\d", version):
        return "Forge"
    return version if re.match(r"[a-zA-Z]{3}", version) else "AUTOMATIC1111"


def _name_of(model: object) -> object:
    return model.get("name") or model.get("model_name") if isinstance(model, Mapping) else model


def _fields(text: str) -> Mapping[str, Any]:
    document = _parsed(text)
    return document if isinstance(document, dict) else {}


def _parsed(text: str) -> object:
    """Returns a JSON document, None where it is none, too long, or nested too deep."""
    if text[:1] not in ("{", "[") or len(text) > _MAX_DOCUMENT_CHARS:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _clean(value: object, max_chars: int) -> str | None:
    """Returns a text or whole number as safe text of limited length; None for anything else, and for nothing."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() <= 128:
        value = str(value)
    if not isinstance(value, str):
        return None
    return _UNSAFE.sub("\ufffd", value[:max_chars].replace("\r\n", "\n").strip()) or None
