"""How is a function of the caller's called with another seed? `f(prompt, seed)` and its relatives."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limbfix.wrapping.options import WrapOptions
from limbfix.wrapping.plain import plain_values
from limbfix.wrapping.seeds import attempt_seed, fresh_seed, mixed_seed

if TYPE_CHECKING:
    from limbfix.wrapping.rounds import Rounds
    from limbfix.wrapping.sessions import GateSession

SEED_NAMES = ("seed", "random_seed", "rng_seed", "noise_seed")
RANDOM = -1
"""What image servers and their users mean by this seed: choose one. Then limbfix does, and records it."""
NO_SEED = (
    "The wrapped function takes no seed, so nobody can make the same pictures again; give it a parameter named `seed`, or "
    "name its own with seed_name=."
)
_NO_SEEDS = frozenset({"fp", "h", "hw", "id", "k", "n", "px", "sz", "w", "wh", "x", "y"})
"""Short names that mean a number of something, a size or a place."""
_MISSING = object()
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def seed_parameter(function: Callable[..., Any]) -> str | None:
    """Returns the name of the parameter that takes the seed, None where there is none.

    One of `SEED_NAMES`; else the second of exactly two required parameters if its name is short, as in `lambda p, s: ...`,
    or speaks of seeds. That is a guess: a call that gives no whole number there has no seed. Any other name may mean
    anything, and a retry would write a number over it.
    """
    parameters = _parameters(function)
    for name in SEED_NAMES:
        if name in parameters and parameters[name].kind is not inspect.Parameter.POSITIONAL_ONLY:
            return name
    required = [one for one in parameters.values() if one.default is one.empty and one.kind in _POSITIONAL]
    if len(required) != 2 or required[1].kind is inspect.Parameter.POSITIONAL_ONLY:
        return None
    name = required[1].name
    is_short = len(name) <= 2 and name.lower() not in _NO_SEEDS
    return name if is_short or "seed" in name.lower() or "rng" in name.lower().split("_") else None


def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """Returns the parameters by name; none where nobody can tell."""
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}


def whole(seed: object) -> int | None:
    """Returns a seed as a whole number, NumPy's included; None for any other."""
    try:
        return None if isinstance(seed, bool) else operator.index(seed)  # pyright: ignore[reportArgumentType]
    except TypeError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionCall:
    """One call of the wrapped function, which can be made again with other seeds.

    Attributes:
        function: the caller's own.
        arguments, keywords: as the caller gave them, without the seed.
        seed_name: parameter of the seed, or None.
        seed_place: where the seed stood among the positional arguments, or None; there it is put again.
        base_seed: of all seeds of this call; None for a function without seeds.
        user_seed: what the caller gave, or None.
        prompt: what is asked for; empty where it is not known.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]
    seed_name: str | None
    base_seed: int | None
    user_seed: Any
    prompt: str
    seed_place: int | None = None

    def __call__(self, seed: Any) -> Any:
        """Calls the function."""
        if self.seed_name is None:
            return self.function(*self.arguments, **self.keywords)
        if self.seed_place is not None:
            before, behind = self.arguments[: self.seed_place], self.arguments[self.seed_place :]
            return self.function(*before, seed, *behind, **self.keywords)
        return self.function(*self.arguments, **{**self.keywords, self.seed_name: seed})

    def first_seed(self, image_index: int = 0) -> Any:
        """Returns the seed of the first attempt: the caller's own, or a derived one."""
        if self.seed_name is None or self.user_seed is not None:
            return self.user_seed
        assert self.base_seed is not None
        return attempt_seed(self.base_seed, image_index, 0)

    def rounds(self, session: GateSession, options: WrapOptions, offset: int = 0) -> Rounds:
        """Returns the loop over this call's pictures, the first of which is number `offset`; see `GateSession.rounds`."""
        return session.rounds(
            options, base_seed=lambda _: self.base_seed, prompt_of=lambda _: self.prompt, offset=offset
        )

    @property
    def first_origin(self) -> str:
        """Where the first seed comes from."""
        return "none" if self.seed_name is None else "derived" if self.user_seed is None else "user"

    @property
    def why_not_reproducible(self) -> str:
        """One sentence, empty where the call can be made again."""
        if self.seed_name is None:
            return NO_SEED
        if whole(self.first_seed()) is None:
            return f"The caller's seed is no whole number but {type(self.user_seed).__name__}, which a record does not hold."
        _, missing = self.record()
        return f"The record cannot hold the arguments {', '.join(missing)}." if missing else ""

    def record(self) -> tuple[dict[str, Any], list[str]]:
        """Returns the call as plain JSON values, and the names of arguments that JSON cannot hold."""
        given = self._by_name()
        plain, missing = plain_values(given | dict(self.keywords))
        missing += [name for name in given if name not in _parameters(self.function) and name not in missing]
        return {"arguments": plain, "seed_name": self.seed_name, "base_seed": self.base_seed}, missing

    def _by_name(self) -> dict[str, Any]:
        """Returns the positional arguments by parameter, those behind a star as one; `argument_0` ... where nobody can tell."""
        given, left = {}, list(self.arguments)
        for one in _parameters(self.function).values():
            if one.kind is inspect.Parameter.VAR_POSITIONAL and left:
                given[one.name], left = tuple(left), []
            elif one.kind in _POSITIONAL and one.name != self.seed_name and left:  # the seed is not among the arguments
                given[one.name] = left.pop(0)
        return given | {f"argument_{place}": value for place, value in enumerate(left, len(given))}


