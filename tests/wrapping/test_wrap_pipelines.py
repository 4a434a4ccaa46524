"""A gated diffusers pipeline takes and returns what the bare one does, and makes only what failed again."""

from __future__ import annotations

import inspect
import json

import numpy as np
import pytest
from steered_gate import SteeredGate
from wrap_models import example_module, load_tiny, save_tiny_xl, with_flags

import limbfix
from limbfix.errors import GeneratorError, UsageError
from limbfix.wrapping.attempts import pixels_sha256
from limbfix.wrapping.pipeline_outputs import picture_of, with_pixels
from limbfix.wrapping.repairing import Repair
from limbfix.wrapping.seeds import attempt_seed

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
STEPS = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    import torch

    torch.set_num_threads(1)
    place = tmp_path_factory.mktemp("tiny") / "sd"
    example_module().save_tiny_pipeline(place)
    return place


@pytest.fixture
def pipe(folder):
    return load_tiny(folder)


class Spy:
    """Counts calls of a pipeline by standing before its denoiser's and its own call."""

    def __init__(self, pipe) -> None:
        self.calls, self.steps = [], 0
        kind = type(pipe)
        bare = kind.__call__

        def called(own, *arguments, **keywords):
            self.calls.append(keywords)
            return bare(own, *arguments, **keywords)

        called.__signature__ = inspect.signature(bare)
        pipe.__class__ = type(kind.__name__, (kind,), {"__call__": called, "__module__": kind.__module__})
        pipe.unet.register_forward_pre_hook(lambda *_: setattr(self, "steps", self.steps + 1))


def seeds_of(call):
    given = call["generator"]
    return [one.initial_seed() for one in (given if isinstance(given, list) else [given])]


def bare_images(folder, prompt="a wave", **keywords):
    return load_tiny(folder)(prompt, num_inference_steps=STEPS, output_type="np", **keywords).images


def generator(seed):
    import torch

    return torch.Generator("cpu").manual_seed(seed)


@pytest.mark.parametrize("output_type", ["pil", "np", "pt"])
def test_pictures_that_pass_are_the_bare_pipelines_own_in_its_own_type(folder, pipe, output_type):
    import torch
    from PIL import Image

    gated = limbfix.wrap(pipe, gate=SteeredGate())
    output = gated(
        "a wave", num_inference_steps=STEPS, num_images_per_prompt=2, generator=generator(3), output_type=output_type
    )
    bare = load_tiny(folder)(
        "a wave", num_inference_steps=STEPS, num_images_per_prompt=2, generator=generator(3), output_type=output_type
    )
    assert type(output) is type(bare)
    assert type(output.images) is type(bare.images)
    if output_type == "pil":
        assert all(isinstance(image, Image.Image) for image in output.images)
        assert [image.tobytes() for image in output.images] == [image.tobytes() for image in bare.images]
    elif output_type == "np":
        assert np.array_equal(output.images, bare.images)
    else:
        assert torch.equal(output.images, bare.images)
    assert output.nsfw_content_detected is None
    assert output[0] is output.images
    assert [report.verdict for report in output.reports] == ["pass", "pass"]


def test_only_failing_pictures_of_a_batch_are_made_again_and_the_order_stays(folder, pipe):
    spy = Spy(pipe)
    gate = SteeredGate(["pass", "reject", "pass", "reject", "pass", "pass"])
    output = limbfix.wrap(pipe, gate=gate, seed=11)(
        ["a wave", "two hands"], num_inference_steps=STEPS, num_images_per_prompt=2, output_type="np"
    )
    first, again = spy.calls
    assert seeds_of(first) == [attempt_seed(11, index, 0) for index in range(4)]
    assert seeds_of(again) == [attempt_seed(11, 1, 1), attempt_seed(11, 3, 1)]
    assert again["prompt"] == ["a wave", "two hands"]
    assert again["num_images_per_prompt"] == 1
    assert gate.prompts == ["a wave", "a wave", "two hands", "two hands", "a wave", "two hands"]
    whole = bare_images(
        folder,
        ["a wave", "two hands"],
        num_images_per_prompt=2,
        generator=[generator(seed) for seed in seeds_of(first)],
    )
    retried = bare_images(folder, ["a wave", "two hands"], generator=[generator(seed) for seed in seeds_of(again)])
    for image, expected in zip(output.images, (whole[0], retried[0], whole[2], retried[1]), strict=True):
        assert np.array_equal(image, expected)


