"""Flags beat variables, variables beat files, files beat defaults, and an unknown key is an error wherever it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from limbfix.errors import PolicyError, UsageError
from limbfix.policies import Policy
from limbfix.settings import load_settings, resolve_policy


def test_an_empty_place_gives_the_defaults():
    """Also guards conftest.py: with the user's own configuration in reach, every test of settings would lie."""
    settings = load_settings({})
    assert (settings.format, settings.fail_on, settings.jobs, settings.detector) == (
        "text",
        "reject",
        1,
        ("limbfix",),
    )
    assert resolve_policy(settings).label == Policy().label


def test_each_layer_beats_the_next(monkeypatch):
    Path("pyproject.toml").write_text("[tool.limbfix]\njobs = 2\n")
    assert load_settings({}).jobs == 2
    Path("limbfix.toml").write_text("jobs = 3\n")
    assert load_settings({}).jobs == 3
    monkeypatch.setenv("LIMBFIX_JOBS", "4")
    assert load_settings({}).jobs == 4
    assert load_settings({"jobs": 5}).jobs == 5
    assert load_settings({"jobs": None}).jobs == 4


def test_files_may_begin_with_a_byte_order_mark():
    Path("limbfix.toml").write_text('jobs = 3\npolicy = "p.toml"\n', encoding="utf-8-sig")
    Path("p.toml").write_text('name = "marked"\n', encoding="utf-8-sig")
    settings = load_settings({})
    assert settings.jobs == 3
    assert resolve_policy(settings).name == "marked"


def test_layers_meet_key_by_key(monkeypatch):
    Path("limbfix.toml").write_text('device = "gpu"\nfail_on = "flag"\n')
    monkeypatch.setenv("LIMBFIX_FAIL_ON", "never")
    settings = load_settings({"format": "csv"})
    assert (settings.format, settings.fail_on, settings.device) == ("csv", "never", "gpu")


def test_a_pyproject_of_a_parent_folder_counts_and_one_without_our_table_does_not(monkeypatch):
    Path("pyproject.toml").write_text("[tool.limbfix]\njobs = 2\n")
    deep = Path("a/b")
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert load_settings({}).jobs == 2


OUTPUTS = ("report", "state", "move_rejected", "copy_rejected", "copy_flagged", "copy_passed", "copy_unjudged")


def test_paths_of_a_parents_pyproject_begin_at_its_folder(monkeypatch):
    root = Path.cwd()
    (root / "rules.toml").write_text('name = "of_the_root"\n')
    keys = "".join(f'{name} = "out/{name}"\n' for name in OUTPUTS)
    (root / "pyproject.toml").write_text(
        f'[tool.limbfix]\npolicy = "rules.toml"\n{keys}detector = ["limbfix", "yolo:my.pt", "yolo:~/my.pt"]\n'
        '[tool.limbfix.serve]\nkeys_file = "/etc/keys.txt"\n'
    )
    deep = root / "a b" / "c"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    settings = load_settings({})
    assert resolve_policy(settings).name == "of_the_root"
    for name in OUTPUTS:
        assert getattr(settings, name) == root / "out" / name
    assert settings.detector == ("limbfix", f"yolo:{root}/my.pt", "yolo:~/my.pt")
    assert settings.serve.keys_file == Path("/etc/keys.txt")


def test_paths_of_flags_and_variables_and_of_a_file_that_lies_here_begin_here(monkeypatch):
    Path("pyproject.toml").write_text('[tool.limbfix]\nreport = "r"\nstate = "s.db"\n')
    assert load_settings({}).report == Path("r")
    Path("a").mkdir()
    monkeypatch.chdir("a")
    monkeypatch.setenv("LIMBFIX_REPORT", "r")
    settings = load_settings({"state": Path("s.db")})
    assert (settings.report, settings.state) == (Path("r"), Path("s.db"))


def test_a_policy_in_a_parents_pyproject_is_still_a_table(monkeypatch):
    Path("pyproject.toml").write_text("[tool.limbfix.policy]\nreject_at = 0.9\n")
    Path("a").mkdir()
    monkeypatch.chdir("a")
    assert resolve_policy(load_settings({})).reject_at == 0.9


def test_a_pyproject_about_something_else_changes_nothing():
    Path("pyproject.toml").write_text('[project]\nname = "x"\n[tool.ruff]\nline-length = 80\n')
    assert load_settings({}).jobs == 1


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("limbfix.toml", "job = 2"),
        ("pyproject.toml", "[tool.limbfix]\njob = 2"),
        ("limbfix.toml", "jobs = "),
        ("limbfix.toml", "jobs = -1"),
        ("limbfix.toml", 'fail_on = "always"'),
        ("limbfix.toml", "max_reject_rate = 1.5"),
        ("limbfix.toml", "timeout = 0"),
        ("limbfix.toml", "timeout = nan"),
        ("limbfix.toml", "[serve]\nwait_seconds = inf"),
    ],
)
def test_a_wrong_file_is_a_usage_error(file, text):
    Path(file).write_text(text)
    with pytest.raises(UsageError, match="settings"):
        load_settings({})


