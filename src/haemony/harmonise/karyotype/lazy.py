"""Why this exists: values that are worked out once, when they are first asked for.

`functools.cached_property` takes a lock before Python 3.12, which costs more than most of the
values here; this one does not. Two threads may work a value out twice; both get the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

Value = TypeVar("Value")


class Lazy(Generic[Value]):
    """A property that is computed once and then an attribute.

    Example:
        >>> class Cell:
        ...     @lazy
        ...     def number(self) -> int:
        ...         print("counted")
        ...         return 46
        >>> cell = Cell()
        >>> cell.number, cell.number
        counted
        (46, 46)
    """

    def __init__(self, compute: Callable[[Any], Value]) -> None:
        self._compute = compute
        self._name = compute.__name__
        self.__doc__ = compute.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> Lazy[Value]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Value: ...
    def __get__(self, instance: object | None, owner: type) -> Value | Lazy[Value]:
        if instance is None:
            return self
        value = self._compute(instance)
        instance.__dict__[self._name] = value
        return value


lazy = Lazy
"""Used as a decorator, and so named like `property`."""