def test_prompts_with_different_numbers_of_failures_keep_their_negative_prompts(pipe):
    spy = Spy(pipe)
    gate = SteeredGate(["reject", "reject", "pass", "reject", "pass", "pass"])
    output = limbfix.wrap(pipe, gate=gate, seed=1)(
        ["one", "two", "three"],
        negative_prompt=["not one", "not two", "not three"],
        num_inference_steps=2,
        num_images_per_prompt=2,
    )
    retries = [(call["prompt"], call["negative_prompt"], call["num_images_per_prompt"]) for call in spy.calls[1:]]
    assert retries == [(["one"], ["not one"], 2), (["two"], ["not two"], 1)]
    assert [len(report.attempts) for report in output.reports] == [2, 2, 1, 2, 1, 1]


def test_the_callers_generator_is_honoured_and_the_best_attempt_kept(folder, pipe):
    spy = Spy(pipe)
    gated = limbfix.wrap(pipe, gate=SteeredGate(["reject 0.85", "reject 0.9", "reject 0.95"]), max_attempts=3)
    output = gated("a wave", num_inference_steps=STEPS, generator=generator(5), output_type="np")
    assert [seeds_of(call) for call in spy.calls] == [[5], [attempt_seed(5, 0, 1)], [attempt_seed(5, 0, 2)]]
    (report,) = output.reports
    assert (report.kept, report.attempts[0].seed_origin, report.is_reproducible) == (0, "user", True)
    assert np.array_equal(output.images, bare_images(folder, generator=generator(5)))


def test_a_list_of_generators_gives_each_image_its_own_base(pipe):
    spy = Spy(pipe)
    gate = SteeredGate(["pass", "reject"])
    limbfix.wrap(pipe, gate=gate)(["one", "two"], num_inference_steps=2, generator=[generator(5), generator(6)])
    assert seeds_of(spy.calls[0]) == [5, 6]
    assert seeds_of(spy.calls[1]) == [attempt_seed(6, 1, 1)]


def test_a_generator_that_was_used_before_is_reported_as_not_reproducible(pipe):
    import torch

    used = generator(5)
    torch.randn(1, generator=used)
    (report,) = limbfix.wrap(pipe, gate=SteeredGate())("x", num_inference_steps=2, generator=used).reports
    assert not report.is_reproducible
    assert "before this call" in report.not_reproducible_because


@pytest.mark.parametrize("as_list", [False, True])
def test_one_generator_in_a_loop_of_calls_gives_every_retry_another_seed(pipe, as_list):
    spy = Spy(pipe)
    gated = limbfix.wrap(pipe, gate=SteeredGate(["reject", "pass"] * 3))
    shared = generator(5)
    done = [gated("x", num_inference_steps=2, generator=[shared] if as_list else shared) for _ in range(3)]
    retries = [seeds_of(call)[0] for call in spy.calls[1::2]]
    assert retries[0] == attempt_seed(5, 0, 1)
    assert len(set(retries)) == 3
    assert len({output.images[0].tobytes() for output in done}) == 3
    assert [output.reports[0].is_reproducible for output in done] == [True, False, False]
    spy.calls.clear()
    gated = limbfix.wrap(pipe, gate=SteeredGate(["reject", "pass"] * 3))
    shared = generator(5)
    for _ in range(3):
        gated("x", num_inference_steps=2, generator=shared)
    assert [seeds_of(call)[0] for call in spy.calls[1::2]] == retries  # the same program, the same pictures


