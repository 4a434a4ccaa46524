"""Records and orders become recommendations, once, exactly, and with a reason that a person can read."""

from __future__ import annotations

import io
import json
import os
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_cases import add, finding, judged, new_ledger, order, refunds, sha_of_file

from limbfix.errors import LedgerError, PolicyError, UsageError
from limbfix.ledger import NOTICE
from limbfix.ledger.adding import Adding
from limbfix.ledger.canonical import canonical_json, exact
from limbfix.ledger.cases import current_cases
from limbfix.ledger.deciding import Standing, recommend
from limbfix.ledger.judged import read_records
from limbfix.ledger.money import parse_amount
from limbfix.ledger.orders import read_orders
from limbfix.ledger.overrides import Decision, decide
from limbfix.ledger.refunds import load_refund_policy
from limbfix.ledger.shelves import Shelf
from limbfix.ledger.store import open_ledger
from limbfix.policies import Policy

HEADER = "path,order_id,customer,price,currency,generated_at,campaign\n"


@pytest.fixture
def ledger(tmp_path):
    with new_ledger(tmp_path) as made:
        yield made


def cases(ledger):
    return {case.entry.order_id: case for case in current_cases(ledger)}


def entry_count(ledger) -> int:
    return ledger.head().count


def test_the_same_input_twice_changes_nothing(ledger):
    pairs = [(judged("a"), order("a")), (judged("b", "pass"), order("b")), (judged("c", "flag"), order("c"))]
    first = add(ledger, pairs)
    head = ledger.head()
    second = add(ledger, pairs)
    assert (first.added, second.added, second.superseded, second.unchanged) == (3, 0, 0, 3)
    assert ledger.head() == head


def test_how_long_a_picture_took_to_judge_is_no_change(ledger):
    add(ledger, [(judged("a"), order("a"))])
    assert add(ledger, [(judged("a", seconds=9.9), order("a"))]).unchanged == 1


def test_a_changed_verdict_supersedes_and_edits_nothing(ledger):
    add(ledger, [(judged("a"), order("a"))])
    with ledger.reading() as reader:
        before = reader.entry(2)
    done = add(ledger, [(judged("a", "pass"), order("a"))])
    assert (done.added, done.superseded) == (0, 1)
    (case,) = current_cases(ledger)
    assert (case.verdict, case.give, case.amount) == ("pass", "none", 0)
    assert case.data["supersedes"] == {"seq": 2, "hash": before.hash}
    with ledger.reading() as reader:
        assert reader.entry(2) == before
        assert [entry.kind for entry in reader.history(case.case_id)] == ["case", "case"]


def test_the_rules_give_by_code_and_say_why(ledger):
    wrong_look = judged("b", "reject", finding("hand.malformed", 0.9))
    add(ledger, [(judged("a"), order("a", price="9.99")), (wrong_look, order("b", price="9.99"))])
    found = cases(ledger)
    assert (found["order-a"].give, found["order-a"].amount) == ("full", Decimal("9.99"))
    assert (found["order-b"].give, found["order-b"].amount) == ("part", Decimal("5.00"))  # 4.995, halves go up
    assert found["order-b"].data["decision"]["reasons"] == [
        "Rejected for hand.malformed (score 0.90): hand.malformed was measured.",
        "Rule 2 gives 50 % of 9.99 EUR back, 5.00 EUR.",
    ]


def test_a_finding_below_the_threshold_gives_nothing(ledger):
    """A reject for a melted hand is not paid like six fingers because six fingers were faintly suspected too."""
    record = judged("a", "reject", finding("hand.malformed", 0.9), finding("hand.extra_digit", 0.3))
    add(ledger, [(record, order("a"))])
    assert cases(ledger)["order-a"].give == "part"


def test_an_accepted_finding_gives_nothing(ledger):
    accepted = finding("hand.extra_digit", 0.99, exception="cartoon (policy)", severity="info")
    add(ledger, [(judged("a", "reject", accepted, finding("hand.malformed", 0.9)), order("a"))])
    assert cases(ledger)["order-a"].give == "part"


