"""A policy accepts what its words say and nothing else, and equal labels judge alike."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from pydantic import ValidationError

from limbfix.errors import PolicyError
from limbfix.findings import CODES
from limbfix.policies import Policy, PromptRule, load_policy, make_policy


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"rejectat": 0.9}, ["rejectat", "Known keys", "reject_at"]),
        ({"ignore": ["hand.sixth_finger"]}, ["hand.sixth_finger", "hand.extra_digit"]),
        ({"select": ["han"]}, ["unknown code 'han'", "a family"]),
        ({"allow": ["no_arm"]}, ["no_arm", "missing_arm"]),
        ({"reject_at": 1.5}, ["reject_at"]),
        ({"reject_at": 0}, ["reject_at"]),
        ({"flag_at": float("nan")}, ["flag_at"]),
        ({"flag_at": 0.9, "reject_at": 0.6}, ["flag_at must not exceed reject_at"]),
        ({"min_hand_px": -1}, ["min_hand_px"]),
        ({"out_of_view": "reject"}, ["out_of_view"]),
        ({"name": "a b"}, ["name"]),
        ({"rules": [{"when_prompt": "(", "cartoon": True}]}, ["not a regular expression"]),
        ({"rules": [{"when_prompt": "x", "alow": []}]}, ["rules.0.alow"]),
    ],
)
def test_a_wrong_key_or_value_is_refused_by_name(data, words):
    with pytest.raises(PolicyError) as caught:
        make_policy(data, origin="test.toml")
    for word in (*words, "test.toml"):
        assert word in str(caught.value)


def test_a_policy_cannot_be_changed():
    with pytest.raises(ValidationError):
        Policy().reject_at = 0.1


def test_equal_policies_have_equal_labels_in_every_process():
    script = "from limbfix.policies import Policy; print(Policy(allow=('missing_arm',)).label)"
    fresh = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert fresh.stdout.strip() == Policy(allow=("missing_arm",)).label
    assert Policy().label.startswith("default@")


def test_every_field_is_in_the_label():
    changed = [
        Policy(),
        Policy(reject_at=0.9),
        Policy(flag_at=0.4),
        Policy(select=("hand",)),
        Policy(ignore=("hand",)),
        Policy(allow=("missing_arm",)),
        Policy(cartoon=True),
        Policy(min_hand_px=10),
        Policy(out_of_view="pass"),
        Policy(uncounted="flag"),
        Policy(require_subject=True),
        Policy(rules=()),
        Policy(name="other"),
    ]
    assert len({policy.label for policy in changed}) == len(changed) == len(Policy.model_fields) + 1


def test_a_file_in_either_language_gives_the_policy_of_its_values(tmp_path):
    data = {"name": "strict", "reject_at": 0.6, "allow": ["missing_arm"]}
    (tmp_path / "a.json").write_text(json.dumps(data))
    (tmp_path / "a.toml").write_text('[policy]\nname = "strict"\nreject_at = 0.6\nallow = ["missing_arm"]\n')
    (tmp_path / "b.toml").write_text('name = "strict"\nreject_at = 0.6\nallow = ["missing_arm"]\n')
    labels = {load_policy(tmp_path / name).label for name in ("a.json", "a.toml", "b.toml")}
    assert labels == {make_policy(data, origin="test").label}


@pytest.mark.parametrize("text", ["reject_at = ", "[1, 2]", "\x00", "policy = 3"])
def test_an_unreadable_file_is_one_clear_error(tmp_path, text):
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(PolicyError, match=r"policy\.toml"):
        load_policy(path)


def test_a_json_list_and_a_missing_file_are_clear_errors(tmp_path):
    (tmp_path / "list.json").write_text("[1]")
    with pytest.raises(PolicyError, match="expected a table"):
        load_policy(tmp_path / "list.json")
    with pytest.raises(PolicyError, match=r"none\.toml"):
        load_policy(tmp_path / "none.toml")


# Exceptions


def test_a_cartoon_hand_has_four_digits_and_not_three():
    cartoon = Policy(cartoon=True).for_prompt(None)
    assert cartoon.exception_for("hand.missing_digit", 4) == "cartoon (policy)"
    assert cartoon.exception_for("hand.missing_digit", 3) is None
    assert cartoon.exception_for("hand.missing_digit", None) is None
    assert cartoon.exception_for("hand.extra_digit", 6) is None
    assert Policy().for_prompt(None).exception_for("hand.missing_digit", 4) is None


def test_a_cartoon_has_drawn_proportions_and_no_third_arm():
    cartoon = Policy(cartoon=True).for_prompt(None)
    assert cartoon.exception_for("person.proportion", 3.0)
    assert cartoon.exception_for("hand.proportion", 3.0)
    assert cartoon.exception_for("person.extra_arm", 3) is None


def test_an_allowed_fault_is_accepted_and_its_neighbours_are_not():
    effective = Policy(allow=("missing_arm",)).for_prompt(None)
    assert effective.exception_for("person.missing_arm", 1) == "allow missing_arm (policy)"
    assert [code for code in CODES if effective.exception_for(code, None)] == [
        "person.missing_arm",
        "person.missing_hand",  # it would be on that arm
    ]


def test_a_whole_code_can_be_allowed():
    effective = Policy(allow=("hand.proportion",)).for_prompt(None)
    assert effective.exception_for("hand.proportion", 2)
    assert effective.exception_for("person.proportion", 2) is None


@pytest.mark.parametrize(
    ("policy", "counted"),
    [
        (Policy(), set(CODES)),
        (Policy(ignore=("hand",)), {code for code in CODES if not code.startswith("hand.")}),
        (Policy(select=("foot",)), {"foot.malformed"}),
        (Policy(select=("hand",), ignore=("hand.proportion",)), {c for c in CODES if c.startswith("hand.")} - {"hand.proportion"}),
    ],
)  # fmt: skip
def test_select_and_ignore_say_what_counts(policy, counted):
    effective = policy.for_prompt(None)
    assert {code for code in CODES if effective.selects(code) and not effective.ignores(code)} == counted


@pytest.mark.parametrize(
    ("prompt", "code", "measured", "accepted"),
    [
        ("portrait of an amputee runner", "person.missing_leg", 1, True),
        ("woman with a PROSTHETIC arm", "person.missing_hand", 1, True),
        ("an amputee", "person.extra_arm", 3, False),
        ("a mermaid on a rock", "person.missing_leg", 0, True),
        ("a mermaid on a rock", "person.missing_arm", 1, False),
        ("anime girl waving", "hand.missing_digit", 4, True),
        ("anime girl waving", "hand.missing_digit", 3, False),
        ("a runner", "person.missing_leg", 1, False),
        ("a computed prediction", "person.missing_leg", 1, False),
        ("a photograph of a man, not a cartoon", "person.proportion", 3.0, False),
        ("realistic, non-anime, not in the style of a comic", "person.proportion", 3.0, False),
        ("no amputee, two arms", "person.missing_arm", 1, False),
        ("a man without any prosthetics", "person.missing_arm", 1, False),
        ("this isn't a cartoon", "person.proportion", 3.0, False),
        ("not a cartoon; an anime girl", "person.proportion", 3.0, True),
        ("no background, cartoon", "person.proportion", 3.0, True),
        ("piano cartoon", "person.proportion", 3.0, True),
        ("a man without legs, an amputee", "person.missing_leg", 1, True),
        ("", "person.missing_leg", 1, False),
        (None, "person.missing_leg", 1, False),
    ],
)
def test_the_prompt_wakes_the_rules_that_it_names(prompt, code, measured, accepted):
    name = Policy().for_prompt(prompt).exception_for(code, measured)
    assert bool(name) is accepted
    assert not accepted or "when_prompt:" in name


def test_a_rule_of_ones_own_may_hold_the_denial_itself():
    rule = PromptRule(when_prompt="no hands|hands behind", ignore=("hand",))
    assert rule.matches("a statue with no hands")
    assert not rule.matches("not a statue with hands")


def test_a_rule_may_ignore_a_family_and_is_named():
    rules = (PromptRule(when_prompt="statue", ignore=("hand",)),)
    effective = Policy(rules=rules).for_prompt("a Statue")
    assert effective.exception_for("hand.proportion", 2) == "ignore hand.proportion (when_prompt:statue)"
    assert effective.exception_for("person.proportion", 2) is None
    assert effective.selects("hand.proportion")
    assert not effective.ignores("hand.proportion")  # it stays in the record, as an exception


def test_without_rules_no_prompt_excuses_anything():
    effective = Policy(rules=()).for_prompt("amputee mermaid cartoon")
    assert [code for code in CODES if effective.exception_for(code, 4)] == []
