"""Any function can be gated: what fails is made again, the best attempt is kept, and the caller gets what it always got."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from picture_files import p3_profile
from PIL import Image
from steered_gate import SteeredGate

import limbfix
from limbfix.errors import GeneratorError, OutputError, RepairError, UsageError
from limbfix.wrapping.attempts import pixels_sha256
from limbfix.wrapping.repairing import Repair
from limbfix.wrapping.seeds import attempt_seed


def pixels_of_seed(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 255, (8, 8, 3), dtype=np.uint8)


class Painter:
    """Paints noise from its seed and keeps the seeds."""

    def __init__(self, form=lambda pixels: pixels) -> None:
        self.seeds, self.form = [], form

    def __call__(self, prompt, seed):
        self.seeds.append(seed)
        return self.form(pixels_of_seed(seed))


def test_a_good_picture_is_made_once_with_the_callers_own_seed():
    paint = Painter()
    value = limbfix.wrap(paint, gate=SteeredGate())("a wave", seed=7)
    assert paint.seeds == [7]
    assert np.array_equal(value, pixels_of_seed(7))


def test_a_failing_picture_is_made_again_with_hashed_seeds_until_one_passes():
    paint = Painter()
    gated = limbfix.wrap(paint, gate=SteeredGate(["reject", "reject", "flag"]), max_attempts=5)
    done = gated.with_reports("a wave", seed=7)
    assert paint.seeds == [7, attempt_seed(7, 0, 1), attempt_seed(7, 0, 2)]
    (report,) = done.reports
    assert (report.verdict, report.kept, report.has_failed) == ("flag", 2, False)
    assert [attempt.seed for attempt in report.attempts] == paint.seeds
    assert np.array_equal(done.value, pixels_of_seed(paint.seeds[2]))


def test_the_best_attempt_is_kept_and_not_the_last():
    paint = Painter()
    gated = limbfix.wrap(paint, gate=SteeredGate(["reject 0.95", "reject 0.81", "reject 0.99"]), max_attempts=3)
    done = gated.with_reports("a wave", 7)
    assert done.reports[0].kept == 1
    assert done.reports[0].has_failed
    assert np.array_equal(done.value, pixels_of_seed(paint.seeds[1]))


def test_a_failed_picture_that_cannot_carry_its_report_is_logged_once(caplog):
    gated = limbfix.wrap(Painter(), gate=SteeredGate(["reject"] * 4), max_attempts=2)
    gated("a wave", seed=7)
    (line,) = [one.getMessage() for one in caplog.records if one.name == "limbfix" and one.levelname == "WARNING"]
    assert gated.limbfix.last_reports[0].reason in line
    assert "failed (reject)" in line and ".with_reports(...)" in line
    caplog.clear()
    gated.with_reports("a wave", seed=7)
    assert caplog.records == []


def test_a_picture_that_a_broken_gate_did_not_judge_is_told_in_the_log(caplog):
    limbfix.wrap(Painter(), gate=SteeredGate(["broken"]), on_fail="raise")("a wave", seed=7)
    checker = limbfix.AnatomyChecker(gate=SteeredGate(["broken"]))
    assert checker(np.full((1, 8, 8, 3), 0.5, np.float32))[1] == [False]
    told = [one.getMessage() for one in caplog.records if one.name == "limbfix" and one.levelname == "WARNING"]
    assert len(told) == 2
    assert all("not judged" in line and "broken detector" in line for line in told)


def test_what_passed_or_carries_reports_is_not_logged(caplog):
    limbfix.wrap(Painter(), gate=SteeredGate(["reject", "pass"]))("a wave", seed=7)
    pair = limbfix.wrap(Painter(lambda pixels: [pixels, pixels]), gate=SteeredGate(["reject"] * 9), max_attempts=1)
    assert pair("a wave", seed=7).reports[0].has_failed
    assert caplog.records == []


def test_asynchronous_calls_log_a_failed_picture_too(caplog):
    async def paint(prompt, seed):
        return pixels_of_seed(seed)

    async def stream(prompt, seed):
        for place in range(3):
            yield pixels_of_seed(seed + place)

    async def look():
        await limbfix.wrap(paint, gate=SteeredGate(["reject"]), on_fail="flag")("x", 7)
        flagged = limbfix.wrap(stream, gate=SteeredGate(["reject"] * 3), on_fail="flag")
        return [one async for one in flagged("x", 7)]

    assert len(asyncio.run(look())) == 3
    lines = [one.getMessage() for one in caplog.records if one.name == "limbfix"]
    assert len(lines) == 2 and ".with_reports" in lines[0] and ".reports of the stream" in lines[1]


def test_a_retry_in_which_nobody_is_seen_does_not_count_as_a_success():
    gated = limbfix.wrap(Painter(), gate=SteeredGate(["reject", "no_subject", "pass"]), max_attempts=3)
    assert gated.with_reports("a wave", 1).reports[0].kept == 2
    gated = limbfix.wrap(Painter(), gate=SteeredGate(["reject", "no_subject", "no_subject"]), max_attempts=3)
    done = gated.with_reports("a wave", 1)
    (report,) = done.reports
    assert (report.verdict, report.kept, report.has_failed) == (
        "reject",
        0,
        True,
    )  # an empty picture is another picture
    assert np.array_equal(done.value, pixels_of_seed(1))


def test_a_record_that_cannot_be_written_is_refused_before_anything_is_rendered(tmp_path):
    paint = Painter()
    with pytest.raises(OutputError, match="expected a file to add lines to"):
        limbfix.wrap(paint, gate=SteeredGate(), records=tmp_path)
    assert paint.seeds == []


def test_pictures_are_not_lost_with_their_records(tmp_path):
    place = tmp_path / "records.jsonl"
    gated = limbfix.wrap(Painter(), gate=SteeredGate(), records=place)
    place.unlink()
    place.mkdir()  # as a disk that filled up meanwhile
    done = gated.with_reports("a wave", 7)
    assert np.array_equal(done.value, pixels_of_seed(7))
    assert any("Not recorded" in note for note in done.reports[0].notes)


def test_what_nobody_judged_is_unjudged_and_not_a_pass():
    (report,) = limbfix.wrap(Painter(), gate=SteeredGate(["broken"])).with_reports("a wave", 1).reports
    assert report.verdict == "unjudged"
    assert "broken detector" in report.reason


def test_flags_fail_only_where_the_caller_says_so():
    assert len(limbfix.wrap(Painter(), gate=SteeredGate(["flag"])).with_reports("x", 1).reports[0].attempts) == 1
    gated = limbfix.wrap(Painter(), gate=SteeredGate(["flag", "pass"]), fail_on="flag")
    assert len(gated.with_reports("x", 1).reports[0].attempts) == 2


@pytest.mark.parametrize("on_fail", ["flag", "raise"])
def test_flag_and_raise_make_nothing_again(on_fail):
    paint = Painter()
    gated = limbfix.wrap(paint, gate=SteeredGate(["reject"]), on_fail=on_fail)
    if on_fail == "raise":
        with pytest.raises(limbfix.AnatomyRejected, match="1 of 1") as caught:
            gated("x", 3)
        assert np.array_equal(caught.value.output, pixels_of_seed(3))
        assert caught.value.reports[0].verdict == "reject"
    else:
        assert np.array_equal(gated("x", 3), pixels_of_seed(3))
    assert paint.seeds == [3]


@pytest.mark.parametrize("form", [lambda p: p, lambda p: [p, p], lambda p: (Image.fromarray(p),)])
def test_a_rejection_crosses_to_another_process_with_pictures_and_reports(form):
    with pytest.raises(limbfix.AnatomyRejected) as caught:
        limbfix.wrap(Painter(form), gate=SteeredGate(judge=lambda _: "reject"), on_fail="raise")("x", 3)
    back = pickle.loads(pickle.dumps(caught.value))
    assert type(back.output) is type(caught.value.output)
    assert np.array_equal(np.asarray(back.output), np.asarray(caught.value.output))
    assert [one.record for one in back.reports] == [one.record for one in caught.value.reports]
    assert np.array_equal(back.reports[0].inspection.picture.pixels, pixels_of_seed(3))


def test_no_attempt_begins_after_the_time_is_up():
    paint = Painter()
    limbfix.wrap(paint, gate=SteeredGate(judge=lambda _: "reject"), max_attempts=9, max_seconds=1e-9)("x", 1)
    assert len(paint.seeds) == 1


def test_without_a_seed_a_base_is_chosen_and_recorded_so_that_the_call_can_be_repeated():
    paint = Painter()
    (report,) = limbfix.wrap(paint, gate=SteeredGate(["reject"])).with_reports("x").reports
    base = report.record["call"]["base_seed"]
    assert paint.seeds == [attempt_seed(base, 0, 0), attempt_seed(base, 0, 1)]
    assert report.is_reproducible


def test_a_seed_of_the_wrapper_and_one_of_the_caller_both_count():
    paint = Painter()
    gated = limbfix.wrap(paint, gate=SteeredGate(["reject", "pass"] * 3), seed=7)
    for seed in (1, 2, 1):
        gated("x", seed=seed)
    assert paint.seeds[::2] == [1, 2, 1]
    assert paint.seeds[1] != paint.seeds[3]
    assert paint.seeds[1] == paint.seeds[5]


def test_minus_one_means_choose_a_seed_as_image_servers_have_it():
    paint = Painter()
    (report,) = limbfix.wrap(paint, gate=SteeredGate()).with_reports("x", seed=-1).reports
    assert paint.seeds[0] >= 0
    assert report.attempts[0].seed_origin == "derived"


def test_seeds_of_numpy_are_seeds_and_what_is_no_number_is_reported():
    (report,) = limbfix.wrap(Painter(), gate=SteeredGate()).with_reports("x", seed=np.int64(7)).reports
    assert (report.attempts[0].seed, report.is_reproducible) == (7, True)
    (report,) = limbfix.wrap(Painter(), gate=SteeredGate()).with_reports("x", seed=[1, 2]).reports
    assert not report.is_reproducible
    assert "no whole number" in report.not_reproducible_because


def test_a_function_without_seed_is_made_again_and_reported_as_not_reproducible():
    pictures = iter([pixels_of_seed(1), pixels_of_seed(2)])
    gated = limbfix.wrap(lambda prompt: next(pictures), gate=SteeredGate(["reject", "pass"]))
    (report,) = gated.with_reports("x").reports
    assert not report.is_reproducible
    assert "takes no seed" in report.not_reproducible_because
    assert [attempt.seed for attempt in report.attempts] == [None, None]


@pytest.mark.parametrize("given", [("x", "watercolour"), ("x", 3)])
def test_a_second_argument_that_need_not_be_a_seed_is_never_written_over(given):
    seen = []

    def render(prompt, style):
        seen.append((prompt, style))
        return pixels_of_seed(len(seen))

    (report,) = limbfix.wrap(render, gate=SteeredGate(["reject"])).with_reports(*given).reports
    assert seen == [given, given]
    assert "seed_name=" in report.not_reproducible_because
    assert not limbfix.capabilities(render).has_seeds
    seen.clear()
    limbfix.wrap(render, gate=SteeredGate(["reject"]), seed_name="style")("x", 3)
    assert seen == [("x", 3), ("x", attempt_seed(3, 0, 1))]


def test_a_short_second_name_is_a_seed_where_a_whole_number_stands_there():
    seen = []

    def paint(p, s):
        seen.append(s)
        return pixels_of_seed(len(seen))

    gated = limbfix.wrap(paint, gate=SteeredGate(["reject", "pass", "reject", "pass"]))
    gated("x", 7)
    gated("x", "soft")
    assert seen == [7, attempt_seed(7, 0, 1), "soft", "soft"]


def test_a_seed_behind_a_star_goes_by_its_name():
    seen = []

    def paint(prompt, *words, seed=None):
        seen.append((prompt, words, seed))
        return pixels_of_seed(seed)

    (report,) = limbfix.wrap(paint, gate=SteeredGate(["reject"])).with_reports("a", "x", "y").reports
    assert seen == [("a", ("x", "y"), attempt.seed) for attempt in report.attempts]
    assert report.record["call"]["arguments"] == {"prompt": "a", "words": ["x", "y"]}


def test_a_default_seed_is_that_of_the_first_attempt():
    seen = []

    def paint(prompt, seed=42):
        seen.append(seed)
        return pixels_of_seed(seed)

    gated = limbfix.wrap(paint, gate=SteeredGate(["reject"]))
    gated("x")
    assert seen == [42, attempt_seed(42, 0, 1)]
    seen.clear()
    gated("x", seed=None)  # any
    gated("x", limbfix={"seed": 7})
    assert seen[0] != 42
    assert seen[1] == attempt_seed(7, 0, 0)


def as_png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        (lambda p: p, np.ndarray),
        (Image.fromarray, Image.Image),
        (as_png, bytes),
        (lambda p: bytearray(as_png(p)), bytes),
    ],
)
def test_the_caller_gets_the_type_that_the_function_returns(form, kind):
    assert isinstance(limbfix.wrap(Painter(form), gate=SteeredGate(["reject"]))("x", 1), kind)


def test_a_path_that_a_later_attempt_wrote_over_holds_the_kept_picture_again(tmp_path):
    target = tmp_path / "out.png"

    def save(prompt, seed):
        target.write_bytes(as_png(pixels_of_seed(seed)))
        return target

    gated = limbfix.wrap(save, gate=SteeredGate(["reject 0.81", "reject 0.99"]), max_attempts=2)
    assert gated("x", 5) == target
    assert target.read_bytes() == as_png(pixels_of_seed(5))
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]


def test_the_prompt_reaches_the_policy_although_the_pixels_do_not_hold_it():
    gate = SteeredGate()
    limbfix.wrap(Painter(), gate=gate)("a mermaid", seed=1)
    limbfix.wrap(Painter(), gate=gate)(prompt="an amputee", seed=1)
    assert gate.prompts == ["a mermaid", "an amputee"]


def test_the_prompt_reaches_the_policy_although_metadata_tell_a_seed_alone():
    def with_a_seed(pixels):
        image = Image.fromarray(pixels)
        image.info["parameters"] = '{"seed": 5}'
        return image

    gate = SteeredGate()
    limbfix.wrap(Painter(with_a_seed), gate=gate)("an amputee", seed=1)
    assert gate.prompts == ["an amputee"]
    assert gate.seen[0].source is not None and gate.seen[0].source.seed == "5"


@pytest.mark.parametrize("form", ["array", "image"])
def test_a_generator_that_draws_into_one_buffer_gets_the_kept_picture_back(form):
    buffer = np.zeros((8, 8, 3), np.uint8)
    image = Image.fromarray(buffer)

    def paint(prompt, seed):
        if form == "array":
            buffer[:] = pixels_of_seed(seed)
            return buffer
        image.paste(Image.fromarray(pixels_of_seed(seed)))
        return image

    gated = limbfix.wrap(paint, gate=SteeredGate(["reject 0.85", "reject 0.95", "reject 0.99"]), max_attempts=3)
    done = gated.with_reports("x", 5)
    (report,) = done.reports
    assert report.kept == 0 and type(done.value) is type(buffer if form == "array" else image)
    assert np.array_equal(np.asarray(done.value), pixels_of_seed(5))
    assert pixels_sha256(np.asarray(done.value)) == report.attempts[0].pixels_sha256
    assert any("drawn over" in note for note in report.notes)


def test_a_picture_that_nobody_drew_over_comes_back_as_the_very_object():
    made = Image.fromarray(pixels_of_seed(1))
    assert limbfix.wrap(lambda prompt, seed: made, gate=SteeredGate())("x", 5) is made


def test_a_seed_in_the_middle_goes_back_to_its_place():
    seen = []

    def paint(prompt, seed, *extras, scale=1):
        seen.append((prompt, seed, extras, scale))
        return pixels_of_seed(seed)

    limbfix.wrap(paint, gate=SteeredGate(["reject"]), max_attempts=2)("x", 7, "more", "still", scale=2)
    assert seen == [("x", 7, ("more", "still"), 2), ("x", attempt_seed(7, 0, 1), ("more", "still"), 2)]


def test_a_list_is_judged_one_by_one_and_only_the_failing_places_change():
    def paint(prompt, seed):
        return [pixels_of_seed(seed + place) for place in range(3)]

    done = limbfix.wrap(paint, gate=SteeredGate(["pass", "reject", "pass", "pass"])).with_reports("x", 100)
    again = attempt_seed(100, 1, 1)
    for value, expected in zip(done.value, (100, again + 1, 102), strict=True):
        assert np.array_equal(value, pixels_of_seed(expected))
    assert [len(report.attempts) for report in done.value.reports] == [1, 2, 1]


def test_a_generator_of_many_is_judged_as_its_pictures_come():
    started = []

    def paint(prompt, seed):
        for place in range(3):
            started.append((seed, place))
            yield pixels_of_seed(seed + place)

    stream = limbfix.wrap(paint, gate=SteeredGate(["pass", "reject", "pass", "pass"]))("x", 100)
    assert np.array_equal(next(stream), pixels_of_seed(100))
    assert started == [(100, 0)]
    again = attempt_seed(100, 1, 1)
    assert np.array_equal(next(stream), pixels_of_seed(again + 1))
    assert np.array_equal(next(stream), pixels_of_seed(102))
    assert next(stream, None) is None
    assert [report.image_index for report in stream.reports] == [0, 1, 2]


def test_pictures_that_come_by_can_be_flagged_but_not_made_again():
    pictures = [pixels_of_seed(1), pixels_of_seed(2)]
    stream = limbfix.wrap(iter(pictures), gate=SteeredGate(["pass", "reject"]), on_fail="flag")
    assert len(list(stream)) == 2
    assert [report.verdict for report in stream.reports] == ["pass", "reject"]
    with pytest.raises(UsageError, match="cannot make a picture again"):
        limbfix.wrap(iter(pictures), gate=SteeredGate())


def test_a_stream_keeps_a_report_of_every_picture_and_the_pixels_of_the_last_one_only():
    stream = limbfix.wrap(iter([pixels_of_seed(seed) for seed in range(1, 5)]), gate=SteeredGate(), on_fail="flag")
    records = []
    for _ in stream:
        assert stream.reports[-1].inspection.picture is not None
        records.append(stream.reports[-1].record)
    assert [report.inspection.picture is None for report in stream.reports] == [True, True, True, False]
    assert [report.record for report in stream.reports] == records


def test_reports_of_a_stream_can_be_cleared_without_losing_count():
    def paint(prompt, seed):
        yield from (pixels_of_seed(seed + place) for place in range(3))

    gated = limbfix.wrap(paint, gate=SteeredGate())
    stream, places = gated("x", 1), []
    for _ in stream:
        assert gated.limbfix.last_reports is stream.reports
        places += [report.image_index for report in stream.reports]
        stream.reports.clear()
    assert places == [0, 1, 2]


def test_a_stream_that_raises_goes_on_with_the_next_place(tmp_path):
    from limbfix.wrapping.replaying import replay

    def paint(prompt, seed):
        yield pixels_of_seed(seed)
        yield None  # no picture, and still the second one
        yield from (pixels_of_seed(seed + place) for place in (2, 3, 4))

    path = tmp_path / "records.jsonl"
    gate = SteeredGate(["reject", "pass", "reject", "pass"])
    stream = limbfix.wrap(paint, gate=gate, on_fail="raise", records=path)("x", seed=1)
    for kind in (limbfix.AnatomyRejected, GeneratorError, None, limbfix.AnatomyRejected, None):
        if kind is None:
            next(stream)
        else:
            with pytest.raises(kind):
                next(stream)
    wanted = [(0, "reject"), (2, "pass"), (3, "reject"), (4, "pass")]
    assert [(report.image_index, report.verdict) for report in stream.reports] == wanted
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(record["image_index"], record["verdict"]) for record in records] == wanted
    assert [[row.is_equal for row in replay(record, paint)] for record in records] == [[True]] * 4


def test_a_coroutine_function_stays_one_and_judging_leaves_the_event_loop_free():
    import threading

    threads = []
    gate = SteeredGate(judge=lambda _: (threads.append(threading.current_thread()), "reject")[1])

    async def paint(prompt, seed):
        await asyncio.sleep(0)
        return pixels_of_seed(seed)

    async def main():
        return await limbfix.wrap(paint, gate=gate, max_attempts=2).with_reports("x", seed=3)

    (report,) = asyncio.run(main()).reports
    assert [attempt.seed for attempt in report.attempts] == [3, attempt_seed(3, 0, 1)]
    assert threading.main_thread() not in threads


def test_an_asynchronous_generator_is_judged_too():
    async def paint(prompt, seed):
        for place in range(2):
            yield pixels_of_seed(seed + place)

    async def main():
        gated = limbfix.wrap(paint, gate=SteeredGate(["pass", "reject", "pass"]))
        return [value async for value in gated("x", seed=10)], gated.limbfix.last_reports

    values, reports = asyncio.run(main())
    assert np.array_equal(values[1], pixels_of_seed(attempt_seed(10, 1, 1) + 1))
    assert [len(report.attempts) for report in reports] == [1, 2]


def test_an_asynchronous_stream_that_raises_has_reported_what_it_rejected():
    async def paint(prompt, seed):
        for place in range(3):
            yield pixels_of_seed(seed + place)

    gated = limbfix.wrap(paint, gate=SteeredGate(["pass", "reject"]), on_fail="raise")

    async def main():
        return [value async for value in gated("x", seed=10)]

    with pytest.raises(limbfix.AnatomyRejected) as caught:
        asyncio.run(main())
    assert [report.image_index for report in caught.value.reports] == [1]
    reports = gated.limbfix.last_reports
    assert [(report.image_index, report.verdict) for report in reports] == [(0, "pass"), (1, "reject")]
    assert [report.inspection.picture is None for report in reports] == [True, False]


def test_an_asynchronous_stream_goes_on_after_what_it_rejected():
    ended = []

    async def paint(prompt, seed):
        try:
            for place in range(9):
                yield pixels_of_seed(seed + place)
        finally:
            ended.append(prompt)

    async def main():
        stream = limbfix.wrap(paint, gate=SteeredGate(["pass", "reject", "pass"]), on_fail="raise")("x", seed=10)
        async with contextlib.aclosing(stream):
            await anext(stream)
            with pytest.raises(limbfix.AnatomyRejected):
                await anext(stream)
            return await anext(stream), stream.reports

    value, reports = asyncio.run(main())
    assert np.array_equal(value, pixels_of_seed(12))
    assert [(report.image_index, report.verdict) for report in reports] == [(0, "pass"), (1, "reject"), (2, "pass")]
    assert ended == ["x"]


def test_an_error_of_the_first_call_is_the_functions_own():
    def paint(prompt, seed):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        limbfix.wrap(paint, gate=SteeredGate())("x", 1)


def test_an_error_of_a_retry_costs_nothing_that_was_made():
    def paint(prompt, seed):
        if seed != 1:
            raise MemoryError("out of memory")
        return pixels_of_seed(seed)

    done = limbfix.wrap(paint, gate=SteeredGate(["reject"]), max_attempts=4).with_reports("x", 1)
    assert np.array_equal(done.value, pixels_of_seed(1))
    assert [attempt.error for attempt in done.reports[0].attempts] == [None, "MemoryError: out of memory"]
    assert done.reports[0].has_failed


def test_ctrl_c_in_a_retry_goes_through_and_what_was_made_can_be_looked_at():
    def paint(prompt, seed):
        if seed != 1:
            raise KeyboardInterrupt
        return pixels_of_seed(seed)

    gated = limbfix.wrap(paint, gate=SteeredGate(["reject"]))
    with pytest.raises(KeyboardInterrupt):
        gated("x", 1)
    (ledger,) = gated.limbfix.last_ledgers
    assert np.array_equal(ledger.picture.pixels, pixels_of_seed(1))


@pytest.mark.parametrize("black_at", [0, 1])
def test_a_black_picture_is_skipped_and_never_tried_again(black_at):
    paint = Painter()
    paint.form = lambda pixels: pixels * 0 if len(paint.seeds) - 1 == black_at else pixels
    gate = SteeredGate(judge=lambda _: "reject")
    (report,) = limbfix.wrap(paint, gate=gate, max_attempts=5).with_reports("x", 1).reports
    assert len(paint.seeds) == black_at + 1
    assert report.attempts[black_at].verdict == "skipped_nsfw"
    assert report.kept == 0
    assert report.verdict == ("skipped_nsfw" if black_at == 0 else "reject")


class FakeRepairer:
    def __init__(self, verdict="pass", is_accepted=True) -> None:
        self.calls, self._verdict, self._is_accepted = [], verdict, is_accepted

    def __call__(self, inspection, *, prompt, seed):
        self.calls.append((inspection.picture.sha256, prompt))
        if self._verdict == "error":
            raise RepairError("nothing to copy from")
        if self._verdict == "bug":
            raise IndexError("nobody foresaw this")
        pixels = inspection.picture.pixels.copy()
        pixels[0, 0] = 255 - pixels[0, 0]
        judged = SteeredGate([self._verdict]).inspect_picture(inspection.picture)
        return Repair(is_accepted=self._is_accepted, pixels=pixels, inspection=judged, record={"plan": []})


def test_a_repair_that_is_accepted_is_kept_with_everything_else_of_the_picture():
    repairer = FakeRepairer()
    paint = Painter(lambda pixels: np.dstack([pixels, np.full((8, 8), 255, np.uint8)]))
    gated = limbfix.wrap(paint, gate=SteeredGate(["reject"]), on_fail="repair", repairer=repairer)
    done = gated.with_reports("x", 1)
    assert done.reports[0].is_repaired
    assert [attempt.kind for attempt in done.reports[0].attempts] == ["render", "repair"]
    assert done.value.shape == (8, 8, 4)
    assert np.count_nonzero((done.value[:, :, :3] != pixels_of_seed(1)).any(axis=2)) == 1
    assert done.reports[0].attempts[1].pixels_sha256 == pixels_sha256(done.value[:, :, :3])


GREEN, GREY = (200, 235, 210), (220, 220, 220)
REPAIRED = (slice(4, 6), slice(2, 6))


def painting_a_square(colour):
    """A repairer that paints a square of one colour and is content."""

    def repair(inspection, *, prompt, seed):
        pixels = inspection.picture.pixels.copy()
        pixels[REPAIRED] = colour
        judged = SteeredGate().inspect_picture(inspection.picture)
        return Repair(is_accepted=True, pixels=pixels, inspection=judged, record={})

    return repair


def with_alpha(alpha: int) -> np.ndarray:
    """uint8 (8, 8, 4): noise that shines through in its upper half, and is opaque below but for two columns of the square."""
    depth = np.full((8, 8, 1), 255, np.uint8)
    depth[:4], depth[REPAIRED[0], 2:4] = alpha, 128
    return np.dstack([pixels_of_seed(1), depth])


def in_palette() -> Image.Image:
    """Mode P with one colour, that of the upper half, half transparent."""
    image = Image.fromarray(np.repeat(np.arange(2, dtype=np.uint8), 32).reshape(8, 8), "P")
    image.putpalette([200, 30, 40, 90, 120, 60])
    image.info["transparency"] = bytes([128, 255])
    return image


def repaired_value(value, colour=GREEN):
    gate = SteeredGate(judge=lambda _: "reject")
    gated = limbfix.wrap(lambda prompt, seed: value, gate=gate, on_fail="repair", repairer=painting_a_square(colour))
    done = gated.with_reports("x", 1)
    assert done.reports[0].is_repaired
    return done.value, list(done.reports[0].notes)


def own_pixels(value, mode: str) -> np.ndarray:
    """The pixels of an image, array or file in a mode of Pillow's, transparency as it is."""
    image = Image.open(io.BytesIO(value)) if isinstance(value, bytes) else value
    return np.asarray(image.convert(mode) if isinstance(image, Image.Image) else image)