def test_severity_and_verdict_narrow_a_rule(ledger):
    policy = refunds(
        rules=[
            {"codes": ["hand"], "severity": "error", "give": "full"},
            {"verdicts": ["flag"], "give": "credit", "share": "0.25"},
        ]
    )
    flagged = judged("b", "flag", finding("hand.malformed", 0.6))
    lone = judged("c", "reject", finding("person.extra_arm", 0.7))
    add(ledger, [(judged("a"), order("a")), (flagged, order("b")), (lone, order("c"))], policy)
    found = cases(ledger)
    assert [found[f"order-{name}"].give for name in "abc"] == ["full", "credit", "none"]
    assert found["order-b"].amount == Decimal("2.50")
    assert "No rule" in found["order-c"].data["decision"]["reasons"][0]


def test_flags_wait_for_a_person_and_reserve_what_they_would_give(ledger):
    add(ledger, [(judged("a", "flag"), order("a"))])
    (case,) = current_cases(ledger)
    assert (case.status, case.give, case.amount) == ("waiting", "full", Decimal("10.00"))


@pytest.mark.parametrize("verdict", ["pass", "no_subject", "unjudged"])
def test_other_verdicts_give_nothing(ledger, verdict):
    add(ledger, [(judged("a", verdict), order("a"))])
    (case,) = current_cases(ledger)
    assert (case.status, case.give, case.amount) == ("none", "none", 0)


def test_unjudged_can_wait_for_a_person(ledger):
    add(ledger, [(judged("a", "unjudged"), order("a"))], refunds(unjudged="wait"))
    assert current_cases(ledger)[0].status == "waiting"


def test_caps_cut_per_order_and_per_customer_in_exact_decimals(ledger):
    policy = refunds(caps={"per_order": {"EUR": "15.00"}, "per_customer": {"EUR": "25.10"}})
    sold = (("a", "1"), ("b", "1"), ("c", "2"), ("d", "3"))
    add(ledger, [(judged(name), order(name, number=number)) for name, number in sold], policy)
    amounts = [case.amount for case in current_cases(ledger)]
    assert amounts == [Decimal("10.00"), Decimal("5.00"), Decimal("10.00"), Decimal("0.10")]
    reasons = current_cases(ledger)[3].data["decision"]["reasons"]
    assert reasons[-1] == "Cut from 10.00 EUR to 0.10 EUR: the cap per customer is 25.10."


def test_caps_hold_across_two_calls_and_only_in_their_currency(ledger):
    policy = refunds(caps={"per_customer": {"EUR": "15.00"}})
    add(ledger, [(judged("a"), order("a"))], policy)
    add(ledger, [(judged("b"), order("b")), (judged("c"), order("c", price="900", currency="JPY"))], policy)
    found = cases(ledger)
    assert (found["order-b"].amount, found["order-c"].amount) == (Decimal("5.00"), Decimal("900"))


@pytest.mark.parametrize("duplicates", ["customer", "order", "ledger", "off"])
@pytest.mark.parametrize("turn", range(3))
def test_an_order_whose_customer_is_corrected_gives_the_old_one_room_in_one_file_as_in_several(
    tmp_path, duplicates, turn
):
    policy = refunds(
        duplicates=duplicates, caps={"per_customer": {"EUR": "20.00"}, "per_order": {"EUR": "15.00"}}, rules=[{"give": "full"}]
    )  # fmt: skip
    first = [(judged(name), order(name, customer="A")) for name in "xw"]
    corrected = (judged("x"), order("x", customer="B"))
    more = [(judged("v"), order("v", customer="A")), corrected, (judged("z"), order("z", customer="A"))]
    more = [*more[turn:], *more[:turn], (judged("u"), order("u", customer="A", number="order-x"))]
    more += [(judged("x"), order("x", customer="A", number="again")), (judged("w", "flag"), order("w", customer="A"))]
    given = []
    for name, files in (("one.db", [more]), ("several.db", [[pair] for pair in more])):
        with new_ledger(tmp_path, name) as ledger:
            for pairs in (first, *files):
                add(ledger, pairs, policy)
            given.append([(case.entry.order_id, case.amount, case.duplicate_of) for case in current_cases(ledger)])
    assert given[0] == given[1]
    assert ("order-x", Decimal("10.00"), None) in given[0]


def test_a_corrected_customer_no_longer_uses_up_the_cap_of_the_old_one(ledger):
    policy = refunds(caps={"per_customer": {"EUR": "20.00"}})
    add(ledger, [(judged("x"), order("x", customer="A"))], policy)
    sold = (("v", "A"), ("x", "B"), ("z", "A"))
    add(ledger, [(judged(name), order(name, customer=customer)) for name, customer in sold], policy)
    assert [(case.entry.customer, case.amount) for case in current_cases(ledger)] == [
        ("A", Decimal("10.00")),
        ("B", Decimal("10.00")),
        ("A", Decimal("10.00")),
    ]