def test_a_list_with_one_generator_twice_is_reported_as_not_reproducible(pipe):
    shared = generator(5)
    output = limbfix.wrap(pipe, gate=SteeredGate())(["a", "b"], num_inference_steps=2, generator=[shared, shared])
    assert "more than once" in output.reports[1].not_reproducible_because


def test_a_seed_of_the_wrapper_and_a_generator_of_the_caller_both_count(pipe):
    spy = Spy(pipe)
    gated = limbfix.wrap(pipe, gate=SteeredGate(["reject", "pass"] * 2), seed=7)
    for seed in (1, 2):
        gated("x", num_inference_steps=2, generator=generator(seed))
    assert [seeds_of(call) for call in spy.calls[::2]] == [[1], [2]]
    assert seeds_of(spy.calls[1]) != seeds_of(spy.calls[3])


def test_a_tuple_stays_a_tuple_and_has_the_reports_too(pipe):
    gated = limbfix.wrap(pipe, gate=SteeredGate(["reject", "pass"]))
    output = gated("x", num_inference_steps=2, return_dict=False)
    images, flags = output
    assert isinstance(output, tuple)
    assert (len(images), flags) == (1, None)
    assert output.reports is gated.limbfix.last_reports
    assert len(output.reports[0].attempts) == 2


def test_latents_cannot_be_judged(pipe):
    spy = Spy(pipe)
    with pytest.raises(UsageError, match=r"expected one of pil, np, pt, got 'latent'.*gated\.limbfix\.generator"):
        limbfix.wrap(pipe, gate=SteeredGate())("x", output_type="latent")
    assert spy.calls == []


def test_attributes_are_the_pipelines_own_to_read_and_to_set(pipe):
    import diffusers

    gated = limbfix.wrap(pipe, gate=SteeredGate())
    fresh = diffusers.EulerDiscreteScheduler.from_config(pipe.scheduler.config)
    gated.scheduler = fresh
    assert pipe.scheduler is fresh
    assert gated.to("cpu") is gated
    assert gated.components.keys() == pipe.components.keys()
    assert isinstance(gated, diffusers.StableDiffusionPipeline)
    assert "generator" in inspect.signature(gated).parameters
    assert "unet" in dir(gated)
    assert "gated by limbfix" in repr(gated)
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = gated.no_such_thing


def test_another_pipeline_can_be_made_from_a_gated_one(pipe):
    import diffusers

    gated = limbfix.wrap(pipe, gate=SteeredGate())
    other = diffusers.AutoPipelineForImage2Image.from_pipe(gated)
    assert type(other) is diffusers.StableDiffusionImg2ImgPipeline
    assert other.unet is pipe.unet


def test_wrong_arguments_are_refused_as_ever(pipe):
    with pytest.raises(TypeError, match="multiple values"):
        limbfix.wrap(pipe, gate=SteeredGate())("x", prompt="y")


def test_a_picture_that_the_safety_checker_flags_is_skipped_and_never_tried_again(pipe):
    spy = Spy(with_flags(pipe, [[True, False]]))
    gate = SteeredGate(["pass"])
    output = limbfix.wrap(pipe, gate=gate, max_attempts=5)("x", num_inference_steps=2, num_images_per_prompt=2)
    assert [report.verdict for report in output.reports] == ["skipped_nsfw", "pass"]
    assert output.nsfw_content_detected == [True, False]
    assert (len(spy.calls), len(gate.seen)) == (1, 1)


def test_a_retry_that_the_safety_checker_flags_is_the_last_and_not_kept(pipe):
    spy = Spy(with_flags(pipe, [[False], [True]]))
    output = limbfix.wrap(pipe, gate=SteeredGate(["reject"]), max_attempts=5)("x", num_inference_steps=2)
    assert len(spy.calls) == 2
    assert output.nsfw_content_detected == [False]
    assert [attempt.verdict for attempt in output.reports[0].attempts] == ["reject", "skipped_nsfw"]


