"""The loop of plan, paint and judgement: only what is better stays, and whatever goes wrong leaves the original."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from blob_detector import GOOD, BlobDetector, drawn
from drawn_repairs import EXTRA, FAILURES, Painter, malformed_hand, red, three_hands, unchanged, white
from picture_files import encoded

import limbfix
from limbfix.errors import AssetMissing, DetectorError, RepairError
from limbfix.findings import DefectCode, Finding
from limbfix.fixing import FixingJudge, FixOptions
from limbfix.gate import Gate
from limbfix.generators import ComfyUI
from limbfix.geometry import Box
from limbfix.inpainters import focus_regions
from limbfix.inspections import Inspection
from limbfix.repair import Action, ExemplarFill, RepairOptions, make_plan, repair_picture
from limbfix.repair.acceptance import judge_repair
from limbfix.repair.candidates import candidate_seed
from limbfix.repair.loop import _is_there
from limbfix.repair.patches import box_patch
from limbfix.repair.plans import Step
from limbfix.repair.repair_records import repair_record
from limbfix.repair.seams import Seam
from limbfix.workers import JudgingOptions, Task
from limbfix.wrapping.repairing import default_repairer


@pytest.fixture
def hand_gate(monkeypatch):
    monkeypatch.setattr("limbfix.gate.check", malformed_hand)
    with Gate(detectors=[BlobDetector()]) as made:
        yield made


UNSEEN = Seam(step_share=0.0, grain_ratio=1.0)


def alpha_of(repaired) -> np.ndarray:
    picture = repaired.before.picture
    alpha = np.zeros((picture.height, picture.width), bool)
    for focus in repaired.kept:
        alpha[focus.window] |= focus.alpha > 0
    return alpha


def test_an_extra_hand_is_removed_by_the_embedded_filling(gate):
    before = gate.inspect(three_hands())
    assert before.verdict == "reject"
    repaired = repair_picture(before, gate)
    assert repaired.is_changed and repaired.after.verdict == "pass"
    assert [step.action for step in repaired.plan] == [Action.REMOVE]
    assert repaired.inpainter == "exemplar_fill"
    assert repaired.picture.pixels[EXTRA[1], EXTRA[0]].min() > 240
    assert sum(attempt.is_accepted for attempt in repaired.attempts) == 1


def comfy_without_a_place_for_pictures():
    graph = {
        "3": {"class_type": "KSampler", "inputs": {"seed": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ""}},
    }
    return ComfyUI(graph, {"prompt": "6.text", "seed": "3.seed"}, url="http://127.0.0.1:9")


def test_the_pictures_of_a_server_that_takes_none_are_mended_by_the_embedded_filling(gate):
    server = comfy_without_a_place_for_pictures()
    known = limbfix.capabilities(server)
    assert known.repairs_with == "exemplar_fill"
    assert any("place for the picture" in reason for reason in known.reasons)
    repair = default_repairer(gate, None, server)(gate.inspect(three_hands()), prompt="", seed=1)
    assert repair.is_accepted
    assert repair.record["inpainter"] == "exemplar_fill"


def test_a_server_that_takes_no_picture_says_what_it_lacks_where_it_is_named_as_the_painter(gate):
    repaired = repair_picture(gate.inspect(three_hands()), gate, inpainter=comfy_without_a_place_for_pictures())
    assert not repaired.is_changed
    assert all("node id.image" in attempt.reason for attempt in repaired.attempts)


def test_a_good_picture_is_left_alone_and_not_even_painted(gate):
    painter = Painter(red)
    before = gate.inspect(drawn(GOOD))
    repaired = repair_picture(before, gate, inpainter=painter)
    assert not repaired.is_changed and repaired.after is before and repaired.picture is before.picture
    assert repaired.plan == () and repaired.attempts == () and painter.requests == []


def test_what_a_painter_does_outside_the_mask_is_lost(gate):
    before = gate.inspect(three_hands())
    repaired = repair_picture(before, gate, inpainter=Painter(white))
    assert repaired.is_changed
    differs = (repaired.picture.pixels != before.picture.pixels).any(axis=2)
    assert differs.any() and not differs[~alpha_of(repaired)].any()


@pytest.mark.parametrize(("paint", "word"), FAILURES.values(), ids=FAILURES)
def test_a_painter_that_does_no_good_leaves_the_original_and_a_reason(gate, paint, word):
    before = gate.inspect(three_hands())
    pixels = before.picture.pixels.copy()
    repaired = repair_picture(before, gate, inpainter=Painter(paint), options=RepairOptions(candidates=2))
    assert not repaired.is_changed and repaired.after is before
    assert (before.picture.pixels == pixels).all()
    assert repaired.attempts and all(word in attempt.reason for attempt in repaired.attempts)
    assert not any(attempt.is_accepted for attempt in repaired.attempts)


def test_the_best_of_the_accepted_is_kept_and_the_others_are_on_record(gate):
    def paint(request, number):
        return [unchanged, white, red, white][number](request, number)

    repaired = repair_picture(gate.inspect(three_hands()), gate, inpainter=Painter(paint))
    assert [attempt.is_accepted for attempt in repaired.attempts] == [False, True, False, False]
    assert "another candidate was better" in repaired.attempts[3].reason
    assert len({attempt.seed for attempt in repaired.attempts}) == 4


def test_the_record_says_what_a_painter_had_to_do_for_this_picture(gate):
    def paint(request, number):
        painter.notes.append("went on with a smaller batch")
        return white(request, number)

    painter = Painter(paint)
    painter.notes = ["of an earlier picture"]
    repaired = repair_picture(gate.inspect(three_hands()), gate, inpainter=painter)
    assert repair_record(repaired)["notes"] == ["went on with a smaller batch"]


def test_seeds_follow_from_the_given_one(gate):
    before = gate.inspect(three_hands())
    first, again, other = (
        [
            a.seed
            for a in repair_picture(before, gate, inpainter=Painter(white), options=RepairOptions(seed=seed)).attempts
        ]
        for seed in (1, 1, 2)
    )
    assert first == again != other
    assert first[0] == candidate_seed(1, 0, 0) < 2**31


def test_a_painter_without_seeds_is_not_said_to_have_used_one(gate):
    repaired = repair_picture(gate.inspect(three_hands()), gate, inpainter=Painter(white, has_seeds=False))
    assert {attempt.seed for attempt in repaired.attempts} == {None}


def test_each_strength_is_tried(gate):
    options = RepairOptions(candidates=1, strengths=(0.4, 0.8))
    painter = Painter(unchanged)
    repair_picture(gate.inspect(three_hands()), gate, inpainter=painter, options=options)
    assert [request.strength for request in painter.requests] == [0.4, 0.8]


def test_a_request_holds_what_a_painter_needs(gate):
    painter = Painter(unchanged, native_px=128, multiple=16)
    options = RepairOptions(prompt="a waving man", negative_prompt="blur", steps=7, candidates=3)
    repair_picture(gate.inspect(three_hands()), gate, inpainter=painter, options=options)
    (request,) = painter.requests
    assert request.pixels.shape[0] % 16 == request.pixels.shape[1] % 16 == 0 and max(request.pixels.shape) == 128
    assert (request.prompt, request.negative_prompt, request.steps, request.purpose) == (
        "a waving man",
        "blur",
        7,
        "remove",
    )
    assert len(request.seeds) == 3 and request.mask.edit.max() == 1 and request.mask.edit.min() == 0
    assert request.avoid.shape == request.mask.edit.shape


def test_the_prompt_comes_from_the_picture_where_none_is_given(gate):
    from picture_files import with_text

    painter = Painter(unchanged)
    data = with_text(three_hands(), parameters="a man on a bus\nSteps: 20, Seed: 5, Model: x")
    repair_picture(gate.inspect(data), gate, inpainter=painter)
    assert painter.requests[0].prompt == "a man on a bus"


def test_a_candidate_that_a_safety_checker_blacked_out_is_no_repair(gate):
    class Blocked(list):
        blocked = (True, False)

    class Checked(Painter):
        def inpaint(self, request):
            return Blocked([np.zeros_like(request.pixels), white(request, 1)])

    repaired = repair_picture(gate.inspect(three_hands()), gate, inpainter=Checked(white))
    assert repaired.is_changed
    assert [attempt.is_accepted for attempt in repaired.attempts] == [False, True]
    assert "skipped_nsfw" in repaired.attempts[0].reason


def test_a_hand_must_be_redrawn_by_a_model_and_the_reason_names_the_command(hand_gate):
    before = hand_gate.inspect(flat_hand())
    assert before.verdict == "reject"
    repaired = repair_picture(before, hand_gate)
    assert not repaired.is_changed
    (attempt,) = repaired.attempts
    assert "limbfix fix PATH --out DIR --model" in attempt.reason
    with pytest.raises(RepairError, match="--model"):
        ExemplarFill().inpaint(request_for("redraw"))


def test_a_hand_that_is_painted_over_is_not_a_repaired_hand(hand_gate):
    repaired = repair_picture(hand_gate.inspect(flat_hand()), hand_gate, inpainter=Painter(grey_over))
    assert not repaired.is_changed
    assert "no longer seen" in repaired.attempts[0].reason


def test_a_hand_that_is_redrawn_well_stays(hand_gate):
    repaired = repair_picture(hand_gate.inspect(flat_hand()), hand_gate, inpainter=Painter(round_hand))
    assert repaired.plan[0].action is Action.REDRAW
    assert repaired.is_changed and repaired.after.verdict == "pass"


def test_a_second_hand_where_one_was_is_no_repair(hand_gate):
    def two(request, number):
        pixels = round_hand(request, number).copy()
        rows, columns = np.nonzero(request.mask.edit > 0)
        pixels[rows.min() + 1 : rows.min() + 9, columns.max() - 12 : columns.max() - 3] = 0
        return pixels

    repaired = repair_picture(hand_gate.inspect(flat_hand()), hand_gate, inpainter=Painter(two))
    assert not repaired.is_changed
    assert "hands are seen where there were" in repaired.attempts[0].reason


def test_a_judge_that_fails_is_an_error_and_no_acceptance(gate):
    before = gate.inspect(three_hands())
    gate.detectors[0].fails = True
    with pytest.raises(DetectorError):
        repair_picture(before, gate, inpainter=Painter(white))


def test_a_bare_record_cannot_be_repaired(gate):
    with pytest.raises(ValueError, match="bare record"):
        repair_picture(Inspection(record=gate.inspect(three_hands()).record), gate)


def test_ctrl_c_in_the_middle_is_not_swallowed(gate):
    def interrupted(request, number):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        repair_picture(gate.inspect(three_hands()), gate, inpainter=Painter(interrupted))


def test_progress_is_told_for_each_place(gate):
    lines = []
    repair_picture(gate.inspect(three_hands()), gate, inpainter=Painter(white), on_step=lines.append)
    assert lines == ["1 of 1: remove person.extra_hand"]


@pytest.mark.parametrize("options", [{"candidates": 0}, {"candidates": 65}, {"strengths": ()}, {"strengths": (0.0,)}])
def test_impossible_options_are_refused(options):
    with pytest.raises(ValueError, match="RepairOptions"):
        RepairOptions(**options)


def test_a_hint_that_cannot_be_drawn_leaves_the_original_and_its_remedy(gate):
    def no_body(inspection, step, focus):
        raise AssetMissing("body data are missing; fetch them with: a command")

    repaired = repair_picture(gate.inspect(three_hands()), gate, inpainter=Painter(white), hints=no_body)
    assert not repaired.is_changed and "fetch them with: a command" in repaired.attempts[0].reason


def test_a_hint_reaches_the_painter(gate):
    painter = Painter(unchanged)
    hints = lambda inspection, step, focus: np.zeros((focus.size_wh[1], focus.size_wh[0], 3), np.uint8)  # noqa: E731
    repair_picture(gate.inspect(three_hands()), gate, inpainter=painter, hints=hints)
    assert painter.requests[0].control.shape == painter.requests[0].pixels.shape


def test_too_many_places_are_made_again(monkeypatch, gate):
    monkeypatch.setattr("limbfix.repair.plans.MOST_REGIONS", 0)
    before = gate.inspect(three_hands())
    plan = make_plan(before, flag_at=0.5)
    assert [step.action for step in plan] == [Action.REGENERATE]
    repaired = repair_picture(before, gate, inpainter=Painter(white))
    assert not repaired.is_changed and "make the picture again" in repaired.attempts[0].reason
    assert "not repaired" not in repaired.attempts[0].reason, "reports say that in front of it"


def flat_hand():
    """A person with one round hand and one that is wide and flat."""
    import PIL.ImageDraw

    image = drawn(((70, 60),))
    PIL.ImageDraw.Draw(image).ellipse((150, 106, 204, 126), fill="black")
    return image


def grey_over(request, number):
    return np.where(request.mask.edit[..., None] > 0, np.uint8(150), request.pixels)


def round_hand(request, number):
    """A round black disc in the middle of the mask, and grey around it."""
    rows, columns = np.nonzero(request.mask.edit > 0)
    y, x = np.mgrid[: request.pixels.shape[0], : request.pixels.shape[1]]
    y0, x0 = (rows.min() + rows.max()) / 2, (columns.min() + columns.max()) / 2
    radius = 0.3 * (rows.max() - rows.min())
    disc = ((x - x0) / 1.3) ** 2 + (y - y0) ** 2 < radius**2
    return np.where(disc[..., None], np.uint8(0), grey_over(request, number))


def request_for(purpose: str):
    from limbfix.inpainting import InpaintRequest, Mask

    edit = np.zeros((20, 20), np.float32)
    edit[5:9, 5:9] = 1
    return InpaintRequest(pixels=np.zeros((20, 20, 3), np.uint8), mask=Mask(edit=edit), purpose=purpose, seeds=(1,))


def test_a_repair_that_makes_a_pass_a_flag_is_refused(gate):
    before = gate.inspect(drawn(GOOD))
    step = Step(
        action=Action.REFINE,
        findings=(),
        box=before.scene.hands[0].part.box,
        hand_indices=(0,),
        reason="focus",
        patch=None,
    )
    for verdict, is_accepted in (("pass", True), ("flag", False), ("reject", False), ("unjudged", False)):
        after = replace(before, record=before.record | {"verdict": verdict})
        judged = judge_repair(step, before, after, UNSEEN)
        assert judged.is_accepted is is_accepted, judged.reason
    flagged = replace(before, record=before.record | {"verdict": "flag"})
    assert judge_repair(step, flagged, before, UNSEEN).is_accepted


def test_a_cured_place_is_not_painted_again_for_another_hand_of_the_same_fault(hand_gate):
    left, right = Box(0, 0, 40, 40), Box(200, 0, 240, 40)

    def fault(box, index, **more):
        return Finding(code=DefectCode.HAND_MALFORMED, defect_score=0.9, box=box, message="", hand_index=index, **more)

    for owner in ({}, {"person_index": 0}):  # two hands of nobody, or of one person
        step = Step(
            action=Action.REDRAW,
            findings=(fault(left, 0, **owner),),
            box=left,
            hand_indices=(0,),
            reason="",
            patch=None,
        )
        assert not _is_there(fault(right, 1, **owner), step)
        assert _is_there(fault(left.shifted(3, 3), 1, **owner), step)


def test_hands_are_counted_anew_after_each_repair(gate):
    """The first step takes the third of four hands away; the fourth, now number 2, is what the later steps are about."""
    inspection = gate.inspect(three_hands((*GOOD, (100, 207), (250, 207))))
    hands = inspection.scene.hands
    boxes = {hand.hand_index: hand.part.box for hand in hands if hand.part.box.y_min > 180}
    assert len(boxes) == 2
    (first, first_box), (second, second_box) = boxes.items()

    def refined(index, box):
        patch = box_patch(box.grown(0.3), inspection.scene)
        return Step(action=Action.REFINE, findings=(), box=box, patch=patch, reason="soft", hand_indices=(index,))

    removal = replace(refined(first, first_box), action=Action.REMOVE)
    plan = [removal, refined(second, second_box), refined(first, first_box)]
    seen = []

    def hints(current, step, focus):
        seen.append([current.scene.hands[index].part.box.xyxy for index in step.hand_indices])

    painter = Painter(lambda request, number: white(request, number) if request.purpose == "remove" else request.pixels)
    options = RepairOptions(candidates=1)
    repaired = repair_picture(inspection, gate, inpainter=painter, options=options, plan=plan, hints=hints)
    assert repaired.attempts[0].is_accepted, repaired.attempts[0].reason
    assert seen == [[first_box.xyxy], [second_box.xyxy]]
    assert "no longer seen" in repaired.attempts[-1].reason


def test_a_focus_pass_leaves_the_wrong_hand_to_its_repair(gate, tmp_path):
    image = encoded(three_hands())
    (tmp_path / "a.png").write_bytes(image)
    options = FixOptions(out=tmp_path / "out", repair=RepairOptions(candidates=1), flag_at=0.5)
    judge = FixingJudge(
        gate,
        JudgingOptions(policy="p"),
        options,
        painter=Painter(unchanged),
        find_areas=lambda inspection: focus_regions(inspection, ["hand"]),
    )
    path = str(tmp_path / "a.png")
    (judged,) = judge.judge([Task(path=path, file=path, relative="a.png", known=None)], lambda done: None)
    assert [step["action"] for step in judged.record["repair"]["plan"]] == ["remove", "refine", "refine"]
    assert all(step["box_xyxy"][2] < 256 for step in judged.record["repair"]["plan"][1:])


class AskedAgain:
    """A gate that remembers which way round it was told to look, and may see no repair that way."""

    def __init__(self, gate, before, *, sees_it: bool) -> None:
        self.gate, self.before, self.sees_it, self.ways = gate, before, sees_it, []

    def inspect_picture(self, picture):
        self.ways.append(picture.turned)
        sees_it = self.sees_it or picture.turned is None
        return self.gate.inspect_picture(picture) if sees_it else self.before


@pytest.mark.parametrize("sees_it", [True, False])
@pytest.mark.parametrize("flips", [True, False])
def test_a_repair_that_turns_the_picture_must_be_better_both_ways_round(gate, monkeypatch, flips, sees_it):
    before = gate.inspect(three_hands())
    monkeypatch.setattr(
        "limbfix.repair.candidates.is_turned", lambda pixels: flips and (pixels == before.picture.pixels).all()
    )
    judge = AskedAgain(gate, before, sees_it=sees_it)
    repaired = repair_picture(before, judge)
    assert repaired.is_changed is (sees_it or not flips)
    assert (True in judge.ways) is flips and None in judge.ways
    if repaired.is_changed:
        assert repaired.after.picture.turned is None  # what a later check of the file will see
