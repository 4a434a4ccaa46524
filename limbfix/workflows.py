"""What do a ComfyUI graph's prompt, seed and model say?

A graph is read from the last sampler before the output backwards: the positive text it is conditioned on, the seed of
its noise, the checkpoint of its model. Nodes of extensions are followed by the names of their inputs, not by their
types. It is a guess at intent, not a re-run: text that a node makes up while it runs is not in the graph.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_MAX_NODES = 5_000
_MAX_DEPTH = 64
_TEXT_KEY = re.compile(
    r"(?:text|string|prompt|value|positive|positive_prompt|populated_text|clip_[lgh]|t5xxl|llama)(?:_?[a-z0-9]{1,2})?"
)
# Inputs that carry no positive text: following them would find the negative prompt or a file name.
_NOT_TEXT = re.compile(r"negative.*|model.*|vae.*|clip|.*image.*|.*mask.*|latent.*|samples|pixels|control_net.*")
_SEED_KEYS = ("seed", "noise_seed", "value", "int", "number")
_MODEL_KEYS = ("ckpt_name", "unet_name", "model_name", "base_ckpt_name")

# Where the saved graph of the editor, which has no input names, keeps what matters.
_WIDGETS = {
    "KSampler": ("seed",),
    "KSamplerAdvanced": ("", "noise_seed"),
    "SamplerCustom": ("", "noise_seed"),
    "RandomNoise": ("noise_seed",),
    "CLIPTextEncode": ("text",),
    "CLIPTextEncodeFlux": ("clip_l", "t5xxl"),
    "PrimitiveString": ("value",),
    "PrimitiveStringMultiline": ("value",),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "UNETLoader": ("unet_name",),
}

Graph = dict[str, dict[str, Any]]
"""The inputs of each node by node id; a link is a list [node id, output slot]."""


class WorkflowSummary(NamedTuple):
    """What a graph says; None where it says nothing."""

    prompt: str | None
    seed: str | None
    model: str | None


def read_workflow(document: object) -> WorkflowSummary | None:
    """Returns the summary of a parsed `prompt` (API format) or `workflow` (editor format) chunk; None for others."""
    graph = _from_api(document) or _from_editor(document)
    if not graph:
        return None
    sampler = _last_sampler(graph)
    start = graph.get(sampler or "", {})
    conditioned = next((start[key] for key in ("positive", "guider", "conditioning") if key in start), None)
    text = conditioned if isinstance(conditioned, str) else _text(graph, _target(conditioned), set(), 0)
    starts = [sampler] if sampler else list(graph)
    seed = next((value for key in ("seed", "noise_seed", "noise") if (value := _seed(graph, start.get(key)))), None)
    model = _first(graph, starts, _MODEL_KEYS, str) or _first(graph, list(graph), _MODEL_KEYS, str)
    return WorkflowSummary(text or None, seed, model)


def _from_api(document: object) -> Graph:
    nodes = document if isinstance(document, Mapping) else {}
    return {
        str(key): dict(node["inputs"])
        for key, node in list(nodes.items())[:_MAX_NODES]
        if isinstance(node, Mapping) and isinstance(node.get("inputs"), Mapping) and "class_type" in node
    }


def _from_editor(document: object) -> Graph:
    nodes = document.get("nodes") if isinstance(document, Mapping) else None
    links = document.get("links") if isinstance(document, Mapping) else None
    if not isinstance(nodes, list) or not isinstance(links, list):
        return {}
    origins = {_id(link[0]): [_id(link[1]), 0] for link in links if isinstance(link, list) and len(link) >= 2}
    graph: Graph = {}
    for node in nodes[:_MAX_NODES]:
        if not isinstance(node, Mapping) or node.get("mode") in (2, 4):  # Muted and bypassed nodes do not run.
            continue
        values, slots = node.get("widgets_values"), node.get("inputs")
        names = _WIDGETS.get(_id(node.get("type")), ())
        inputs: dict[str, Any] = {
            name: value for name, value in zip(names, values if isinstance(values, list) else (), strict=False) if name
        }
        for slot in slots if isinstance(slots, list) else ():
            if isinstance(slot, Mapping) and _id(slot.get("link")) in origins:
                inputs[_id(slot.get("name"))] = origins[_id(slot["link"])]
        graph[_id(node.get("id"))] = inputs
    return graph


def _target(value: object) -> str | None:
    """Returns the node id a link leads to, None where the value is no link."""
    if isinstance(value, list) and len(value) == 2 and isinstance(value[1], int):
        return _id(value[0]) or None
    return None


def _id(value: object) -> str:
    """Returns a node or link id as text, empty where it is none; a stranger's graph may hold anything there."""
    return str(value) if isinstance(value, str | int) else ""


def _last_sampler(graph: Graph) -> str | None:
    """Returns the sampler with the fewest steps to an output; outputs are the nodes that nothing reads."""
    read = {target for inputs in graph.values() for value in inputs.values() if (target := _target(value))}
    for node in _upstream(graph, [key for key in graph if key not in read]):
        inputs = graph[node]
        if "positive" in inputs and ("seed" in inputs or "noise_seed" in inputs):
            return node
        if "guider" in inputs and "noise" in inputs:
            return node
    return None


def _upstream(graph: Graph, starts: list[str]) -> Iterator[str]:
    """Yields each node once, the starts first, then the ones they read, nearest first."""
    queue, seen = deque(starts), set(starts)
    while queue:
        node = queue.popleft()
        if node not in graph:
            continue
        yield node
        for value in graph[node].values():
            target = _target(value)
            if target is not None and target not in seen:
                seen.add(target)
                queue.append(target)


def _text(graph: Graph, node: str | None, seen: set[str], depth: int) -> str:
    """Returns the positive text a node carries or is fed with; several texts are joined."""
    if node is None or node not in graph or node in seen or depth > _MAX_DEPTH:
        return ""
    seen.add(node)
    inputs = graph[node]
    keys = [key for key in inputs if _TEXT_KEY.fullmatch(key)]
    found = [_value_text(graph, inputs[key], seen, depth) for key in keys]
    if not any(found):
        others = [key for key in inputs if key not in keys and not _NOT_TEXT.fullmatch(key)]
        found = [_text(graph, _target(inputs[key]), seen, depth + 1) for key in others]
    delimiter = inputs.get("delimiter")
    return (delimiter if isinstance(delimiter, str) else "\n").join(dict.fromkeys(filter(None, found)))


def _value_text(graph: Graph, value: object, seen: set[str], depth: int) -> str:
    return value.strip() if isinstance(value, str) else _text(graph, _target(value), seen, depth + 1)


def _seed(graph: Graph, value: object) -> str | None:
    """Returns a seed as digits, from a number or from the node that makes it."""
    target = _target(value)
    if target is not None:
        value = _first(graph, [target], _SEED_KEYS, int)
    return None if isinstance(value, bool) or not isinstance(value, int) else str(value)


def _first(graph: Graph, starts: list[str], keys: tuple[str, ...], kind: type) -> Any:
    """Returns the value of this kind under one of the keys that lies nearest upstream, None if there is none."""
    for node in _upstream(graph, starts):
        for key in keys:
            if isinstance(graph[node].get(key), kind):
                return graph[node][key]
    return None