def test_a_used_up_cap_gives_nothing(ledger):
    policy = refunds(caps={"per_customer": {"EUR": "10.00"}})
    add(ledger, [(judged("a"), order("a")), (judged("b", "flag"), order("b"))], policy)
    case = cases(ledger)["order-b"]
    assert (case.status, case.give, case.amount) == ("none", "none", 0)


def test_one_picture_in_two_orders_of_a_customer_counts_once(ledger):
    pairs = [(judged("a"), order("a", number="1")), (judged("a"), order("a", number="2"))]
    pairs.append((judged("a"), order("a", number="3", customer="somebody else")))
    add(ledger, [pairs[0], (judged("x", "pass"), order("x")), pairs[1], pairs[2]])
    found = cases(ledger)
    assert found["1"].amount == Decimal("10.00")
    assert (found["2"].give, found["2"].duplicate_of) == ("none", found["1"].case_id)
    assert "counted there and not again" in found["2"].data["decision"]["reasons"][-1]
    assert (found["3"].amount, found["3"].duplicate_of) == (Decimal("10.00"), None)


def test_near_duplicates_are_found_by_their_look(tmp_path, ledger, pictures):
    from PIL import Image

    with Image.open(pictures / "third_arm.jpg") as image:
        image.convert("RGB").resize((500, 500)).save(tmp_path / "small.jpg", quality=70)
        image.convert("RGB").save(tmp_path / "large.png")
    with Image.open(pictures / "six_fingers.png") as image:
        image.convert("RGB").save(tmp_path / "other.png")
    pairs = []
    for name in ("large.png", "small.jpg", "other.png"):
        digest = sha_of_file(tmp_path / name)
        record = judged(name, path=str(tmp_path / name), sha256=digest, width=500, height=500)
        pairs.append((record, order(name, sha256=digest)))
    add(ledger, pairs)
    found = cases(ledger)
    assert found["order-small.jpg"].duplicate_of == found["order-large.png"].case_id
    assert "nearly the same picture" in found["order-small.jpg"].data["decision"]["reasons"][-1]
    assert found["order-other.png"].duplicate_of is None


def test_an_entry_holds_all_that_an_audit_asks_for(tmp_path, ledger, pictures):
    path = pictures / "third_arm.jpg"
    record = judged(
        "a",
        path=str(path),
        sha256=sha_of_file(path),
        source={"generator": "ComfyUI (flux.safetensors)", "prompt": "x", "seed": "7"},
    )
    add(ledger, [(record, order("a", sha256=record["sha256"], attempts=3, seeds=("5", "6", "7")))])
    (case,) = current_cases(ledger)
    data = case.data
    assert data["input_sha256"] == record["sha256"]
    assert data["thresholds"] == {"flag_at": "0.5", "reject_at": "0.8"}
    assert (data["check_policy"], data["models"]) == (record["policy"], record["models"])
    assert data["refund_policy"].startswith("default@")
    assert (data["attempts"], data["seeds"]) == (3, ["5", "6", "7"])
    assert data["made_with"] == {"generator": "ComfyUI", "model": "flux.safetensors", "prompt": "x"}
    assert data["record"]["findings"][0]["defect_score"] == "0.93"
    assert data["notice"] == NOTICE
    assert [item["kind"] for item in data["evidence"]] == ["picture", "overlay", "crop"]
    with ledger.reading() as reader:
        for item in data["evidence"]:
            assert reader.evidence(item["sha256"])[:2] == b"\xff\xd8"
    assert _floats(json.loads(case.entry.body)) == []


