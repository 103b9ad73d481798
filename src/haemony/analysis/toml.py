"""Writes the parts of a plan as TOML: what is needed first, and nothing that is usual."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from typing import TYPE_CHECKING

from haemony.analysis.cohorts import Condition, Criterion, OneOf, Within

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def table(heading: str, part: DataclassInstance) -> str:
    """A part of a plan under its heading.

    >>> print(table("[[cohort]]", Criterion("adults", "age", Within(18.0, float("inf")))))
    [[cohort]]
    label = "adults"
    element = "age"
    at_least = 18
    """
    if isinstance(part, Criterion):
        return "\n".join([heading, *_criterion(part)])
    lines, nested = [heading], []
    for one in sorted(fields(part), key=_may_be_left_out):
        value = getattr(part, one.name)
        if one.name == "key" or value == _default(one):
            continue
        if _is_criteria(value):
            inner = f"{heading.removesuffix(']]')}.{one.name}]]"
            nested += [table(inner, criterion) for criterion in value]
        else:
            lines.append(line(one.name, value))
    return "\n\n".join(["\n".join(lines), *nested])


def line(name: str, value: object) -> str:
    """One key and its value.

    >>> line("cuts", {"age": (40.0, 60.5)})
    'cuts = { age = [40, 60.5] }'
    """
    return f"{name} = {_value(value)}"


def _criterion(criterion: Criterion) -> Iterator[str]:
    yield line("label", criterion.label)
    yield line("element", criterion.element)
    yield from _condition(criterion.condition)


def _condition(condition: Condition) -> Iterator[str]:
    if isinstance(condition, OneOf):
        one = len(condition.values) == 1
        yield line("equals", condition.values[0]) if one else line("one_of", condition.values)
    elif isinstance(condition, Within):
        if condition.low != float("-inf"):
            yield line("at_least", condition.low)
        if condition.high != float("inf"):
            yield line("at_most", condition.high)
    else:
        yield "known = true"


def _is_criteria(value: object) -> bool:
    return isinstance(value, tuple) and bool(value) and isinstance(value[0], Criterion)


def _may_be_left_out(one: Field[object]) -> bool:
    return one.default is not MISSING or one.default_factory is not MISSING


def _default(one: Field[object]) -> object:
    if one.default_factory is not MISSING:
        return one.default_factory()
    return one.default


def _value(value: object) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int | float):
        return str(int(value)) if value == int(value) else repr(value)
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_name(str(k))} = {_value(v)}" for k, v in value.items())
        return f"{{ {inside} }}"
    if isinstance(value, Sequence):
        return f"[{', '.join(map(_value, value))}]"
    raise TypeError(value)


def _text(value: str) -> str:
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _name(key: str) -> str:
    plain = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if plain else _text(key)
