"""Errors reach the caller whole, from another process too."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from limbfix import errors
from limbfix.errors import AnatomyRejected, LimbfixError, RequestRefused

WORDS = "expected a hand, got a foot; look again"


def kinds(base: type[LimbfixError] = LimbfixError) -> list[type[LimbfixError]]:
    """Every class of the tree."""
    return [base, *(kind for child in base.__subclasses__() for kind in kinds(child))]


def made(kind: type[LimbfixError]) -> LimbfixError:
    if issubclass(kind, AnatomyRejected):
        return kind(WORDS, ("a report",), [b"a picture"])
    if issubclass(kind, RequestRefused):
        more: dict[str, Any] = {"expected": "a hand", "actual": "a foot", "remedy": "look again"}
        return kind("no-hand", status=422, headers={"Retry-After": "3"}, **more)
    return kind(WORDS)


def test_the_tree_that_is_told_is_the_tree_that_is():
    told = (errors.__doc__ or "").partition("\n\n")[2]
    assert {line.split()[0] for line in told.splitlines()} == {kind.__name__ for kind in kinds()}


@pytest.mark.parametrize("again", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy], ids=["pickle", "copy"])
@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_every_error_crosses_to_another_process_with_what_it_carries(kind, again):
    error = made(kind)
    error.add_note("picture: a.png")
    back = again(error)
    assert (type(back), str(back), back.args) == (kind, WORDS, (WORDS,))
    assert vars(back) == vars(error)
