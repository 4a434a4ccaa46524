from __future__ import annotations

import io
import json
import time

import picture_files as files
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from limbfix.images import open_picture
from limbfix.sources import GenerationSource, read_source

A1111 = (
    "a portrait of a woman, (hands:1.2)\nsecond line\n"
    "Negative prompt: bad hands, extra fingers\nmore negative\n"
    "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1234567890123, Size: 512x768, Model hash: 6ce0161689, "
    'Model: dreamshaper_8, Lora hashes: "a: b", Version: v1.10.1'
)
CHECKPOINT = {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sdxl.safetensors"}}


def encode(text: str, clip: str = "4") -> dict:
    return {"class_type": "CLIPTextEncode", "inputs": {"text": text, "clip": [clip, 1]}}


def simple_graph() -> dict:
    sampler = {
        "seed": 77,
        "steps": 20,
        "model": ["4", 0],
        "positive": ["6", 0],
        "negative": ["7", 0],
        "latent_image": ["5", 0],
    }
    return {
        "3": {"class_type": "KSampler", "inputs": sampler},
        "4": CHECKPOINT,
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512}},
        "6": encode("a waving man"),
        "7": encode("bad hands"),
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "x"}},
    }


def flux_graph() -> dict:
    return {
        "1": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux1-dev.safetensors"}},
        "2": {"class_type": "CLIPTextEncodeFlux", "inputs": {"clip_l": "short", "t5xxl": ["20", 0], "guidance": 3.5}},
        "3": {"class_type": "FluxGuidance", "inputs": {"guidance": 3.5, "conditioning": ["2", 0]}},
        "4": {"class_type": "BasicGuider", "inputs": {"model": ["1", 0], "conditioning": ["3", 0]}},
        "5": {"class_type": "RandomNoise", "inputs": {"noise_seed": 987654321098765}},
        "6": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
        "7": {
            "class_type": "SamplerCustomAdvanced",
            "inputs": {
                "noise": ["5", 0],
                "guider": ["4", 0],
                "sampler": ["6", 0],
                "sigmas": ["8", 0],
                "latent_image": ["9", 0],
            },
        },
        "10": {"class_type": "VAEDecode", "inputs": {"samples": ["7", 0]}},
        "11": {"class_type": "SaveImage", "inputs": {"images": ["10", 0]}},
        "20": {"class_type": "PrimitiveStringMultiline", "inputs": {"value": "a long prompt"}},
    }


def read_graph(graph: object) -> GenerationSource | None:
    return read_source({"prompt": json.dumps(graph)})


# -- AUTOMATIC1111 and kin --------------------------------------------------------------------------------------------


def test_a1111_text_gives_positive_prompt_seed_and_model():
    assert read_source({"parameters": A1111}) == GenerationSource(
        generator="AUTOMATIC1111 (dreamshaper_8)",
        prompt="a portrait of a woman, (hands:1.2)\nsecond line",
        seed="1234567890123",
    )


@pytest.mark.parametrize(
    ("settings_line", "generator"),
    [
        ("Steps: 1, Seed: 5, Version: f2.0.1v1.10.1-previous-665-gae278f79", "Forge"),
        ("Steps: 1, Seed: 5, App: SD.Next, Version: abc", "SD.Next"),
        ("Steps: 1, Seed: 5, Version: ComfyUI", "ComfyUI"),
        ("Steps: 1, Seed: 5, Version: Fooocus v2.5.5", "Fooocus v2.5.5"),
        ("Steps: 1, Seed: 5", "AUTOMATIC1111"),
    ],
)
def test_the_version_names_the_program(settings_line, generator):
    source = read_source({"parameters": f"a cat\n{settings_line}"})
    assert source == GenerationSource(generator=generator, prompt="a cat", seed="5")


@pytest.mark.parametrize(
    ("text", "prompt", "seed"),
    [
        ("Steps: 20, Seed: 9", None, "9"),
        ("\nNegative prompt: bad\nSteps: 20, Seed: 9", None, "9"),
        ("Negative prompt: bad\nSteps: 20, Seed: 9", None, "9"),
        ("just words", "just words", None),
        ("a\r\nNegative prompt: bad\r\nSteps: 20, Seed: -1", "a", "-1"),
        ("Steps: to heaven\nSteps: 3, Seed: 4", "Steps: to heaven", "4"),
    ],
)
def test_parts_of_the_text_may_be_missing(text, prompt, seed):
    source = read_source({"parameters": text})
    assert source is not None
    assert (source.prompt, source.seed) == (prompt, seed)