@pytest.mark.parametrize(
    ("value", "colour", "mode"),
    [
        (with_alpha(128), GREEN, "RGBA"),
        (with_alpha(0), GREEN, "RGBA"),
        (Image.fromarray(with_alpha(128)), GREEN, "RGBA"),
        (Image.fromarray(with_alpha(0)), GREEN, "RGBA"),
        (Image.fromarray(with_alpha(77)).convert("LA"), GREY, "LA"),
        (Image.fromarray(with_alpha(77)).convert("L"), GREY, "L"),
        (Image.fromarray(pixels_of_seed(1)), GREEN, "RGB"),
        (pixels_of_seed(1)[:, :, 0], GREY, "L"),
        (pixels_of_seed(1)[:, :, :1], GREY, "L"),
        (as_png(with_alpha(77)), GREEN, "RGBA"),
    ],
)
def test_a_repair_leaves_every_other_pixel_its_own_colour_transparency_and_shape(value, colour, mode):
    repaired, notes = repaired_value(value, colour)
    before, after = own_pixels(value, mode), own_pixels(repaired, mode)
    assert (type(repaired), getattr(repaired, "mode", "")) == (type(value), getattr(value, "mode", ""))
    assert after.shape == before.shape
    changed = np.zeros((8, 8), bool)
    changed[REPAIRED] = True
    assert np.array_equal(after[~changed], before[~changed])
    assert mode[-1] != "A" or np.array_equal(after[..., -1], before[..., -1])
    seen = limbfix.images.open_picture(repaired).pixels[REPAIRED]
    assert np.abs(seen.astype(int) - colour).max() <= 2
    assert notes == []