def test_image_to_image_and_inpainting_are_made_again_with_their_own_pictures(folder):
    from PIL import Image

    pictures = [Image.new("RGB", (64, 64), (shade, 90, 160)) for shade in (20, 200)]
    pipe = load_tiny(folder, "StableDiffusionImg2ImgPipeline")
    spy = Spy(pipe)
    limbfix.wrap(pipe, gate=SteeredGate(["pass", "reject"]), seed=1)(
        ["one", "two"], image=pictures, strength=0.5, num_inference_steps=4
    )
    assert spy.calls[1]["image"] == [pictures[1]]
    assert spy.calls[1]["strength"] == 0.5
    pipe = load_tiny(folder, "StableDiffusionInpaintPipeline")
    spy = Spy(pipe)
    output = limbfix.wrap(pipe, gate=SteeredGate(["reject", "pass"]), seed=1)(
        "one", image=pictures[0], mask_image=Image.new("L", (64, 64), 255), num_inference_steps=4, height=64, width=64
    )
    assert spy.calls[1]["image"] is pictures[0]
    assert output.reports[0].kept == 1


def test_as_many_prompts_as_controlnets_are_made_again_with_every_nets_picture(pipe):
    import torch
    from diffusers import ControlNetModel, StableDiffusionControlNetPipeline
    from PIL import Image

    nets = [
        ControlNetModel.from_unet(pipe.unet, conditioning_channels=3, conditioning_embedding_out_channels=(16, 32))
        for _ in range(2)
    ]
    controlled = StableDiffusionControlNetPipeline(**pipe.components, controlnet=nets, requires_safety_checker=False)
    controlled.set_progress_bar_config(disable=True)
    spy = Spy(controlled)
    pose, depth = Image.new("RGB", (64, 64), (255, 0, 0)), torch.rand(2, 3, 64, 64)  # depth: one for each prompt
    gated = limbfix.wrap(controlled, gate=SteeredGate(["pass", "reject"]))
    output = gated(["one", "two"], image=[pose, depth], num_inference_steps=2)
    assert [attempt.error for attempt in output.reports[1].attempts] == [None, None]
    assert spy.calls[1]["image"][0] is pose
    assert torch.equal(spy.calls[1]["image"][1], depth[1:])


@pytest.mark.parametrize("output_type", ["np", "pt"])
def test_a_repair_changes_only_its_own_pixels_of_a_float_picture(folder, pipe, output_type):
    def repair(inspection, *, prompt, seed):
        pixels = inspection.picture.pixels.copy()
        pixels[3, 4] = 255 - pixels[3, 4]
        judged = SteeredGate(["pass"]).inspect_picture(inspection.picture)
        return Repair(is_accepted=True, pixels=pixels, inspection=judged, record={})

    gated = limbfix.wrap(pipe, gate=SteeredGate(["reject"]), on_fail="repair", repairer=repair)
    output = gated("a wave", num_inference_steps=STEPS, generator=generator(5), output_type=output_type)
    bare = load_tiny(folder)("a wave", num_inference_steps=STEPS, generator=generator(5), output_type=output_type)
    images, expected = np.asarray(output.images), np.asarray(bare.images)
    assert images.dtype == expected.dtype
    changed = (images != expected).any(axis=3 if output_type == "np" else 1)[0]
    assert np.argwhere(changed).tolist() == [[3, 4]]