@pytest.mark.parametrize("seconds", [float("inf"), 3_000_000, 86_401])
def test_a_time_that_no_timer_can_wait_is_refused(seconds):
    """Beyond 24 days a system's timers overflow; it was an internal error at the first picture."""
    with pytest.raises(UsageError, match=r"timeout: .*less than or equal to 86400"):
        load_settings({"timeout": seconds})
    assert load_settings({"timeout": 86_400}).timeout == 86_400


@pytest.mark.parametrize(("name", "value"), [("LIMBFIX_JOB", "2"), ("LIMBFIX_JOBS", "many"), ("LIMBFIX_FORMAT", "xml")])
def test_a_wrong_variable_is_a_usage_error(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError):
        load_settings({})


def test_an_unknown_variable_is_named_with_the_known_ones(monkeypatch):
    monkeypatch.setenv("LIMBFIX_JOB", "2")
    with pytest.raises(UsageError, match=r"unknown variable LIMBFIX_JOB; known: .*LIMBFIX_JOBS"):
        load_settings({})


def test_an_unknown_flag_is_a_usage_error():
    with pytest.raises(UsageError, match="Known keys"):
        load_settings({"job": 2})


def test_lists_are_words_with_commas_or_spaces(monkeypatch):
    monkeypatch.setenv("LIMBFIX_IGNORE", "hand.proportion, person")
    assert load_settings({}).ignore == ("hand.proportion", "person")
    assert load_settings({"select": "hand,foot"}).select == ("hand", "foot")
    Path("limbfix.toml").write_text('select = ["hand"]\n')
    assert load_settings({}).select == ("hand",)


def test_select_and_ignore_go_into_the_policy_and_its_label():
    settings = load_settings({"select": "hand", "ignore": "hand.proportion"})
    policy = resolve_policy(settings)
    assert policy.select == ("hand",)
    assert policy.ignore == ("hand.proportion",)
    assert policy.label != Policy().label


def test_an_ignored_code_adds_to_those_of_the_policy_file(tmp_path):
    path = tmp_path / "p.toml"
    path.write_text('name = "mine"\nignore = ["foot"]\n')
    policy = resolve_policy(load_settings({"policy": path, "ignore": ("hand",)}))
    assert (policy.name, policy.ignore) == ("mine", ("foot", "hand"))


def test_an_unknown_code_in_the_settings_is_a_policy_error():
    with pytest.raises(PolicyError, match="sixth"):
        resolve_policy(load_settings({"ignore": "hand.sixth"}))


def test_a_policy_may_stand_in_the_configuration_itself():
    Path("limbfix.toml").write_text('[policy]\nname = "inline"\nreject_at = 0.9\n')
    assert resolve_policy(load_settings({})).reject_at == 0.9
    Path("limbfix.toml").write_text("[policy]\nrejects = 0.9\n")
    with pytest.raises(PolicyError, match="rejects"):
        resolve_policy(load_settings({}))


@pytest.mark.parametrize("format", ["text", "csv", "junit"])
def test_masks_fit_into_json_lines_alone(format):
    with pytest.raises(UsageError, match=f"expected --format jsonl.*got {format}"):
        load_settings({"masks": True, "format": format})
    assert load_settings({"masks": True, "format": "jsonl"}).masks
    Path("limbfix.toml").write_text('masks = true\nformat = "jsonl"\n')
    assert load_settings({}).masks
    assert load_settings({"masks": False, "format": format}).masks is False


def test_the_table_of_the_server_has_the_same_layers(monkeypatch):
    Path("limbfix.toml").write_text("[serve]\nport = 1000\nqueue = 5\n")
    monkeypatch.setenv("LIMBFIX_SERVE__PORT", "2000")
    serve = load_settings({"serve": {"urls": True}}).serve
    assert (serve.port, serve.queue, serve.urls) == (2000, 5, True)


@pytest.mark.parametrize("place", ["file", "variable"])
def test_an_unknown_key_of_the_server_is_an_error(monkeypatch, place):
    if place == "file":
        Path("limbfix.toml").write_text("[serve]\nprot = 1000\n")
    else:
        monkeypatch.setenv("LIMBFIX_SERVE__PROT", "1000")
    with pytest.raises(UsageError, match=r"serve\.prot"):
        load_settings({})


def test_keys_of_the_server_are_no_setting(monkeypatch):
    monkeypatch.setenv("LIMBFIX_API_KEYS", "a:" + "k" * 20)
    assert "k" * 20 not in repr(load_settings({}))