def test_masks_are_in_no_entry_whoever_has_them(ledger):
    mask = {"size": [64, 64], "counts": [5] * 800}
    limb = {"limb_index": 0, "kind": "arm", "chance": 0.9, "polyline": [[1.5, 2.5]], "mask": mask}
    digit = {"digit_index": 0, "mask": mask, "nail_mask": mask, "segments": [{"name": "distal", "mask": mask}]}
    hand = {"hand_index": 0, "box_xyxy": [1.0, 1.0, 9.0, 9.0], "mask": mask}
    hand["digits"] = {"count": 1, "visible": 1, "cannot_tell": None, "items": [digit]}
    person = {"person_index": 0, "limbs": {"arms": {"seen": 1}, "items": [limb]}}
    record = judged("a", people=[person], hands=[hand], loose_limbs=[limb])
    add(ledger, [(record, order("a"))])
    (case,) = current_cases(ledger)
    kept = case.data["record"]
    assert "mask" not in json.dumps(kept)
    bare = {key: value for key, value in limb.items() if key != "mask"}
    assert kept["people"][0]["limbs"]["items"] == kept["loose_limbs"] == [exact(bare)]
    assert kept["hands"][0]["digits"] == {"count": 1, "visible": 1, "cannot_tell": None}
    assert record["loose_limbs"][0]["mask"] == mask


def _floats(value):
    if isinstance(value, float):
        return [value]
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [found for child in children for found in _floats(child)]


def test_a_picture_that_changed_since_is_no_evidence(tmp_path, ledger, pictures):
    (tmp_path / "a.jpg").write_bytes((pictures / "third_arm.jpg").read_bytes())
    add(ledger, [(judged("a", path=str(tmp_path / "a.jpg")), order("a"))])
    (case,) = current_cases(ledger)
    assert case.data["evidence"] == []
    assert "has changed since" in case.data["evidence_note"]


def test_a_picture_that_was_moved_is_found_and_read_once(tmp_path, ledger, pictures, monkeypatch):
    record = judged("a", path="renders/a/b.jpg", sha256=sha_of_file(pictures / "third_arm.jpg"))
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.jpg").write_bytes((pictures / "six_fingers.png").read_bytes())  # another one of this name
    (tmp_path / "b.jpg").write_bytes((pictures / "third_arm.jpg").read_bytes())
    opened: list[str] = []

    def noted(original):
        def opening(path, *rest, **named):
            if str(path).endswith("b.jpg"):
                opened.append(str(Path(path).relative_to(tmp_path)))
            return original(path, *rest, **named)

        return opening

    for module in (io, os):
        monkeypatch.setattr(module, "open", noted(module.open))
    add(ledger, [(record, order("a", sha256=record["sha256"]))], pictures=tmp_path)
    assert opened == ["a/b.jpg", "b.jpg"]
    (case,) = current_cases(ledger)
    assert [item["kind"] for item in case.data["evidence"]] == ["picture", "overlay", "crop"]


def test_thresholds_of_an_unknown_policy_are_unknown_and_not_guessed(ledger):
    other = Policy(name="strict", flag_at=0.3)
    add(ledger, [(judged("a", policy=other.label), order("a"))])
    assert current_cases(ledger)[0].data["thresholds"] is None
    add(ledger, [(judged("a", policy=other.label), order("a"))], check_policy=other)
    assert current_cases(ledger)[0].data["thresholds"] == {"flag_at": "0.3", "reject_at": "0.8"}


def test_a_policy_that_was_named_once_is_known_from_then_on_and_decisions_hold(ledger):
    """Without its file the next time, equal records would be judged anew, and what a person decided would no longer hold."""
    strict = Policy(name="strict", flag_at=0.3)
    pairs = [(judged("a", policy=strict.label), order("a"))]
    add(ledger, pairs, check_policy=strict)
    decide(ledger, "@order-a", Decision(who="Ada", why="five fingers", answer="decline"))
    again = add(ledger, [*pairs, (judged("b", policy=strict.label), order("b")), (judged("c"), order("c"))])
    assert (again.added, again.superseded, again.unchanged, again.decided_before) == (2, 0, 1, ())
    assert again.unknown_policies == ()
    found = cases(ledger)
    assert found["order-a"].status == "declined"
    assert found["order-b"].data["thresholds"] == {"flag_at": "0.3", "reject_at": "0.8"}
    assert found["order-c"].data["thresholds"] == {"flag_at": "0.5", "reject_at": "0.8"}


def test_a_policy_that_is_named_later_for_others_does_not_judge_anew_what_came_before(ledger):
    strict = Policy(name="strict", flag_at=0.3)
    first, second = ((judged(name, policy=strict.label), order(name)) for name in "ab")
    add(ledger, [first])
    decide(ledger, "@order-a", Decision(who="Ada", why="five fingers", answer="decline"))
    add(ledger, [second], check_policy=strict)
    again = add(ledger, [first, second])
    assert (again.unchanged, cases(ledger)["order-a"].status) == (2, "declined")
    named = add(ledger, [first, second], check_policy=strict)  # whoever asks for it gets it, and is told
    assert (named.superseded, len(named.decided_before)) == (1, 1)


