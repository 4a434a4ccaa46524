"""`limbfix replay` makes the attempts of a record again and says whether every pixel is the same."""

from __future__ import annotations

import json

import numpy as np
import pytest
from steered_gate import SteeredGate
from typer.testing import CliRunner
from wrap_models import example_module, load_tiny

import limbfix
from limbfix.cli import app
from limbfix.errors import UsageError
from limbfix.wrapping.replaying import find_record, replay

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    import torch

    torch.set_num_threads(1)
    place = tmp_path_factory.mktemp("tiny") / "sd"
    example_module().save_tiny_pipeline(place)
    return place


def records_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def run(*words):
    return CliRunner().invoke(app, ["replay", *map(str, words)])


@pytest.mark.parametrize("kind", ["derived", "one generator", "list of generators"])
def test_every_attempt_of_a_batch_is_made_again_to_the_pixel(folder, tmp_path, kind):
    import torch

    path = tmp_path / "records.jsonl"
    given = {"derived": None, "one generator": 5, "list of generators": [5, 6, 7, 8]}[kind]
    if given is not None:
        as_list = [torch.Generator("cpu").manual_seed(seed) for seed in (given if isinstance(given, list) else [given])]
        given = as_list if isinstance(given, list) else as_list[0]
    gate = SteeredGate(["reject", "pass", "pass", "reject", "reject", "pass", "pass"])
    limbfix.wrap(load_tiny(folder), gate=gate, records=path)(
        ["one", "two"], num_images_per_prompt=2, num_inference_steps=2, generator=given, output_type="np"
    )
    records = records_of(path)
    assert [len(record["attempts"]) for record in records] == [3, 1, 1, 2]
    pipe = load_tiny(folder)
    for record in records:
        rows = list(replay(record, pipe))
        assert [row.is_equal for row in rows] == [True] * len(record["attempts"])


def test_a_batch_with_a_seed_of_the_wrapper_and_generators_of_the_caller_is_made_again(folder, tmp_path):
    import torch

    path = tmp_path / "records.jsonl"
    limbfix.wrap(load_tiny(folder), gate=SteeredGate(["reject", "reject", "pass"]), records=path, seed=7)(
        ["one", "two"], num_inference_steps=2, generator=[torch.Generator().manual_seed(seed) for seed in (5, 6)]
    )
    pipe = load_tiny(folder)
    for record in records_of(path):
        assert len(record["attempts"]) == 2
        assert [row.is_equal for row in replay(record, pipe)] == [True, True]


def test_a_record_of_the_first_release_is_still_made_again(folder, tmp_path):
    path = tmp_path / "records.jsonl"
    limbfix.wrap(load_tiny(folder), gate=SteeredGate(["reject"]), records=path)("one", num_inference_steps=2)
    (record,) = records_of(path)
    del record["call"]["bases"]
    assert [row.is_equal for row in replay(record, load_tiny(folder))] == [True, True]


def test_the_command_says_equal_or_different_and_its_exit_code_too(folder, tmp_path):
    path, out = tmp_path / "records.jsonl", tmp_path / "out"
    limbfix.wrap(load_tiny(folder), gate=SteeredGate(["reject"]), records=path, seed=1)("one", num_inference_steps=2)
    (record,) = records_of(path)
    done = run(path, "--id", record["id"][:6], "--out", out)
    assert done.exit_code == 0, done.output
    assert done.stdout.count("equal") >= 2
    assert sorted(file.name for file in out.iterdir()) == [f"{record['id']}-0.png", f"{record['id']}-1.png"]
    assert run(path, "--id", record["id"], "--out", out).exception is not None  # nothing is written over
    record["call"]["arguments"]["prompt"] = "two"
    path.write_text(json.dumps(record))
    changed = run(path, "--id", record["id"])
    assert changed.exit_code == 1
    assert "versions are the same" in changed.output


def paint(prompt, seed):
    return np.random.default_rng(seed).integers(1, 255, (8, 8, 3), dtype=np.uint8)


def test_a_function_is_replayed_by_its_name(tmp_path, monkeypatch):
    path = tmp_path / "records.jsonl"
    limbfix.wrap(paint, gate=SteeredGate(["reject", "reject", "pass"]), records=path)("a wave")
    (record,) = records_of(path)
    assert [row.is_equal for row in replay(record, paint)] == [True] * 3
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_painter.py").write_text(
        "import numpy as np\ndef paint(prompt, seed):\n"
        "    return np.random.default_rng(seed).integers(1, 255, (8, 8, 3), dtype=np.uint8)\n"
    )
    done = run(path, "--id", record["id"], "--function", "my_painter:paint")
    assert done.exit_code == 0, done.output
    without = run(path, "--id", record["id"])
    assert isinstance(without.exception, UsageError)
    assert "--function MODULE:NAME" in str(without.exception)


def only_by_place(prompt, /, seed):
    return paint(prompt, seed)


def with_words(prompt, *words, seed=None, scale=1):
    return paint(prompt, seed + len(words) * scale)


def seed_in_the_middle(prompt, seed, style="", *words):
    return paint(prompt, seed + len(style) + len(words))


@pytest.mark.parametrize(
    ("function", "arguments", "keywords"),
    [
        (only_by_place, ("a", 3), {}),
        (only_by_place, ("a",), {"seed": 3}),
        (with_words, ("a", "b", "c"), {"scale": 2}),
        (seed_in_the_middle, ("a", 3, "soft", "b", "c"), {}),
        (seed_in_the_middle, ("a",), {"style": "soft"}),
    ],
)
def test_arguments_are_given_again_as_the_function_takes_them(tmp_path, function, arguments, keywords):
    path = tmp_path / "records.jsonl"
    limbfix.wrap(function, gate=SteeredGate(["reject"]), records=path)(*arguments, **keywords)
    (record,) = records_of(path)
    assert [row.is_equal for row in replay(record, function)] == [True, True]


def test_what_cannot_be_repeated_says_why(tmp_path):
    path = tmp_path / "records.jsonl"
    limbfix.wrap(lambda prompt: paint(prompt, 1), gate=SteeredGate(), records=path)("a wave")
    (record,) = records_of(path)
    with pytest.raises(limbfix.LimbfixError, match="takes no seed"):
        list(replay(record, paint))


def test_a_record_names_a_class_of_diffusers_or_nothing_is_loaded(folder, tmp_path):
    path = tmp_path / "records.jsonl"
    limbfix.wrap(load_tiny(folder), gate=SteeredGate(), records=path)("one", num_inference_steps=1)
    (record,) = records_of(path)
    for change, words in (
        ({"class": "utils"}, "pipeline class of diffusers"),
        ({"class": "AutoencoderKL"}, "pipeline class of diffusers"),
        ({"source": str(tmp_path / "gone")}, "on this machine"),
        ({"source": None}, "--pipeline DIR"),
    ):
        path.write_text(json.dumps(record | {"generator": record["generator"] | change}))
        with pytest.raises(UsageError, match=words):
            raise run(path, "--id", record["id"]).exception


@pytest.mark.parametrize("text", ["", "not json\n", '{"schema_version": 2}\n', "[]\n", "null\n"])
def test_what_is_no_record_is_refused(tmp_path, text):
    path = tmp_path / "records.jsonl"
    path.write_text(text)
    with pytest.raises(UsageError, match="expected"):
        find_record(path, "a")