@pytest.mark.parametrize(
    ("shape", "is_tensor"),
    [((8, 8), False), *((shape, form) for shape in ((8, 8, 1), (8, 8, 3), (8, 8, 4)) for form in (False, True))],
)
def test_a_repair_of_floats_keeps_their_shape_and_what_shines_through(shape, is_tensor):
    import torch

    floats = np.random.default_rng(1).random(shape, dtype=np.float32)
    image = floats
    if is_tensor:
        image = torch.from_numpy(floats.transpose(2, 0, 1))
    judged = picture_of(image, prompt="", seed=None).pixels
    pixels, notes = judged.copy(), []
    pixels[3, 4] = 230
    after = with_pixels(image, judged, pixels, notes)
    assert (type(after), after.dtype, after.shape) == (type(image), image.dtype, image.shape)
    after = np.asarray(after).transpose(1, 2, 0) if is_tensor else after
    changed = after != floats
    assert np.argwhere(changed.reshape(8, 8, -1).any(axis=2)).tolist() == [[3, 4]]
    assert shape[-1] != 4 or not changed[..., 3].any()
    seen = picture_of(after, prompt="", seed=None).pixels
    assert np.abs(seen[3, 4].astype(int) - 230).max() <= 2 or notes


def test_stable_diffusion_xl_is_gated_in_the_same_way(tmp_path):
    pipe = load_tiny(save_tiny_xl(tmp_path / "xl"), "StableDiffusionXLPipeline")
    spy = Spy(pipe)
    gate = SteeredGate(["reject", "pass", "pass", "pass"])
    output = limbfix.wrap(pipe, gate=gate, seed=2, early_stop=True)(
        ["one", "two"], prompt_2=["eins", "zwei"], num_inference_steps=5, height=64, width=64, output_type="pt"
    )
    assert tuple(output.images.shape) == (2, 3, 64, 64)
    assert not hasattr(output, "nsfw_content_detected")
    assert [len(report.attempts) for report in output.reports] == [1, 1]
    gate = SteeredGate(["pass", "reject"])
    limbfix.wrap(pipe, gate=gate, seed=2)(
        ["one", "two"], prompt_2=["eins", "zwei"], num_inference_steps=2, height=64, width=64
    )
    assert (spy.calls[-1]["prompt"], spy.calls[-1]["prompt_2"]) == (["two"], ["zwei"])


def test_ctrl_c_in_a_retry_leaves_the_pipeline_as_it_was(folder, pipe):
    def interrupt(own, step, timestep, tensors):
        if seeds.pop(0) == "stop":
            raise KeyboardInterrupt
        return tensors

    seeds = ["go", "go", "go", "stop"]
    gated = limbfix.wrap(pipe, gate=SteeredGate(["reject"]))
    with pytest.raises(KeyboardInterrupt):
        gated("x", num_inference_steps=2, generator=generator(5), callback_on_step_end=interrupt)
    assert gated.limbfix.last_ledgers[0].picture is not None
    assert not pipe._interrupt
    after = gated("a wave", num_inference_steps=STEPS, generator=generator(5), output_type="np").images
    assert np.array_equal(after, bare_images(folder, generator=generator(5)))


def test_a_lost_render_is_stopped_at_its_preview_and_the_steps_are_saved(pipe):
    spy = Spy(pipe)
    # Judged: preview of the first, then the whole second: its preview passes, and so does it.
    gate = SteeredGate(["reject 0.95", "pass", "pass"])
    gated = limbfix.wrap(pipe, gate=gate, seed=3, early_stop=True, max_attempts=3)
    output = gated("x", num_inference_steps=10, output_type="np")
    first, second = output.reports[0].attempts
    assert (first.stopped_early, first.steps_saved, first.verdict) == (True, 0.4, "reject")
    assert (second.stopped_early, second.steps_saved, second.verdict) == (False, 0, "pass")
    assert spy.steps == 6 + 10
    assert not pipe._interrupt
    assert output.images.shape == (1, 64, 64, 3)


def test_the_last_attempt_is_never_stopped_so_that_a_whole_picture_comes_back(pipe):
    spy = Spy(pipe)
    gated = limbfix.wrap(pipe, gate=SteeredGate(judge=lambda _: "reject"), seed=3, early_stop=True, max_attempts=3)
    (report,) = gated("x", num_inference_steps=10).reports
    assert [attempt.stopped_early for attempt in report.attempts] == [True, True, False]
    assert report.kept == 2
    assert spy.steps == 6 + 6 + 10