def test_pictures_without_orders_and_orders_without_pictures_are_named(ledger):
    done = add(ledger, [(judged("a"), order("b"))])
    assert done.records_without_order == ("renders/a.png",)
    assert done.unknown_policies == ()
    assert done.orders_without_record == (0,)
    assert entry_count(ledger) == 1


def test_policies_whose_thresholds_are_unknown_are_named(tmp_path):
    with new_ledger(tmp_path) as ledger:
        done = add(ledger, [(judged("a", policy="strict@0123456789ab"), order("a"))])
        assert done.unknown_policies == ("strict@0123456789ab",)
        again = add(ledger, [(judged("a", policy="strict@0123456789ab"), order("a"))])
        assert (again.unchanged, again.unknown_policies) == (1, ())


def test_orders_find_pictures_by_the_end_of_their_path_and_never_two(ledger):
    by_path = order("a", sha256="", path="a.png")
    assert add(ledger, [(judged("a"), by_path)]).added == 1
    other = judged("other", path="elsewhere/a.png")
    with pytest.raises(UsageError, match="expected one picture"):
        from limbfix.ledger.adding import Adding
        from limbfix.ledger.refunds import RefundPolicy

        Adding(ledger, RefundPolicy()).add([judged("a"), other], [by_path])


def test_the_last_line_of_a_picture_counts(ledger):
    from limbfix.ledger.adding import Adding
    from limbfix.ledger.refunds import RefundPolicy

    lines = [judged("a"), judged("a", "pass")]
    for _ in range(2):
        done = Adding(ledger, RefundPolicy()).add(lines, [order("a")])
    assert (done.unchanged, current_cases(ledger)[0].verdict, entry_count(ledger)) == (1, "pass", 2)


def test_a_picture_twice_in_one_order_is_an_error(ledger):
    with pytest.raises(UsageError, match="expected each picture once"):
        add(ledger, [(judged("a"), order("a")), (judged("a"), order("a"))])


def write_orders(tmp_path: Path, *rows: str, header: str = HEADER) -> Path:
    (tmp_path / "orders.csv").write_text(header + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return tmp_path / "orders.csv"


def test_orders_keep_extra_columns_and_times_become_utc(tmp_path):
    (one,) = read_orders(write_orders(tmp_path, "a.png,1,c,12.5,eur,2026-11-01T10:00:00+02:00,=spring"))
    assert one.plain() == {
        "order_id": "1", "customer": "c", "price": "12.50", "currency": "EUR",
        "generated_at": "2026-11-01T08:00:00+00:00", "more": [["campaign", "=spring"]],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("a.png,1,c,12.505,EUR,2026-11-01,x", "at most 2 decimals"),
        ("a.png,1,c,12.5,JPY,2026-11-01,x", "at most 0 decimals"),
        ("a.png,1,c,-1,EUR,2026-11-01,x", "expected an amount"),
        ("a.png,1,c,1e3,EUR,2026-11-01,x", "expected an amount"),
        ("a.png,1,c,NaN,EUR,2026-11-01,x", "expected an amount"),
        ("a.png,1,c,1,XYZ,2026-11-01,x", "ISO 4217"),
        ("a.png,,c,1,EUR,2026-11-01,x", "order_id"),
        ('a.png,"1\n2",c,1,EUR,2026-11-01,x', "order_id"),
        ("a.png,1,c,1,EUR,yesterday,x", "expected a time"),
        ("a.png,1,c,1,EUR,9999-12-31T23:59:59-05:00,x", "expected a time"),
        ("a.png,1,c,1,EUR,0001-01-01T00:00:00+05:00,x", "expected a time"),
        (",1,c,1,EUR,2026-11-01,x", "expected a path or a sha256"),
        ("a.png,1,c,1,EUR,2026-11-01", "as many cells"),
        ("a.png,1,c,1,EUR,2026-11-01,x,y", "as many cells"),
    ],
)
def test_a_wrong_order_is_an_error_that_names_its_line(tmp_path, row, what):
    with pytest.raises(UsageError, match=what) as error:
        read_orders(write_orders(tmp_path, row))
    assert "line " in str(error.value)