def test_a_palette_that_cannot_hold_a_repair_is_left_with_a_note():
    repaired, notes = repaired_value(in_palette())
    assert (repaired.mode, "transparency" in repaired.info) == ("RGBA", False)
    before, after = np.asarray(in_palette().convert("RGBA")), np.asarray(repaired)
    assert np.array_equal(after[:4], before[:4]) and after[0, 0].tolist() == [200, 30, 40, 128]
    assert after[4, 2].tolist() == [*GREEN, 255]
    assert len(notes) == 1 and "mode P and is RGBA now" in notes[0]


def test_what_transparency_or_grey_cannot_hold_of_a_repair_is_said():
    grey, (note,) = repaired_value(Image.fromarray(pixels_of_seed(1)).convert("L"), (250, 20, 20))
    assert (grey.mode, "stays grey" in note) == ("L", True)
    clear = with_alpha(255)
    clear[..., 3] = 0
    shown, (note,) = repaired_value(clear)
    assert np.array_equal(shown, clear)
    assert "stays transparent" in note and "up to 55 of 255" in note


def test_a_colour_profile_still_fits_the_pixels_that_nobody_repaired():
    image = Image.fromarray(pixels_of_seed(1))
    image.info["icc_profile"] = p3_profile()
    repaired, notes = repaired_value(image)
    assert repaired.info["icc_profile"] == p3_profile()
    assert np.array_equal(np.asarray(repaired)[:4], pixels_of_seed(1)[:4])
    assert np.abs(limbfix.images.open_picture(repaired).pixels[REPAIRED].astype(int) - GREEN).max() <= 2
    assert notes == []