def test_time_that_is_up_does_not_leave_half_a_picture(pipe):
    gated = limbfix.wrap(
        pipe, gate=SteeredGate(judge=lambda _: "reject"), seed=3, early_stop=True, max_attempts=5, max_seconds=1e-9
    )
    (report,) = gated("x", num_inference_steps=10).reports
    assert [attempt.stopped_early for attempt in report.attempts] == [True, False]
    assert report.kept == 1


def failing_once(pipe, *, at: int):
    """Lets the pipeline's call of this number fail, as a full GPU does."""
    kind, bare, calls = type(pipe), type(pipe).__call__, []

    def called(own, *arguments, **keywords):
        calls.append(keywords)
        if len(calls) - 1 == at:
            raise RuntimeError("CUDA out of memory")
        return bare(own, *arguments, **keywords)

    called.__signature__ = inspect.signature(bare)
    pipe.__class__ = type(kind.__name__, (kind,), {"__call__": called, "__module__": kind.__module__})
    return calls


def test_an_error_after_a_preview_does_not_leave_half_a_picture(pipe):
    failing_once(pipe, at=1)
    gated = limbfix.wrap(pipe, gate=SteeredGate(judge=lambda _: "reject"), seed=3, early_stop=True, max_attempts=5)
    (report,) = gated("x", num_inference_steps=10).reports
    assert [attempt.stopped_early for attempt in report.attempts] == [True, False, False]
    assert "out of memory" in report.attempts[1].error
    assert report.kept == 2 and report.attempts[2].steps_saved == 0


def test_where_no_whole_picture_could_be_made_there_is_an_error_and_no_preview(pipe):
    failing_once(pipe, at=1)
    gated = limbfix.wrap(pipe, gate=SteeredGate(judge=lambda _: "reject"), seed=3, early_stop=True, max_attempts=2)
    with pytest.raises(GeneratorError, match=r"preview that was stopped early.*out of memory"):
        gated("x", num_inference_steps=10)


def test_what_other_calls_of_a_retry_made_is_not_lost_with_the_one_that_failed(pipe):
    # both images of "a" and one of "b" fail: two calls, of which the second one fails
    failing_once(pipe, at=2)
    gate = SteeredGate(["reject", "reject", "reject", "pass", "pass", "pass"])
    output = limbfix.wrap(pipe, gate=gate, seed=2, max_attempts=2)(
        ["a", "b"], num_inference_steps=2, num_images_per_prompt=2
    )
    reports = output.reports
    assert [report.verdict for report in reports] == ["pass", "pass", "reject", "pass"]
    assert [report.kept for report in reports] == [1, 1, 0, 0]
    assert "out of memory" in reports[2].attempts[1].error


def test_one_good_preview_lets_the_whole_batch_go_on(pipe):
    gate = SteeredGate(["reject", "pass", "pass", "pass"])
    output = limbfix.wrap(pipe, gate=gate, early_stop=True)("x", num_inference_steps=5, num_images_per_prompt=2)
    assert [len(report.attempts) for report in output.reports] == [1, 1]


def test_the_callers_callback_is_called_as_ever_beside_the_watch(pipe):
    seen = []

    def watch(own, step, timestep, tensors):
        seen.append((step, sorted(tensors)))
        return tensors

    limbfix.wrap(pipe, gate=SteeredGate(), early_stop=True)(
        "x", num_inference_steps=3, callback_on_step_end=watch, callback_on_step_end_tensor_inputs=["prompt_embeds"]
    )
    assert [step for step, _ in seen] == [0, 1, 2]
    assert "prompt_embeds" in seen[0][1]


