from __future__ import annotations

import itertools

import pytest
from cli_runs import write
from fake_gate import MODELS, FakeGate

from limbfix.errors import LimbfixError, ModelMissing
from limbfix.workers import AHEAD_PER_WORKER, JudgingOptions, LocalJudge, Task, WorkerPool

OPTIONS = JudgingOptions(policy="fake@0")


def task(path: object, **more: object) -> Task:
    return Task(**{"path": str(path), "file": str(path), "relative": "x", **more})  # type: ignore[arg-type]


def ignore(_: object) -> None:
    pass


@pytest.fixture
def pool():
    pool = WorkerPool(FakeGate, OPTIONS, jobs=2)
    yield pool
    pool.close()


def test_results_come_in_order_and_are_told_as_they_finish(tmp_path, pool):
    write(tmp_path, a="pass slow", b="reject", c="flag")
    while not all(worker.is_ready for worker in pool._workers):
        list(pool.judge([task(tmp_path / "b.png")], ignore))
    told: list[str] = []
    judged = list(
        pool.judge(
            [task(tmp_path / f"{name}.png") for name in "abc"], lambda judged: told.append(judged.record["verdict"])
        )
    )
    assert [one.record["verdict"] for one in judged] == ["pass", "reject", "flag"]
    assert sorted(told) == ["flag", "pass", "reject"]
    assert told[0] == "reject"
    assert pool.models == MODELS


def test_no_more_is_begun_than_fits_ahead_of_the_slowest(tmp_path, pool):
    write(tmp_path, a="pass slow", b="pass")
    begun = 0

    def endless():
        nonlocal begun
        for begun in itertools.count(1):
            yield task(tmp_path / ("a.png" if begun == 1 else "b.png"))

    next(pool.judge(endless(), ignore))
    assert 1 <= begun <= AHEAD_PER_WORKER * 2


def test_a_worker_that_died_while_idle_costs_no_picture(tmp_path, pool):
    write(tmp_path, a="pass")
    while not all(worker.is_ready for worker in pool._workers):
        list(pool.judge([task(tmp_path / "a.png")], ignore))
    for worker in pool._workers:
        worker.process.kill()
        worker.process.join()
    judged = list(pool.judge([task(tmp_path / "a.png")] * 3, ignore))
    assert [one.record["verdict"] for one in judged] == ["pass"] * 3


def test_a_known_picture_needs_no_worker_and_gets_its_present_name(tmp_path, pool):
    known = ({"path": "old.png", "verdict": "pass"}, [])
    (judged,) = pool.judge([task("new.png", known=known)], ignore)
    assert judged.record == {"path": "new.png", "verdict": "pass"}


def test_a_moved_picture_keeps_its_name_in_the_record(tmp_path):
    write(tmp_path, moved="reject")
    judge = LocalJudge(FakeGate, OPTIONS)
    (judged,) = judge.judge([task("old.png", file=str(tmp_path / "moved.png"))], ignore)
    assert (judged.record["path"], judged.record["verdict"]) == ("old.png", "reject")


def test_judging_here_reads_no_task_before_it_is_asked_for(tmp_path):
    write(tmp_path, a="pass")
    asked = []

    def tasks():
        for number in range(3):
            asked.append(number)
            yield task(tmp_path / "a.png")

    next(LocalJudge(FakeGate, OPTIONS).judge(tasks(), ignore))
    assert asked == [0]


def test_a_gate_that_cannot_be_made_raises_its_own_error(monkeypatch):
    monkeypatch.setenv("LIMBFIX_TEST_NO_MODEL", "1")
    for make in (lambda: LocalJudge(FakeGate, OPTIONS), lambda: WorkerPool(FakeGate, OPTIONS, jobs=1)):
        with pytest.raises(ModelMissing, match="limbfix models pull"):
            make()


def test_a_worker_that_dies_at_start_again_and_again_is_an_error(monkeypatch):
    monkeypatch.setenv("LIMBFIX_TEST_DIES_AT_START", "1")
    with pytest.raises(LimbfixError, match="exit code 7"):
        WorkerPool(FakeGate, OPTIONS, jobs=1)