@pytest.mark.parametrize("header", ["order_id,price\n", "", HEADER.replace("campaign", "price")])
def test_orders_without_their_columns_are_an_error(tmp_path, header):
    with pytest.raises(UsageError, match="expected the columns"):
        read_orders(write_orders(tmp_path, header=header))


@pytest.mark.parametrize(
    "line",
    ["{", "[]", '{"path": "a"}', json.dumps(judged("a") | {"verdict": "fine"}), json.dumps(judged("a") | {"defect_score": None}),
     json.dumps(judged("a") | {"schema_version": 1}), json.dumps(judged("a")).replace("0.93", "NaN"),
     json.dumps(judged("a", "reject", finding("hand.sixth")))],
)  # fmt: skip
def test_a_line_that_is_no_record_is_an_error_and_never_an_entry(tmp_path, line):
    (tmp_path / "records.jsonl").write_text(json.dumps(judged("good")) + "\n" + line + "\n")
    with pytest.raises(UsageError, match="line 2"):
        read_records(tmp_path / "records.jsonl")


def test_keys_that_only_some_records_have_are_taken_and_others_are_named(tmp_path):
    file = tmp_path / "records.jsonl"
    file.write_text(json.dumps(judged("a") | {"loose_limbs": [], "repair": {"kept": False}}) + "\n")
    (read,) = read_records(file)
    assert read["loose_limbs"] == []
    file.write_text(json.dumps(judged("a") | {"loose_limb": []}) + "\n")
    with pytest.raises(UsageError, match=r"with loose_limb$"):
        read_records(file)
    less = {key: value for key, value in judged("a").items() if key != "hands"}
    file.write_text(json.dumps(less) + "\n")
    with pytest.raises(UsageError, match=r"without hands$"):
        read_records(file)


def test_what_the_gate_writes_of_a_picture_is_taken(tmp_path):
    """With all detectors of this installation: their records have keys that made ones lack."""
    pytest.importorskip("onnxruntime")
    from limbfix.gate import Gate

    picture = Path(__file__).parents[2] / "examples" / "pictures" / "third_arm.jpg"
    with Gate(detectors=("limbfix_bodies", "limbfix_hands")) as gate:
        record = gate.judge_path(str(picture)).record
    assert "loose_limbs" in record
    (tmp_path / "records.jsonl").write_text(json.dumps(record) + "\n")
    (read,) = read_records(tmp_path / "records.jsonl")
    assert read == json.loads(json.dumps(record))


@pytest.mark.parametrize(
    "text",
    [
        'flagss = "wait"',
        'rules = [{give = "money"}]',
        'rules = [{codes = ["hand.sixth"], give = "full"}]',
        'rules = [{give = "full", share = 0.5}]',
        'rules = [{give = "part"}]',
        'rules = [{give = "part", share = 1.5}]',
        'rules = [{give = "full", severity = "bad"}]',
        'caps.per_order.EUR = "1.005"',
        'caps.per_order.XYZ = "1"',
        'caps.per_order.EUR = "-1"',
        'attempt_cost = {EUR = "abc"}',
        "attempt_cost = {EUR = true}",
        'attempt_cost = {EUR = "-0.1"}',
        "near = 400",
        "not toml",
    ],
)
def test_a_wrong_refund_policy_is_an_error(tmp_path, text):
    (tmp_path / "refunds.toml").write_text(text)
    with pytest.raises(PolicyError):
        load_refund_policy(tmp_path / "refunds.toml")


def test_shares_in_toml_are_exact(tmp_path):
    (tmp_path / "refunds.toml").write_text(
        '[refunds]\nrules = [{give = "part", share = 0.1}]\ncaps.per_order.EUR = 0.3'
    )
    policy = load_refund_policy(tmp_path / "refunds.toml")
    assert (policy.rules[0].share, policy.caps.per_order["EUR"]) == (Decimal("0.1"), Decimal("0.30"))


def test_equal_policies_have_equal_labels_and_others_not():
    assert refunds().label == refunds().label
    assert refunds().label != refunds(near=30).label


def test_amounts_have_the_decimals_of_their_currency():
    assert parse_amount("3", "KWD", origin="x") == Decimal("3.000")
    assert str(parse_amount("3", "KWD", origin="x")) == "3.000"