@pytest.mark.parametrize("name", ["DDIMScheduler", "EulerDiscreteScheduler", "FlowMatchEulerDiscreteScheduler"])
def test_two_steps_tell_the_clean_picture_exactly(name):
    import diffusers
    import torch

    from limbfix.wrapping.previews import estimate_clean

    scheduler = getattr(diffusers, name)(**({"clip_sample": False} if name == "DDIMScheduler" else {}))
    scheduler.set_timesteps(10)
    clean, noise = torch.randn(1, 4, 8, 8), torch.randn(1, 4, 8, 8)
    latents, before = None, None
    for step, timestep in enumerate(scheduler.timesteps[:6]):
        if name == "FlowMatchEulerDiscreteScheduler":
            sigma = scheduler.sigmas[step]
            latents = (1 - sigma) * clean + sigma * noise if latents is None else latents
            answer = noise - clean
        else:
            if latents is None and name == "EulerDiscreteScheduler":
                latents = clean + noise * scheduler.sigmas[0]
            elif latents is None:
                latents = scheduler.add_noise(clean, noise, timestep)
            answer = noise
        before = latents
        latents = scheduler.step(answer, timestep, latents, return_dict=False)[0]
    estimate = estimate_clean(scheduler, 5, before, latents)
    assert float((estimate - clean).abs().max()) < 2e-3
    assert float((latents - clean).abs().max()) > 0.1


def test_the_anatomy_checker_has_the_safety_checkers_shape(pipe):
    from wrap_models import with_flags as with_extractor

    with_extractor(pipe, [])
    checker = limbfix.AnatomyChecker(gate=SteeredGate(["pass", "reject"]))
    pipe.safety_checker = checker
    output = pipe("x", num_inference_steps=2, num_images_per_prompt=2, generator=generator(1), output_type="np")
    assert output.nsfw_content_detected == [False, True]
    pipe.safety_checker = None
    bare = pipe("x", num_inference_steps=2, num_images_per_prompt=2, generator=generator(1), output_type="np")
    assert np.abs(output.images - bare.images).max() < 1e-6  # flagged, and still to be seen
    assert [one.verdict for one in checker.last_inspections] == ["pass", "reject"]


def test_the_anatomy_checker_keeps_an_nsfw_checker_and_can_blacken():
    images = np.full((2, 8, 8, 3), 0.5, np.float32)

    def nsfw(images, clip_input):
        return images * np.array([0, 1])[:, None, None, None], [True, False]

    checker = limbfix.AnatomyChecker(gate=SteeredGate(["reject"]), nsfw_checker=nsfw, blacken=True)
    judged, flags = checker(images, None)
    assert flags == [True, True]
    assert judged.max() == 0
    assert images.min() == 0.5
    with pytest.raises(UsageError, match="expected a tensor"):
        checker(np.zeros((1, 8, 8, 3), np.uint8), None)


def test_capabilities_of_a_pipeline(pipe):
    pytest.importorskip("limbfix.inpainters")
    known = limbfix.capabilities(limbfix.wrap(pipe, gate=SteeredGate()))
    assert (known.name, known.kind) == ("StableDiffusionPipeline", "pipeline")
    assert known.has_seeds
    assert known.can_stop_early
    assert not known.has_safety_checker
    assert "StableDiffusionInpaintPipeline" in known.repairs_with


def test_the_record_names_what_a_replay_needs(pipe, folder, tmp_path):
    path = tmp_path / "records.jsonl"
    output = limbfix.wrap(pipe, gate=SteeredGate(["reject", "pass"]), seed=4, records=path)(
        "a wave", num_inference_steps=STEPS, output_type="pil"
    )
    (record,) = [json.loads(line) for line in path.read_text().splitlines()]
    assert record["generator"]["source"] == str(folder)
    assert record["call"]["arguments"] == {"prompt": "a wave", "num_inference_steps": STEPS, "output_type": "pil"}
    assert record["attempts"][record["kept"]]["pixels_sha256"] == pixels_sha256(np.asarray(output.images[0]))