def call_again(function: Callable[..., Any], arguments: Mapping[str, Any], seed_name: str, seed: Any) -> Any:
    """Calls a function with the arguments of a record, each where the function takes it."""
    given, positional = {**arguments, seed_name: seed}, []
    for one in _parameters(function).values():
        if one.name not in given or one.kind not in (*_POSITIONAL, inspect.Parameter.VAR_POSITIONAL):
            break
        value = given.pop(one.name)
        positional += value if one.kind is inspect.Parameter.VAR_POSITIONAL else [value]
    return function(*positional, **given)


def read_call(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    keywords: Mapping[str, Any],
    options: WrapOptions,
    seed_name: str | None,
) -> FunctionCall:
    """Returns the caller's call with the seed taken out; wrong arguments are the function's own to refuse.

    Args:
        function: the caller's own.
        arguments, keywords: as the caller gave them.
        options: of this call.
        seed_name: the parameter of the seed, where the caller said so; None = see `seed_parameter`.
    """
    keywords = dict(keywords)
    name, given, place = _given_seed(function, arguments, keywords, seed_name)
    if given is _MISSING and name is not None and name in _parameters(function) and options.seed is None:
        default = _parameters(function)[name].default  # What the bare function would take.
        given = _MISSING if whole(default) is None else default
    if place is not None:
        arguments = (*arguments[:place], *arguments[place + 1 :])
    elif name is not None:
        keywords.pop(name, None)
    seed = whole(given)
    return FunctionCall(
        function=function,
        arguments=arguments,
        keywords=keywords,
        seed_name=name,
        base_seed=None if name is None else _base_seed(seed, options),
        user_seed=None if given is _MISSING or seed == RANDOM else given,
        prompt=_prompt(arguments, keywords),
        seed_place=place,
    )


def _given_seed(
    function: Callable[..., Any], arguments: tuple[Any, ...], keywords: Mapping[str, Any], seed_name: str | None
) -> tuple[str | None, Any, int | None]:
    """Returns the seed's parameter, or None; what the caller gave, or `_MISSING`; and where, if among the positional arguments."""
    name = seed_parameter(function) if seed_name is None else seed_name
    if name is None:
        return None, _MISSING, None
    # One behind a star, or for keywords only, has no place among them.
    places = [one.name for one in _parameters(function).values() if one.kind in _POSITIONAL]
    place = places.index(name) if name in places and name not in keywords else len(arguments)
    given, place = (arguments[place], place) if place < len(arguments) else (keywords.get(name, _MISSING), None)
    is_guess = seed_name is None and name not in SEED_NAMES
    if is_guess and given is not _MISSING and whole(given) is None:
        return None, _MISSING, None
    return name, given, place


def _base_seed(seed: int | None, options: WrapOptions) -> int:
    own_seed = None if seed is None or seed < 0 else seed
    if options.seed is not None:
        return options.seed if own_seed is None else mixed_seed(options.seed, own_seed)
    return fresh_seed() if own_seed is None else own_seed


def _prompt(arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> str:
    given = keywords.get("prompt", arguments[0] if arguments else "")
    return given if isinstance(given, str) else ""
