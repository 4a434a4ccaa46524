"""Which inpainting class serves a pipeline? diffusers' own table, and limbfix's for classes that table lacks.

Everything is asked of the installed diffusers: a class that a later version adds to its table is served, one that it drops is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from limbfix.errors import MissingExtra
from limbfix.inpainters.calls import needs_hint

OWN = {
    "FluxFillPipeline": "FluxFillPipeline",
    "FluxKontextPipeline": "FluxKontextInpaintPipeline",
    "FluxKontextInpaintPipeline": "FluxKontextInpaintPipeline",
    "Flux2KleinPipeline": "Flux2KleinInpaintPipeline",
    "Flux2KleinInpaintPipeline": "Flux2KleinInpaintPipeline",
    "ChromaPipeline": "ChromaInpaintPipeline",
    "ChromaImg2ImgPipeline": "ChromaInpaintPipeline",
    "ChromaInpaintPipeline": "ChromaInpaintPipeline",
    "ZImageControlNetInpaintPipeline": "ZImageControlNetInpaintPipeline",
    "QwenImageControlNetInpaintPipeline": "QwenImageControlNetInpaintPipeline",
}
"""Pipeline class -> inpainting class, for what `AutoPipelineForInpainting` of diffusers 0.42.1 does not know."""

INSTEAD = {
    "StableDiffusion3ControlNetPipeline": "StableDiffusion3InpaintPipeline",
    "QwenImageControlNetPipeline": "QwenImageInpaintPipeline",
    "ZImageControlNetPipeline": "ZImageInpaintPipeline",
}
"""Pipelines with a ControlNet whose inpainting twin wants one that was trained to inpaint: theirs shows poses or edges, so it is left
out."""

UNSUITED = {
    "IFInpaintingPipeline": "paints at 64 px and needs two more pipelines to enlarge",
    "KandinskyInpaintCombinedPipeline": "takes no strength, and its prior is a second pipeline",
    "KandinskyV22InpaintCombinedPipeline": "takes no strength, and its prior is a second pipeline",
}
"""Inpainting classes that diffusers' table names and limbfix does not use, each with the reason."""

REGENERATE = (
    "no inpainting class of diffusers takes its weights; limbfix can make the picture again, or repair with --model"
)

HINT_NEEDED = "wants the depth map or the edges of each region as well, which limbfix does not draw"
"""Of a class that `needs_hint`; a hand on black is no depth map of a region, and off what such models have learnt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What will repair the pictures of a pipeline.

    Attributes:
        pipeline: name of the class that was asked about.
        inpainter: name of the class that serves it, or None: make the picture again, or name another model.
        source: `itself`, `diffusers` (its table), `limbfix` (`OWN`) or `none`.
        why: one sentence.
    """

    pipeline: str
    inpainter: str | None
    source: str
    why: str

    @property
    def is_served(self) -> bool:
        """Whether there is an inpainter that shares the pipeline's weights."""
        return self.inpainter is not None

    @property
    def needs_hint(self) -> bool:
        """Whether that inpainter paints only requests that carry a hint, as FLUX Depth and Canny do; limbfix's own repairs draw none for them."""
        return self.inpainter is not None and needs_hint(inpaint_class(self.inpainter))


def choice_for(pipe: Any) -> Choice:
    """Says which inpainting class would serve a pipeline. Loads no weights and edits nothing.

    Args:
        pipe: a diffusers pipeline, its class, or the name of its class.

    Raises:
        MissingExtra: diffusers is not installed.
    """
    name = pipe if isinstance(pipe, str) else (pipe if isinstance(pipe, type) else type(pipe)).__name__
    has_class = _class_named(name) is not None
    own = OWN.get(name) or INSTEAD.get(name)
    if own is not None and _class_named(own) is not None:
        source = "itself" if own == name else "limbfix"
        return Choice(pipeline=name, inpainter=own, source=source, why=_sentence(name, own, source))
    inpainter = _in_diffusers_table(name)
    if inpainter in UNSUITED:
        why = f"{inpainter} {UNSUITED[inpainter]}; {REGENERATE.partition(';')[2].strip()}"
        return Choice(pipeline=name, inpainter=None, source="none", why=why)
    if inpainter is not None:
        source = "itself" if inpainter == name else "diffusers"
        return Choice(pipeline=name, inpainter=inpainter, source=source, why=_sentence(name, inpainter, source))
    why = REGENERATE if has_class else f"diffusers {_version()} has no class {name}; limbfix can make the picture again"
    return Choice(pipeline=name, inpainter=None, source="none", why=why)


def all_choices() -> tuple[Choice, ...]:
    """Returns the choice for every text-to-image and inpainting class of the installed diffusers, by name."""
    auto = _auto()
    names = {kind.__name__ for kind in auto.AUTO_TEXT2IMAGE_PIPELINES_MAPPING.values()}
    names |= {kind.__name__ for kind in auto.AUTO_INPAINT_PIPELINES_MAPPING.values()}
    names |= {name for name in OWN if _class_named(name) is not None}
    return tuple(choice_for(name) for name in sorted(names))


def inpaint_class(name: str) -> type:
    """Returns a class of diffusers by the name that a `Choice` gives."""
    kind = _class_named(name)
    if kind is None:
        raise MissingExtra(f"expected the class {name} in diffusers {_version()}, found none; pip install -U diffusers")
    return kind


def _sentence(name: str, inpainter: str, source: str) -> str:
    but = f", but {HINT_NEEDED}" if needs_hint(inpaint_class(inpainter)) else ""
    if source == "itself":
        return f"{name} inpaints{but}"
    table = "diffusers' table names it" if source == "diffusers" else "limbfix's table names it"
    without = " without its ControlNet" if name in INSTEAD else ""
    return f"{inpainter} takes the weights of {name}{without} ({table}){but}"


def _in_diffusers_table(name: str) -> str | None:
    """Returns the inpainting class that diffusers' tables give for a class of any task, or None."""
    auto = _auto()
    inpaint: Mapping[str, type] = auto.AUTO_INPAINT_PIPELINES_MAPPING
    tables = (inpaint, auto.AUTO_TEXT2IMAGE_PIPELINES_MAPPING, auto.AUTO_IMAGE2IMAGE_PIPELINES_MAPPING)
    keys = [key for table in tables for key, kind in table.items() if kind.__name__ == name]
    return next((inpaint[key].__name__ for key in keys if key in inpaint), None)


def _diffusers() -> Any:
    try:
        import diffusers
    except ImportError as error:
        raise MissingExtra(f"expected the package diffusers, got: {error}; pip install 'diffusers>=0.38'") from error
    return diffusers


def _auto() -> Any:
    _diffusers()
    from diffusers.pipelines import auto_pipeline

    return auto_pipeline


def _version() -> str:
    return _diffusers().__version__


def _class_named(name: str) -> type | None:
    found = getattr(_diffusers(), name, None) if name.isidentifier() and not name.startswith("_") else None
    return found if isinstance(found, type) else None
