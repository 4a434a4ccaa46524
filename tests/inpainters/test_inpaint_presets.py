"""ADetailer's arguments mean here what they mean there; what has no effect is said, what nobody knows is an error."""

from __future__ import annotations

import warnings

import pytest

from limbfix.errors import UsageError
from limbfix.inpainters import Preset

FROM_THE_FORUM = {
    "ad_model": "hand_yolov8n.pt",
    "ad_prompt": "a detailed hand",
    "ad_negative_prompt": "blurry",
    "ad_confidence": 0.35,
    "ad_denoising_strength": 0.45,
    "ad_inpaint_only_masked_padding": 48,
    "ad_mask_blur": 6,
    "ad_dilate_erode": -4,
    "ad_use_steps": True,
    "ad_steps": 25,
    "ad_use_cfg_scale": True,
    "ad_cfg_scale": 6,
    "ad_controlnet_weight": 0.9,
}


def test_every_argument_that_has_a_meaning_is_taken_over():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        preset = Preset.from_adetailer(FROM_THE_FORUM)
    assert preset == Preset(
        part="hand",
        prompt="a detailed hand",
        negative_prompt="blurry",
        strength=0.45,
        padding_px=48,
        feather_px=6,
        grow_px=-4,
        confidence=0.35,
        steps=25,
        guidance=6.0,
        control_scale=0.9,
    )


def test_an_empty_dictionary_has_adetailers_defaults():
    preset = Preset.from_adetailer({})
    assert (preset.strength, preset.padding_px, preset.feather_px, preset.grow_px, preset.confidence) == (
        0.4,
        32,
        4,
        4,
        0.3,
    )
    assert preset.steps is preset.guidance is None


def test_numbers_beside_a_switch_that_is_off_do_not_count():
    preset = Preset.from_adetailer(
        {"ad_use_steps": False, "ad_steps": 28, "ad_use_cfg_scale": False, "ad_cfg_scale": 7.0}
    )
    assert preset.steps is preset.guidance is None


def test_what_has_no_effect_is_named_with_the_reason():
    with pytest.warns(UserWarning, match=r"ad_sampler: the scheduler is the model's own"):
        preset = Preset.from_adetailer({"ad_sampler": "DPM++ 2M", "ad_vae": "None", "ad_x_offset": 0, "is_api": True})
    assert preset.ignored == ("ad_sampler",)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"ad_denoise": 0.4}, "unknown ones: ad_denoise"),
        ({"ad_denoising_strength": 1.4}, "from 0 to 1 for ad_denoising_strength"),
        ({"ad_denoising_strength": "much"}, "got 'much'"),
        ({"ad_denoising_strength": float("nan")}, "got nan"),
        ({"ad_steps": 20.5}, "whole number"),
        ({"ad_steps": True}, "whole number"),
        ({"ad_prompt": None}, "expected a text"),
        ([True, False, {}], "one dictionary"),
    ],
)
def test_bad_arguments_are_one_clear_error(arguments, said):
    with pytest.raises(UsageError, match=said):
        Preset.from_adetailer(arguments)


@pytest.mark.parametrize(
    ("model", "part"), [("face_yolov8n.pt", "face"), ("person_yolov8s-seg.pt", "person"), ("mine.pt", "")]
)
def test_the_part_is_read_off_the_models_name(model, part):
    assert Preset.from_adetailer({"ad_model": model}).part == part