def test_a_repair_of_another_size_is_none():
    def enlarged(inspection, *, prompt, seed):
        pixels = inspection.picture.pixels.repeat(2, axis=0)
        return Repair(is_accepted=True, pixels=pixels, inspection=SteeredGate().inspect_picture(inspection.picture))

    gated = limbfix.wrap(Painter(), gate=SteeredGate(["reject"]), on_fail="repair", repairer=enlarged)
    done = gated.with_reports("x", 1)
    assert np.array_equal(done.value, pixels_of_seed(1))
    assert r"(8, 8, 3), as the picture has, got uint8 (16, 8, 3)" in done.reports[0].attempts[0].repair["error"]


@pytest.mark.parametrize(
    "repairer", [FakeRepairer("error"), FakeRepairer("bug"), FakeRepairer("reject", is_accepted=False)]
)
def test_a_repair_that_fails_leaves_the_original_and_goes_on_with_another_seed(repairer):
    paint = Painter()
    gate = SteeredGate(["reject", "pass"])
    gated = limbfix.wrap(paint, gate=gate, on_fail="repair_then_regenerate", repairer=repairer)
    (report,) = gated.with_reports("x", 1).reports
    assert len(repairer.calls) == 1
    assert len(paint.seeds) == 2
    assert (report.verdict, report.kept) == ("pass", 1)
    assert report.attempts[0].repair is not None