def test_what_an_older_case_tells_is_made_once_however_many_follow(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr("limbfix.ledger.cases.Standing", lambda **facts: made.append(facts) or Standing(**facts))
    with new_ledger(tmp_path) as ledger:
        names = [f"{number}.png" for number in range(200)]  # more than one transaction takes
        adding = Adding(ledger, refunds(duplicates="ledger"))
        assert adding.add([judged(name) for name in names], [order(name) for name in names]).added == 200
    assert len(made) == 200


@pytest.mark.parametrize("place", ["folder", "damaged.db", "notes.txt/ledger.db", "x" * 300 + ".db"])
def test_a_place_that_can_hold_no_ledger_is_named(tmp_path, place):
    (tmp_path / "folder").mkdir()
    (tmp_path / "notes.txt").write_text("my notes")
    (tmp_path / "damaged.db").write_bytes(b"SQLite format 3\x00" + bytes(range(256)) * 20)
    with pytest.raises(LedgerError, match=r"folder|damaged|notes|xxx"):
        open_ledger(tmp_path / place, create=True, key=tmp_path / "k.pem")
    assert not (tmp_path / "k.pem").exists()


def test_another_file_is_never_taken_for_a_ledger(tmp_path):
    import sqlite3

    (tmp_path / "notes.txt").write_text("my notes, all of them")
    with pytest.raises(LedgerError, match="another file"):
        open_ledger(tmp_path / "notes.txt", create=True, key=tmp_path / "k.pem")
    with sqlite3.connect(tmp_path / "theirs.db") as theirs:
        theirs.execute("CREATE TABLE mine (x)")
    with pytest.raises(LedgerError, match="another database"):
        open_ledger(tmp_path / "theirs.db", create=True, key=tmp_path / "k.pem")
    with pytest.raises(LedgerError, match="expected a file"):
        open_ledger(tmp_path / "absent.db")
    assert not (tmp_path / "absent.db").exists()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3000),
            st.sampled_from(["1", "2", "3"]),
            st.sampled_from(["reject", "flag", "pass"]),
            st.sampled_from(["hand.extra_digit", "hand.malformed"]),
        ),
        max_size=12,
    ),
    st.integers(0, 4000),
    st.integers(0, 6000),
)
def test_whatever_is_sold_no_cap_is_broken_and_nobody_gets_more_than_the_price(sales, per_order, per_customer):
    policy = refunds(
        duplicates="off",
        caps={"per_order": {"EUR": f"{per_order / 100:.2f}"}, "per_customer": {"EUR": f"{per_customer / 100:.2f}"}},
    )
    standing: list[Standing] = []
    for index, (cents, number, verdict, code) in enumerate(sales):
        record = judged(str(index), verdict, *([finding(code, 0.9)] if verdict != "pass" else []))
        one = order(str(index), price=str(Decimal(cents) / 100), number=number)
        given_back = recommend(record, one, policy, thresholds=None, older=Shelf(policy, standing))
        assert 0 <= given_back.amount <= one.price
        assert given_back.amount == given_back.amount.quantize(Decimal("0.01"))
        assert (given_back.status == "none") == (given_back.give == "none")
        standing.append(Standing(case_id=str(index), seq=index, customer=one.customer, order_id=number, currency="EUR", picture="", likeness="",
                                 is_bad=verdict != "pass", status=given_back.status, give=given_back.give, amount=given_back.amount))  # fmt: skip
    assert sum(one.amount for one in standing) <= Decimal(per_customer) / 100
    for number in "123":
        assert sum(one.amount for one in standing if one.order_id == number) <= Decimal(per_order) / 100


@settings(max_examples=50, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_equal_values_have_one_canonical_text_of_plain_ascii(value):
    text = canonical_json(value)
    assert text.isascii()
    assert "\n" not in text
    assert canonical_json(json.loads(text)) == text


def test_floats_have_no_canonical_text_until_they_are_exact():
    with pytest.raises(ValueError, match="no float"):
        canonical_json({"a": [0.1]})
    assert canonical_json(exact({"b": 0.1, "a": [1e-7, 2.0, -0.0]})) == '{"a":["0.0000001","2","0"],"b":"0.1"}'
    with pytest.raises(ValueError, match="finite"):
        exact(float("nan"))


def test_records_may_begin_with_a_byte_order_mark(tmp_path):
    file = tmp_path / "records.jsonl"
    file.write_text(json.dumps(judged("a")) + "\n", encoding="utf-8-sig")
    assert len(read_records(file)) == 1
