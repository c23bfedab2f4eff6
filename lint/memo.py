"""Answers that are remembered, to short questions alone: nobody shall fill a server's memory by asking."""

from collections.abc import Callable
from functools import lru_cache, update_wrapper
from typing import Any, TypeVar, cast

_LONGEST = 256
"""Characters of a text. Whatever manifests repeat is shorter."""

F = TypeVar("F", bound=Callable[..., Any])


def remembered(most: int) -> Callable[[F], F]:
    """Have a function remember its last answers, as `lru_cache` does; its arguments are given by place."""

    def decorate(function: F) -> F:
        known = lru_cache(most, typed=True)(function)

        def answer(*questions: Any) -> Any:
            for one in questions:
                if one.__class__ is str and len(one) > _LONGEST:
                    return function(*questions)
            return known(*questions)

        return cast("F", update_wrapper(answer, function))

    return decorate