def test_one_call_can_be_repaired_though_the_wrapper_was_made_without_it():
    gated = limbfix.wrap(Painter(), gate=SteeredGate(judge=lambda _: "reject"))
    (report,) = gated.with_reports("x", 1, limbfix={"on_fail": "repair"}).reports
    assert report.attempts[0].repair is not None  # limbfix's own had a look, and found nothing that it could mend
    assert report.has_failed
    repairer = FakeRepairer()
    gated = limbfix.wrap(Painter(), gate=SteeredGate(["reject", "reject", "pass"]), repairer=repairer)
    assert gated.with_reports("x", 1, limbfix={"on_fail": "repair"}).reports[0].is_repaired
    assert not gated.with_reports("x", 1).reports[0].is_repaired
    assert len(repairer.calls) == 1


def test_a_repaired_file_is_a_new_file(tmp_path):
    target = tmp_path / "out.png"

    def save(prompt, seed):
        target.write_bytes(as_png(pixels_of_seed(seed)))
        return str(target)

    gated = limbfix.wrap(save, gate=SteeredGate(["reject", "reject"]), on_fail="repair", repairer=FakeRepairer())
    assert gated("x", 1) == str(tmp_path / "out.repaired.png")
    assert target.read_bytes() == as_png(pixels_of_seed(1))
    assert gated("x", 1) == str(tmp_path / "out.repaired-2.png")


