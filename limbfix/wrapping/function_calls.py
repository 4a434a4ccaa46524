"""How is a function of the caller's called with another seed? `f(prompt, seed)` and its relatives."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from limbfix.wrapping.options import WrapOptions
from limbfix.wrapping.plain import plain_values
from limbfix.wrapping.seeds import attempt_seed, fresh_seed, mixed_seed

SEED_NAMES = ("seed", "random_seed", "rng_seed", "noise_seed")
RANDOM = -1
"""What image servers and their users mean by this seed: choose one. Then limbfix does, and records it."""
NO_SEED = (
    "The wrapped function takes no seed, so nobody can make the same pictures again; give it a parameter named `seed`."
)


def seed_parameter(function: Callable[..., Any]) -> str | None:
    """Returns the name of the parameter that takes the seed, None where there is none.

    One of `SEED_NAMES`; else the second of exactly two required parameters, as in `lambda p, s: ...`.
    """
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return None
    for name in SEED_NAMES:
        if name in parameters and parameters[name].kind is not inspect.Parameter.POSITIONAL_ONLY:
            return name
    required = [
        one.name
        for one in parameters.values()
        if one.default is one.empty and one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    ]
    return required[1] if len(required) == 2 else None


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
        names = self._positional_names()
        given = dict(zip(names, self.arguments, strict=False)) | dict(self.keywords)
        plain, missing = plain_values(given)
        return {"arguments": plain, "seed_name": self.seed_name, "base_seed": self.base_seed}, missing

    def _positional_names(self) -> list[str]:
        try:
            parameters = inspect.signature(self.function).parameters.values()
        except (TypeError, ValueError):
            parameters = ()
        names = [one.name for one in parameters if one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
        names = [name for name in names if name != self.seed_name]  # the seed is not among the arguments
        return names + [f"argument_{place}" for place in range(len(names), len(self.arguments))]


def read_call(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    keywords: Mapping[str, Any],
    options: WrapOptions,
    seed_name: str | None,
) -> FunctionCall:
    """Returns the caller's call with the seed taken out; wrong arguments are the function's own to refuse."""
    keywords = dict(keywords)
    user_seed = keywords.pop(seed_name, None) if seed_name is not None else None
    place = _place_of_seed(function, arguments, seed_name) if seed_name is not None and user_seed is None else None
    if place is not None:
        user_seed = arguments[place]
        arguments = (*arguments[:place], *arguments[place + 1 :])
    seed = whole(user_seed)
    if seed == RANDOM:
        user_seed = None
    own_seed = None if seed is None or seed < 0 else seed
    base_seed = options.seed
    if base_seed is None:
        base_seed = fresh_seed() if own_seed is None else own_seed
    elif own_seed is not None:
        base_seed = mixed_seed(base_seed, own_seed)
    return FunctionCall(
        function=function,
        arguments=arguments,
        keywords=keywords,
        seed_name=seed_name,
        base_seed=None if seed_name is None else base_seed,
        user_seed=user_seed,
        prompt=_prompt(arguments, keywords),
        seed_place=place,
    )


def _place_of_seed(function: Callable[..., Any], arguments: tuple[Any, ...], seed_name: str) -> int | None:
    """Returns where a seed stands among the positional arguments, None where it does not."""
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return None
    place = names.index(seed_name) if seed_name in names else len(arguments)
    return place if place < len(arguments) else None


def _prompt(arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> str:
    given = keywords.get("prompt", arguments[0] if arguments else "")
    return given if isinstance(given, str) else ""