@pytest.mark.parametrize(
    ("last", "is_settings"),
    [
        ("Seed: 77, Size: 768x768, Model: animeXL", True),
        ("Seed: 77, Sampler: Euler a", True),
        ("Seed: 77", False),  # one alone may be part of a prompt
        ("a hand, a wall: grey, Size: 7", False),
    ],
)
def test_a_last_line_of_settings_is_no_prompt_though_it_names_no_steps(last, is_settings):
    source = read_source({"parameters": f"a hand\nbefore a wall\n{last}"})
    assert source is not None
    assert source.prompt == ("a hand\nbefore a wall" if is_settings else f"a hand\nbefore a wall\n{last}")
    assert source.seed == ("77" if is_settings else None)


def test_the_negative_prompt_is_never_taken_for_the_prompt():
    for info in ({"parameters": A1111}, {"prompt": json.dumps(simple_graph())}):
        source = read_source(info)
        assert source is not None
        assert "bad hands" not in (source.prompt or "")


@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le", "utf-16"])
@pytest.mark.parametrize("text", [A1111, "日本語の手、写真\nSteps: 20, Seed: 1234567890123"])
def test_exif_user_comment_is_read_in_either_byte_order(encoding, text):
    source = read_source({}, b"UNICODE\x00" + text.encode(encoding))
    assert source is not None
    assert source == read_source({"parameters": text})


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_user_comments_are_found_in_files(kind):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\x00" + A1111.encode("utf-16-be")
    picture = open_picture(files.encoded(files.scene(), kind, exif=exif))
    assert picture.source == read_source({"parameters": A1111})


def test_the_comment_of_a_camera_is_no_prompt():
    assert read_source({}, b"ASCII\x00\x00\x00Screenshot") is None


# -- ComfyUI ----------------------------------------------------------------------------------------------------------


def test_comfyui_graph_gives_prompt_seed_and_model():
    expected = GenerationSource(generator="ComfyUI (sdxl.safetensors)", prompt="a waving man", seed="77")
    assert read_graph(simple_graph()) == expected


def test_flux_graph_is_followed_through_guider_and_noise():
    assert read_graph(flux_graph()) == GenerationSource(
        generator="ComfyUI (flux1-dev.safetensors)", prompt="short\na long prompt", seed="987654321098765"
    )


def test_the_last_sampler_before_the_output_counts():
    graph = simple_graph()
    graph["30"] = {
        "class_type": "KSampler",
        "inputs": {**graph["3"]["inputs"], "seed": 5, "positive": ["31", 0], "latent_image": ["3", 0]},
    }
    graph["31"] = encode("second pass")
    graph["8"]["inputs"]["samples"] = ["30", 0]
    source = read_graph(graph)
    assert source is not None
    assert (source.prompt, source.seed) == ("second pass", "5")


def test_linked_seeds_and_texts_and_control_nets_are_followed():
    graph = simple_graph()
    graph["3"]["inputs"] |= {"seed": ["40", 0], "positive": ["41", 0], "negative": ["41", 1]}
    graph["40"] = {"class_type": "Seed (rgthree)", "inputs": {"seed": 31337}}
    graph["41"] = {
        "class_type": "ControlNetApplyAdvanced",
        "inputs": {"negative": ["7", 0], "positive": ["6", 0], "control_net": ["42", 0], "image": ["43", 0]},
    }
    graph["42"] = {"class_type": "ControlNetLoader", "inputs": {"control_net_name": "pose", "text": "trap"}}
    graph["6"]["inputs"]["text"] = ["44", 0]
    graph["44"] = {
        "class_type": "StringConcatenate",
        "inputs": {"string_a": "a man", "string_b": ["45", 0], "delimiter": ", "},
    }
    graph["45"] = {"class_type": "PrimitiveString", "inputs": {"value": "waving"}}
    source = read_graph(graph)
    assert source is not None
    assert (source.prompt, source.seed) == ("a man, waving", "31337")


