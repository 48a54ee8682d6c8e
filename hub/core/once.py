"""How is a question about a frozen value answered once? A property that keeps its answer, without the standard one's lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class once(Generic[T]):  # noqa: N801 - it is read as a word: `@once`
    """Like `functools.cached_property`, for values that one thread looks at: its lock costs more than most answers."""

    def __init__(self, answer: Callable[[Any], T]) -> None:
        self._answer = answer
        self._name = answer.__name__
        self.__doc__ = answer.__doc__

    @overload
    def __get__(self, value: None, owner: type) -> once[T]: ...
    @overload
    def __get__(self, value: object, owner: type) -> T: ...
    def __get__(self, value: object | None, owner: type) -> once[T] | T:
        if value is None:
            return self
        answer = value.__dict__[self._name] = self._answer(value)
        return answer
