"""Who serves whom is asked of the installed diffusers, and every served class gets all arguments that it needs."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from limbfix.errors import RepairError
from limbfix.inpainters.calls import CallSettings, Job, arguments_for, parameters_of, takes_hint
from limbfix.inpainters.choice_table import table
from limbfix.inpainters.choices import OWN, UNSUITED, all_choices, choice_for, inpaint_class

PAGE = Path(__file__).parents[2] / "docs" / "inpainters.md"


@pytest.mark.parametrize(
    ("pipeline", "inpainter", "source"),
    [
        ("StableDiffusionPipeline", "StableDiffusionInpaintPipeline", "diffusers"),
        ("StableDiffusionXLImg2ImgPipeline", "StableDiffusionXLInpaintPipeline", "diffusers"),
        ("FluxPipeline", "FluxInpaintPipeline", "diffusers"),
        ("QwenImagePipeline", "QwenImageInpaintPipeline", "diffusers"),
        ("ZImagePipeline", "ZImageInpaintPipeline", "diffusers"),
        ("FluxFillPipeline", "FluxFillPipeline", "itself"),
        ("FluxKontextPipeline", "FluxKontextInpaintPipeline", "limbfix"),
        ("Flux2KleinPipeline", "Flux2KleinInpaintPipeline", "limbfix"),
        ("ChromaPipeline", "ChromaInpaintPipeline", "limbfix"),
        ("StableDiffusion3ControlNetPipeline", "StableDiffusion3InpaintPipeline", "limbfix"),
        ("Flux2Pipeline", None, "none"),
        ("AuraFlowPipeline", None, "none"),
        ("KandinskyV22CombinedPipeline", None, "none"),
        ("NobodysPipeline", None, "none"),
    ],
)
def test_each_pipeline_has_its_inpainter_or_a_reason(pipeline, inpainter, source):
    choice = choice_for(pipeline)
    assert (choice.inpainter, choice.source, choice.is_served) == (inpainter, source, inpainter is not None)
    assert choice.why
    assert inpainter is None or inpainter in choice.why or choice.source == "itself"


def test_limbfixs_table_names_classes_that_exist_and_that_diffusers_table_lacks():
    from diffusers.pipelines import auto_pipeline

    known = {kind.__name__ for kind in auto_pipeline.AUTO_INPAINT_PIPELINES_MAPPING.values()}
    for pipeline, inpainter in OWN.items():
        assert inpaint_class(inpainter).__name__ == inpainter
        assert inpaint_class(pipeline)
        assert inpainter not in known, f"{inpainter} is in diffusers' table now; strike it from OWN"
    assert set(UNSUITED) <= known


def test_an_object_its_class_and_its_name_are_one_question(opened):
    pipe = opened("sd")._pipe
    assert choice_for(pipe) == choice_for(type(pipe)) == choice_for("StableDiffusionInpaintPipeline")


def test_every_served_class_can_be_called_with_what_limbfix_says(ask):
    names = {choice.inpainter for choice in all_choices() if choice.inpainter}
    assert len(names) > 20
    for name in sorted(names):
        said = _said_to(inpaint_class(name), ask(seeds=(1,)))
        mask = said.get("mask_image", said.get("control_mask"))
        mask = np.asarray(mask[0] if isinstance(mask, list) else mask)
        assert (mask[32, 40], mask[0, 0]) == (255, 0), name


def _said_to(kind, request) -> dict:
    """What a class is told; fails if it would not take it, or if a number that matters is left to its default."""
    if takes_hint(kind):
        request = replace(request, control=np.zeros_like(request.pixels))
    said = arguments_for(kind, [Job(request=request, seed=1)], CallSettings(on_step=lambda *_: None))
    inspect.signature(kind.__call__).bind(None, **said)
    known = parameters_of(kind)
    matter = {
        "strength",
        "guidance_scale",
        "num_inference_steps",
        "height",
        "width",
        "generator",
        "prompt",
        "output_type",
    }
    if "true_cfg_scale" in said:
        matter -= {"guidance_scale"}
    assert matter & known <= set(said), kind.__name__
    assert ("mask_image" in said) != ("control_mask" in said), kind.__name__
    return said


def test_a_class_that_needs_a_hint_says_so(ask):
    kind = inpaint_class("FluxControlInpaintPipeline")
    with pytest.raises(RepairError, match=r"FluxControlInpaintPipeline, got none; .*depth map or the edges"):
        arguments_for(kind, [Job(request=ask(), seed=1)], CallSettings())


@pytest.mark.parametrize("pipeline", ["FluxControlPipeline", "FluxControlInpaintPipeline"])
def test_flux_depth_and_canny_are_told_from_what_paints_without_a_hint(pipeline):
    choice = choice_for(pipeline)
    assert choice.needs_hint
    assert "depth map or the edges" in choice.why
    others = [other for other in all_choices() if not other.pipeline.startswith("FluxControlPipeline")]
    assert {other.inpainter for other in others if other.needs_hint} == {"FluxControlInpaintPipeline"}


@pytest.mark.parametrize(
    ("name", "pose", "depth"),
    [("StableDiffusionXLControlNetUnionInpaintPipeline", 0, 1), ("FluxControlNetInpaintPipeline", 4, 2)],
)
def test_a_controlnet_for_many_hints_is_told_which_it_gets(ask, name, pose, depth):
    kind = inpaint_class(name)
    grey = np.full((64, 64, 3), 90, np.uint8)
    coloured = grey * np.uint8([1, 0, 0])
    modes = [
        arguments_for(kind, [Job(request=ask(control=hint), seed=1)], CallSettings())["control_mode"]
        for hint in (coloured, grey)
    ]
    assert modes == [pose, depth]


def test_the_page_is_what_the_installed_diffusers_says():
    import diffusers

    (version,) = re.findall(r"from diffusers (\S+);", PAGE.read_text(encoding="utf-8"))
    if version != diffusers.__version__:
        pytest.skip(f"the page is of diffusers {version}, installed is {diffusers.__version__}")
    assert PAGE.read_text(encoding="utf-8") == table()