def test_the_editors_graph_is_read_where_there_is_no_other():
    workflow = {
        "nodes": [
            {"id": 3, "type": "KSampler", "widgets_values": [99, "fixed", 20], "inputs": [
                {"name": "model", "link": 1}, {"name": "positive", "link": 4}, {"name": "negative", "link": 6}]},
            {"id": 4, "type": "CheckpointLoaderSimple", "widgets_values": ["v1-5.ckpt"]},
            {"id": 6, "type": "CLIPTextEncode", "widgets_values": ["a dancer"], "inputs": []},
            {"id": 7, "type": "CLIPTextEncode", "widgets_values": ["bad"], "inputs": [{"name": "clip", "link": 5}]},
            {"id": 8, "type": "KSampler", "mode": 4, "widgets_values": [1]},
        ],
        "links": [[1, 4, 0, 3, 0, "MODEL"], [3, 4, 1, 6, 0, "CLIP"], [4, 6, 0, 3, 1, "CONDITIONING"],
                  [5, 4, 1, 7, 0, "CLIP"], [6, 7, 0, 3, 2, "CONDITIONING"]],
    }  # fmt: skip
    source = read_source({"workflow": json.dumps(workflow)})
    assert source == GenerationSource(generator="ComfyUI (v1-5.ckpt)", prompt="a dancer", seed="99")


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_comfyui_is_found_in_files(kind):
    if kind == "PNG":
        data = files.with_text(files.scene(), prompt=json.dumps(simple_graph()))
    else:
        exif = Image.Exif()
        exif[0x0110] = "prompt:" + json.dumps(simple_graph())
        data = files.encoded(files.scene(), kind, exif=exif)
    assert open_picture(data).source == read_graph(simple_graph())
    assert open_picture(Image.open(io.BytesIO(data))).source == read_graph(simple_graph())


def test_a_pillow_image_keeps_its_source(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(files.with_text(files.scene(), parameters=A1111))
    assert open_picture(Image.open(path)).source == open_picture(path).source == read_source({"parameters": A1111})


# -- others -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        (
            {"invokeai_metadata": json.dumps({"positive_prompt": "a", "seed": 3, "model": {"name": "juggernaut"}})},
            ("InvokeAI (juggernaut)", "a", "3"),
        ),
        (
            {"parameters": json.dumps({"prompt": "a", "seed": "3", "base_model": "jx", "version": "Fooocus v2.5.5"})},
            ("Fooocus v2.5.5 (jx)", "a", "3"),
        ),
        (
            {"parameters": json.dumps({"sui_image_params": {"prompt": "a", "seed": 3, "model": "m"}})},
            ("SwarmUI (m)", "a", "3"),
        ),
        (
            {
                "Software": "NovelAI",
                "Source": "NovelAI Diffusion V4",
                "Comment": json.dumps({"prompt": "a", "seed": 3}),
            },
            ("NovelAI Diffusion V4", "a", "3"),
        ),
        ({"prompt": "a", "seed": "3", "use_stable_diffusion_model": "m"}, ("m", "a", "3")),
    ],
)
def test_other_generators_are_read(info, expected):
    source = read_source(info)
    assert source is not None
    assert (source.generator, source.prompt, source.seed) == expected


# -- hostile ----------------------------------------------------------------------------------------------------------


def _endless_chain() -> dict:
    graph = {str(i): {"class_type": "X", "inputs": {"conditioning": [str(i + 1), 0]}} for i in range(20_000)}
    return graph | {"s": {"class_type": "KSampler", "inputs": {"seed": 1, "positive": ["0", 0]}}}


def _ladder() -> dict:
    """Every node reads the next one twice: 2**60 paths."""
    graph = {
        str(i): {"class_type": "X", "inputs": {"conditioning_1": [str(i + 1), 0], "conditioning_2": [str(i + 1), 0]}}
        for i in range(60)
    }
    return graph | {"s": {"class_type": "KSampler", "inputs": {"seed": 1, "positive": ["0", 0]}}}


def _circle() -> dict:
    return {"s": {"class_type": "KSampler", "inputs": {"seed": ["s", 0], "positive": ["s", 0], "model": ["s", 0]}}}


