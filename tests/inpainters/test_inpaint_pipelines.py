"""Real classes of diffusers with random weights, loaded by the code that loads a hub's model: everything but beauty is proved."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from tiny_pipelines import tiny_flux_and_union, tiny_flux_control, tiny_xl_and_union

from limbfix.errors import InpainterMissing, RepairBlocked, RepairError
from limbfix.inpainters import inpainter_from_pipe, open_inpainter
from limbfix.inpainters.calls import cell_mask
from limbfix.inpainting import Inpainter, Mask

KINDS = {
    "sd": "StableDiffusionInpaintPipeline",
    "sd-inpaint": "StableDiffusionInpaintPipeline",
    "sdxl-inpaint": "StableDiffusionXLInpaintPipeline",
    "flux-fill": "FluxFillPipeline",
    "sd+controlnet": "StableDiffusionControlNetInpaintPipeline",
}
TOLERANCE = 1
"""Grey levels by which a candidate may differ between a batch and alone: sums of floats in another order, rounded to 8 bits."""


@pytest.mark.parametrize("kind", KINDS)
def test_every_seed_gives_one_picture_of_the_requests_size(opened, ask, kind):
    inpainter = opened(kind)
    candidates = inpainter.inpaint(ask())
    assert inpainter.name == f"diffusers:{KINDS[kind]}"
    assert isinstance(inpainter, Inpainter)
    assert [(picture.shape, picture.dtype) for picture in candidates] == [((64, 64, 3), np.uint8)] * 3
    assert candidates.blocked == (False, False, False)
    assert not np.array_equal(candidates[0], candidates[1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_candidate_of_a_batch_is_the_candidate_of_its_seed(opened, ask, kind):
    inpainter = opened(kind)
    together = inpainter.inpaint(ask(seeds=(5, 6)))
    alone = [inpainter.inpaint(ask(seeds=(seed,)))[0] for seed in (5, 6)]
    apart = [np.abs(a.astype(int) - b).max() for a, b in zip(together, alone, strict=True)]
    assert max(apart) <= TOLERANCE


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_bits(opened, ask, kind):
    first, second = (opened(kind).inpaint(ask(seeds=(7,)))[0] for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("kind", KINDS)
def test_white_is_edit_and_the_pixels_under_black_reach_the_model_unchanged(opened, ask, kind, monkeypatch):
    inpainter, request, seen = opened(kind), ask(seeds=(1,)), []
    vae = inpainter._pipe.vae
    encode = vae.encode
    monkeypatch.setattr(vae, "encode", lambda x, *args, **kw: seen.append(x.float().numpy()) or encode(x, *args, **kw))
    inpainter.inpaint(request)
    plain = request.pixels.transpose(2, 0, 1)[None] / 127.5 - 1
    kept = cell_mask(request.mask, inpainter.cell) == 0
    masked = [x for x in seen if np.abs(x[..., ~kept]).max() < 1e-6]
    assert len(masked) == 1
    assert np.abs(masked[0] - plain)[..., kept].max() < 1e-5


def test_regions_of_one_size_share_a_batch_and_come_back_in_order(opened, ask, monkeypatch):
    inpainter, sizes = opened("sd-inpaint"), []
    requests = [ask(seeds=(1, 2)), ask(seeds=(3,), strength=0.5), ask(seeds=(4,), prompt="a foot")]
    alone = [inpainter.inpaint(request) for request in requests]
    attempt = inpainter._try
    monkeypatch.setattr(inpainter, "_try", lambda jobs: sizes.append(len(jobs)) or attempt(jobs))
    together = inpainter.inpaint_many(requests)
    assert sorted(sizes) == [1, 3]
    for ours, theirs in zip(together, alone, strict=True):
        assert len(ours) == len(theirs)
        assert max(np.abs(a.astype(int) - b).max() for a, b in zip(ours, theirs, strict=True)) <= TOLERANCE


@pytest.mark.parametrize("kind", ["sd-inpaint", "flux-fill"])
def test_a_strength_that_leaves_no_step_still_paints(opened, ask, kind):
    assert len(opened(kind).inpaint(ask(strength=0.05, steps=2, seeds=(1,)))) == 1


def test_a_request_is_not_changed(opened, ask):
    request = ask(seeds=(1,))
    pixels, edit = request.pixels.copy(), request.mask.edit.copy()
    opened("sd-inpaint").inpaint(request)
    assert np.array_equal(request.pixels, pixels)
    assert np.array_equal(request.mask.edit, edit)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mask": Mask(edit=np.zeros((64, 64), np.float32))}, "empty"),
        ({"mask": Mask(edit=np.ones((32, 64), np.float32))}, "mask of 64 x 64"),
        (
            {"pixels": np.zeros((40, 64, 3), np.uint8), "mask": Mask(edit=np.ones((40, 64), np.float32))},
            "multiples of 16",
        ),
        ({"pixels": np.zeros((1, 1, 3), np.uint8), "mask": Mask(edit=np.ones((1, 1), np.float32))}, "multiples of 16"),
        ({"pixels": np.zeros((64, 64, 3), np.float32)}, "uint8"),
        ({"seeds": ()}, "at least one seed"),
        ({"purpose": "destroy"}, "purpose"),
        ({"strength": 0.0}, "strength above 0"),
        ({"strength": 1.5}, "strength above 0"),
        ({"control": np.zeros((32, 32, 3), np.uint8)}, "hint of 64 x 64"),
    ],
)
def test_a_bad_request_is_one_clear_error(opened, ask, change, said):
    with pytest.raises(RepairError, match=said):
        opened("sd-inpaint").inpaint(ask(**change))


def test_a_mask_that_covers_everything_is_painted(opened, ask):
    (picture,) = opened("sd-inpaint").inpaint(ask(mask=Mask(edit=np.ones((64, 64), np.float32)), seeds=(1,)))
    assert picture.shape == (64, 64, 3)


def test_cells_hold_every_pixel_that_may_change():
    edit = np.zeros((20, 20), np.float32)
    edit[9, 3] = 0.01
    cells = cell_mask(Mask(edit=edit), 8)
    assert set(np.unique(cells)) == {0, 255}
    assert (cells[8:16, 0:8] == 255).all()
    assert (cells == 255).sum() == 64


def test_what_a_safety_checker_blacks_out_is_blocked_and_not_tried_again(tiny, ask, monkeypatch):
    inpainter, calls = open_inpainter(tiny("sd-flagging"), device="cpu"), []
    attempt = inpainter._try
    monkeypatch.setattr(inpainter, "_try", lambda jobs: calls.append(len(jobs)) or attempt(jobs))
    with pytest.raises(RepairBlocked, match="safety checker blacked out all 2"):
        inpainter.inpaint(ask(seeds=(1, 2)))
    assert calls == [2]


def test_one_blocked_candidate_is_marked_and_shows_the_original(opened, ask, monkeypatch):
    inpainter, request = opened("sd-inpaint"), ask(seeds=(1, 2))
    pictures = np.random.default_rng(0).random((2, 64, 64, 3))
    pictures[1] = 0
    _answer_with(monkeypatch, inpainter, SimpleNamespace(images=pictures, nsfw_content_detected=[False, True]))
    candidates = inpainter.inpaint(request)
    assert candidates.blocked == (False, True)
    assert np.array_equal(candidates[1], request.pixels)


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (np.zeros((1, 64, 64, 3)), "black"),
        (np.full((1, 64, 64, 3), np.nan), "nan"),
        (np.ones((1, 64, 96, 3)), "64 x 64 px"),
        (np.ones((1, 64, 64)), "shape"),
        (np.ones((2, 64, 64, 3)), "expected 1 pictures, got 2"),
    ],
)
def test_an_answer_that_is_no_picture_of_the_size_is_an_error(opened, ask, monkeypatch, images, said):
    inpainter = opened("sd-inpaint")
    _answer_with(monkeypatch, inpainter, SimpleNamespace(images=images))
    with pytest.raises(RepairError, match=said):
        inpainter.inpaint(ask(seeds=(1,)))


def test_an_answer_that_was_enlarged_is_brought_back_to_size(opened, ask, monkeypatch):
    inpainter = opened("sd-inpaint")
    _answer_with(monkeypatch, inpainter, (np.full((1, 128, 128, 3), 0.5),))
    (picture,) = inpainter.inpaint(ask(seeds=(1,)))
    assert picture.shape == (64, 64, 3)
    assert set(np.unique(picture)) == {128}


def test_a_hint_decides_and_its_absence_does_not(opened, ask):
    inpainter, hint = opened("sd+controlnet"), np.full((64, 64, 3), 255, np.uint8)
    none, black, white = (
        inpainter.inpaint(ask(seeds=(1,), control=control))[0] for control in (None, np.zeros_like(hint), hint)
    )
    assert inpainter.takes_hint
    assert not np.array_equal(black, white)
    assert not np.array_equal(none, white)


def test_without_a_hint_a_controlnet_paints_as_the_model_alone(opened, ask):
    """The two share weights and seeds; a hint of strength 0 must leave nothing but rounding."""
    with_net, alone = (opened(kind).inpaint(ask(seeds=(1,), strength=0.5))[0] for kind in ("sd+controlnet", "sd"))
    assert np.abs(with_net.astype(int) - alone).max() <= TOLERANCE


@pytest.mark.parametrize(("kind", "hears"), [("sd-inpaint", True), ("sdxl-inpaint", True), ("flux-fill", False)])
def test_a_negative_prompt_that_is_not_heard_is_no_secret(opened, ask, kind, hears):
    inpainter = opened(kind)
    inpainter.notes.clear()
    plain, negative = (inpainter.inpaint(ask(seeds=(1,), negative_prompt=text))[0] for text in ("", "blurred"))
    assert np.array_equal(plain, negative) is not hears
    assert [("negative prompt" in note) for note in inpainter.notes] == ([] if hears else [True])


def test_each_step_is_told(tiny, ask):
    told = []
    open_inpainter(tiny("sd-inpaint"), device="cpu", on_step=lambda *at: told.append(at)).inpaint(
        ask(strength=1.0, seeds=(1,))
    )
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_the_callers_pipeline_is_shared_and_stays_as_it_was(user_pipe, ask):
    picture, before = _render(user_pipe), _state(user_pipe)
    inpainter = inpainter_from_pipe(user_pipe)
    inpainter.inpaint(ask())
    assert inpainter._pipe.unet is user_pipe.unet
    assert inpainter._pipe.scheduler is not user_pipe.scheduler
    inpainter.close()
    assert _state(user_pipe) == before
    assert np.array_equal(_render(user_pipe), picture)
    with pytest.raises(RepairError, match=r"after close"):
        inpainter.inpaint(ask())


def test_half_precision_of_the_caller_is_kept(tiny):
    """`from_pipe` of a pipeline class casts shared weights to float32; limbfix must not go that way."""
    import torch
    from diffusers import FluxFillPipeline

    pipe = FluxFillPipeline.from_pretrained(tiny("flux-fill"), use_safetensors=True)
    pipe.transformer.to(torch.bfloat16)
    twin = inpainter_from_pipe(pipe)
    assert pipe.transformer.dtype is torch.bfloat16
    assert pipe.vae.dtype is torch.float32
    assert twin._pipe.transformer is pipe.transformer


def test_a_pipeline_and_its_folder_paint_the_same(user_pipe, opened, ask):
    shared, loaded = inpainter_from_pipe(user_pipe), opened("sd")
    assert np.array_equal(shared.inpaint(ask(seeds=(4,)))[0], loaded.inpaint(ask(seeds=(4,)))[0])


def test_the_callers_pipeline_can_be_given_a_controlnet(user_pipe, tiny, ask):
    from diffusers import ControlNetModel

    net = ControlNetModel.from_pretrained(tiny("controlnet"), use_safetensors=True)
    inpainter = inpainter_from_pipe(user_pipe, controlnet=net)
    assert inpainter.name == "diffusers:StableDiffusionControlNetInpaintPipeline"
    assert inpainter.inpaint(ask(seeds=(1,), control=np.full((64, 64, 3), 90, np.uint8)))[0].shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (tiny_flux_and_union, "FluxControlNetInpaintPipeline"),
        (tiny_xl_and_union, "StableDiffusionXLControlNetUnionInpaintPipeline"),
    ],
)
def test_a_controlnet_for_many_kinds_of_hints_takes_one_and_does_without(one_thread, build, name, ask):
    pipe, net = build()
    inpainter = inpainter_from_pipe(pipe, controlnet=net)
    assert inpainter.name == f"diffusers:{name}"
    grey = np.full((64, 64, 3), 90, np.uint8)
    none, pose, depth = (
        inpainter.inpaint(ask(seeds=(1,), control=control))[0] for control in (None, grey * np.uint8([1, 0, 0]), grey)
    )
    assert not np.array_equal(none, depth)
    assert not np.array_equal(pose, depth)


def test_a_controlnet_for_many_kinds_of_hints_does_not_go_with_every_pipeline(user_pipe):
    from diffusers import ControlNetUnionModel

    net = ControlNetUnionModel.__new__(ControlNetUnionModel)
    with pytest.raises(InpainterMissing, match="StableDiffusionControlNetUnionInpaintPipeline"):
        inpainter_from_pipe(user_pipe, controlnet=net)


def test_flux_depth_and_canny_paint_what_a_request_shows_them_and_repair_no_wrapped_picture(one_thread, ask):
    import limbfix
    from limbfix.wrapping.repairing import own_inpainter

    pipe = tiny_flux_control()
    painted = inpainter_from_pipe(pipe).inpaint(ask(seeds=(1,), control=np.full((64, 64, 3), 90, np.uint8)))
    assert painted[0].shape == (64, 64, 3)
    assert own_inpainter(pipe) is None, "the embedded filling repairs, because nobody draws the hint"
    known = limbfix.capabilities(pipe)
    assert known.repairs_with == "exemplar_fill"
    assert "depth map or the edges" in " ".join(known.reasons)


def test_a_pipeline_that_cannot_inpaint_is_refused_with_the_reason():
    class AuraFlowPipeline:
        """Named like one that no inpainting class serves."""

    with pytest.raises(InpainterMissing, match="make the picture again"):
        inpainter_from_pipe(AuraFlowPipeline())


def test_usual_numbers_are_said_and_the_callers_come_first(tiny, ask, monkeypatch):
    inpainter = open_inpainter(tiny("sdxl-inpaint"), device="cpu", steps=4, guidance=2.5)
    asked = _record(monkeypatch, inpainter)
    inpainter.inpaint(replace(ask(seeds=(1,)), steps=None))
    inpainter.inpaint(ask(seeds=(1,), steps=5))
    assert [(call["num_inference_steps"], call["guidance_scale"], call["strength"]) for call in asked] == [
        (4, 2.5, 0.8),
        (5, 2.5, 0.8),
    ]


def _record(monkeypatch, inpainter) -> list[dict]:
    from limbfix.inpainters import pipelines

    asked, real = [], pipelines.arguments_for

    def arguments(*args):
        asked.append(real(*args))
        return asked[-1]

    monkeypatch.setattr(pipelines, "arguments_for", arguments)
    return asked


def _answer_with(monkeypatch, inpainter, output) -> None:
    """Makes the pipeline's last word another one; everything before and after it is real."""
    monkeypatch.setattr(type(inpainter._pipe), "__call__", lambda *args, **kw: output)
    monkeypatch.setattr("limbfix.inpainters.pipelines.arguments_for", lambda *args: {})


def _state(pipe) -> tuple:
    parts = {name: part for name, part in pipe.components.items() if hasattr(part, "state_dict")}
    digest = hashlib.sha256()
    for name in sorted(parts):
        for key, value in sorted(parts[name].state_dict().items()):
            digest.update(f"{name}.{key}".encode() + value.numpy().tobytes())
    kinds = {name: type(part).__name__ for name, part in pipe.components.items()}
    return (
        digest.hexdigest(),
        kinds,
        len(pipe.tokenizer),
        dict(pipe.scheduler.config),
        pipe.scheduler.num_inference_steps,
    )


def _render(pipe) -> np.ndarray:
    import torch

    return pipe("a hand", num_inference_steps=2, generator=torch.Generator().manual_seed(1), output_type="np").images[0]