@pytest.mark.parametrize("value", [None, 3, np.zeros((4, 4, 3)), b"<html>", [], "no such file.png", (1, 2)])
def test_what_is_no_picture_is_a_clear_error(value):
    with pytest.raises(GeneratorError, match="expected a PIL image"):
        limbfix.wrap(lambda prompt: value, gate=SteeredGate())("x")


@pytest.mark.parametrize(
    "options",
    [
        {"max_attempts": 0},
        {"max_attempts": True},
        {"max_seconds": 0},
        {"max_seconds": float("nan")},
        {"on_fail": "retry"},
        {"fail_on": "pass"},
        {"seed": 1.5},
        {"early_stop": 0.6},
    ],
)
def test_impossible_options_are_refused_at_once(options):
    with pytest.raises(UsageError, match=next(iter(options))):
        limbfix.wrap(Painter(), gate=SteeredGate(), **options)


@pytest.mark.parametrize("generator", [None, 3, "picture.png", np.zeros((4, 4, 3), np.uint8), Painter])
def test_what_is_no_generator_is_refused(generator):
    with pytest.raises(UsageError, match="expected a diffusers pipeline"):
        limbfix.wrap(generator, gate=SteeredGate())


def test_a_generator_is_not_wrapped_twice_and_a_gate_has_its_policy_already():
    gated = limbfix.wrap(Painter(), gate=SteeredGate())
    with pytest.raises(UsageError, match="wrapped already"):
        limbfix.wrap(gated, gate=SteeredGate())
    with pytest.raises(UsageError, match="either a gate or a policy"):
        limbfix.wrap(Painter(), gate=SteeredGate(), policy=limbfix.Policy())


