"""Where in a ComfyUI graph do prompt, seed and pictures belong? A workflow in API format and a map `name -> node.input`."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limbfix.errors import UsageError

KNOWN = ("prompt", "negative_prompt", "seed", "steps", "strength", "width", "height", "image", "mask", "output")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Workflow:
    """A graph with places for what changes from call to call.

    Attributes:
        graph: API format, node id -> {"class_type", "inputs"}.
        places: name -> (node id, input name); `output` has the input name "".
    """

    graph: Mapping[str, Any]
    places: Mapping[str, tuple[str, str]]

    def filled(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Returns a copy of the graph with values in their places.

        Raises:
            UsageError: a value has no place.
        """
        graph = copy.deepcopy(dict(self.graph))
        for name, value in values.items():
            if name not in self.places:
                raise UsageError(
                    f"workflow: expected a place for {name!r}, found {sorted(self.places)}; add it: "
                    f'nodes={{"{name}": "node id.input"}}'
                )
            node, key = self.places[name]
            graph[node]["inputs"][key] = value
        return graph


def read_workflow_file(workflow: str | Path | Mapping[str, Any], nodes: Mapping[str, str]) -> Workflow:
    """Returns a checked workflow.

    Args:
        workflow: the path of a JSON file in API format, or its content.
        nodes: name -> "node id.input", such as {"prompt": "6.text", "seed": "3.seed", "output": "9"}. `prompt` and `seed` are
            wanted for a generator; `image`, and `mask` where the mask is a picture of its own, for repairs.

    Raises:
        UsageError: the file is none, is in the editor's format, or lacks a node or input that the map names.
    """
    graph = workflow if isinstance(workflow, Mapping) else _read(Path(workflow))
    if "nodes" in graph and "links" in graph:
        raise UsageError(
            "workflow: expected ComfyUI's API format, got the editor's; save it with Workflow > Export (API)"
        )
    if not graph or not all(isinstance(node, Mapping) and "class_type" in node for node in graph.values()):
        raise UsageError("workflow: expected ComfyUI's API format, node id -> class_type and inputs; use Export (API)")
    places = {}
    for name, place in nodes.items():
        if name not in KNOWN:
            raise UsageError(f"nodes: expected names among {', '.join(KNOWN)}, got {name!r}")
        node, _, key = str(place).partition(".")
        if node not in graph or (name != "output" and not key):
            raise UsageError(
                f'nodes: {name}: expected "node id.input" with a node of the workflow, got {place!r}; it has {", ".join(graph)}'
            )
        if name != "output" and key not in graph[node].get("inputs", {}):
            inputs = ", ".join(graph[node].get("inputs", {}))
            raise UsageError(f"nodes: {name}: expected an input of node {node}, got {key!r}; it has {inputs}")
        places[name] = (node, key)
    return Workflow(graph=graph, places=places)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"workflow {path}: expected a JSON file in ComfyUI's API format, got: {error}") from error
    if not isinstance(document, dict):
        raise UsageError(f"workflow {path}: expected a JSON object, got {type(document).__name__}")
    return document