HOSTILE = {
    "deep nesting": "[" * 100_000,
    "deep nesting in a node": '{"1":{"class_type":"","inputs":{"positive":' + "[" * 900 + "]" * 900 + ',"seed":1}}}',
    "deep nesting as a seed": '{"prompt":"a","seed":' + "[" * 900 + "]" * 900 + "}",
    "deep nesting as a model": '{"prompt":"a","base_model":' + '{"name":' * 400 + "1" + "}" * 401,
    "huge number": '{"prompt": "a", "seed": ' + "9" * 100_000 + "}",
    "nan": '{"prompt": "a", "seed": NaN}',
    "list": "[1, 2]",
    "broken": '{"1": {"class_type": ',
    "links to nothing": json.dumps({"1": {"class_type": "", "inputs": {"seed": ["9", 0], "positive": ["8", 0]}}}),
    "not a graph": '{"nodes": [1, null, {"id": [], "inputs": [null, {"link": {}}]}], "links": [[]]}',
    "endless chain": json.dumps(_endless_chain()),
    "ladder": json.dumps(_ladder()),
    "circle": json.dumps(_circle()),
    "many commas": "a\nSteps: 1" + ", Seed" * 200_000,
    "many negatives": "\nNegative prompt:" * 100_000 + "\nSteps: 1",
}  # fmt: skip


@pytest.mark.parametrize("key", ["parameters", "prompt", "workflow", "invokeai_metadata", "Comment"])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_metadata_never_raises_and_is_read_soon(name, key):
    start = time.process_time()  # of this process: the machine may be busy with others
    source = read_source({key: HOSTILE[name], "Software": "NovelAI"}, HOSTILE[name])
    assert time.process_time() - start < 4  # a quadratic reader would take minutes
    assert source is None or all(
        value is None or isinstance(value, str) for value in (source.generator, source.prompt, source.seed)
    )


def test_sizes_are_capped():
    text = "x" * 1_000_000 + "\nSteps: 1, Seed: " + "9" * 199 + ", Model: " + "m" * 199
    source = read_source({"parameters": text})
    assert source is not None
    assert source.prompt is not None
    assert (len(source.prompt), len(source.seed or ""), len(source.generator or "") <= 200) == (65536, 64, True)


def test_control_characters_bidi_overrides_and_surrogates_are_replaced():
    source = read_source({"parameters": "a\x1b[2J\x00b\u202ec\ud800\u0085d\te\nf"})
    assert source is not None
    assert source.prompt == "a\ufffd[2J\ufffdb\ufffdc\ufffd\ufffdd\te\nf"
    source.prompt.encode("utf-8")


def test_metadata_without_prompt_or_seed_is_no_source():
    for info in ({}, {"Software": "GIMP"}, {"parameters": " "}, {"dpi": (72, 72), 3: "x"}, {"prompt": "{}"}):
        assert read_source(info) is None


_NAMES = ["class_type", "inputs", "seed", "positive", "nodes", "links", "id", "link", "noise", "guider", "text"]
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["1", "2", "s"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["1", "2", *_NAMES]),
        inner,
        max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    document=_JSON, key=st.sampled_from(["parameters", "prompt", "workflow", "invokeai_metadata"]), comment=st.binary()
)
def test_any_json_and_any_comment_give_a_source_or_none(document, key, comment):
    source = read_source({key: json.dumps(document)}, comment)
    assert source is None or isinstance(source, GenerationSource)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200), st.binary(max_size=100))
def test_any_text_gives_a_source_that_json_can_hold(text, comment):
    source = read_source({"parameters": text}, comment)
    if source is not None:
        json.dumps([source.generator, source.prompt, source.seed], ensure_ascii=False).encode("utf-8")


@pytest.mark.parametrize(
    "prompt", ["{masterpiece}, an amputee", "{red|blue} coat", "[cat:dog:0.5] in a hat", "{{{a}}}\nb"]
)
@pytest.mark.parametrize("end", ["\nNegative prompt: bad\nSteps: 20, Seed: 5", "\nSteps: 20, Sampler: Euler, Seed: 5"])
def test_a_prompt_may_begin_like_json(prompt, end):
    source = read_source({"parameters": prompt + end})
    assert source is not None
    assert (source.prompt, source.seed) == (prompt, "5")


def test_broken_json_is_no_prompt():
    assert read_source({"parameters": '{"prompt": "a cat", "steps'}) is None