def test_options_of_one_call_do_not_outlive_it():
    paint = Painter()
    gated = limbfix.wrap(paint, gate=SteeredGate(judge=lambda _: "reject"), max_attempts=2)
    gated("x", 1, limbfix={"max_attempts": 4})
    gated("x", 1)
    assert len(paint.seeds) == 6
    with pytest.raises(UsageError, match="max_attemps"):
        gated("x", 1, limbfix={"max_attemps": 4})


def test_records_are_added_as_plain_json_lines(tmp_path):
    path = tmp_path / "runs" / "records.jsonl"
    gated = limbfix.wrap(Painter(), gate=SteeredGate(["reject", "pass"]), records=path)
    gated("x", 1)
    gated("y", 2)
    first, second = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
    assert first["call"]["arguments"] == {"prompt": "x"}
    assert [attempt["seed"] for attempt in first["attempts"]] == [1, attempt_seed(1, 0, 1)]
    assert first["id"] != second["id"]


def test_a_record_holds_whatever_a_foreign_repairer_tells(tmp_path):
    told = {
        "score": np.float32(0.5),
        "seeds": np.arange(3),
        "is_best": np.True_,
        "worst": float("nan"),
        4: (Path("a"),),
    }

    def repair(inspection, *, prompt, seed):
        judged = SteeredGate().inspect_picture(inspection.picture)
        judged.record["defect_score"] = np.float32(0.25)
        return Repair(is_accepted=True, pixels=255 - inspection.picture.pixels, inspection=judged, record=told)

    path = tmp_path / "records.jsonl"
    gated = limbfix.wrap(Painter(), gate=SteeredGate(["reject"]), on_fail="repair", repairer=repair, records=path)
    done = gated.with_reports("x", 1)
    (line,) = path.read_text(encoding="utf-8").splitlines()
    written = json.loads(line)
    assert written == done.reports[0].record
    assert written["defect_score"] == written["inspection"]["defect_score"] == 0.25
    expected = {"score": 0.5, "seeds": [0, 1, 2], "is_best": True, "worst": None, "4": ["a"]}
    assert written["attempts"][1]["repair"] == expected


def test_seeds_depend_on_base_image_and_attempt_and_nothing_else():
    seeds = {attempt_seed(base, image, attempt) for base in range(5) for image in range(5) for attempt in range(5)}
    assert len(seeds) == 125
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert attempt_seed(7, 0, 1) == 1059372485


def test_capabilities_say_what_can_be_done():
    known = limbfix.capabilities(Painter())
    assert (known.kind, known.has_seeds, known.can_regenerate) == ("function", True, True)
    assert not limbfix.capabilities(lambda prompt: None).has_seeds
    assert not limbfix.capabilities(iter([])).can_regenerate
