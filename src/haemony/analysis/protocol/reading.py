"""Reads `study.toml` into a plan; a refusal names the key, the cause and the next step."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from haemony.analysis.blocks import LateEntry, MissingData, Pooling
from haemony.analysis.causal import TARGETS
from haemony.analysis.cohorts import Condition, Criterion, Known, OneOf, Within
from haemony.analysis.describe import Comparison
from haemony.analysis.keys import BadProtocol, Keys
from haemony.analysis.protocol.plan import BLOCKS, HEAD, Protocol, TimeUnit
from haemony.analysis.protocol.uses import COURSES
from haemony.model.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class NoProtocol(UsageError):
    """There is no protocol to read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"{path} is no protocol file; `haemony study new DIR` writes one to start from"
        )


def load(path: Path | str) -> Protocol:
    """Read a protocol file.

    Args:
        path: A ``study.toml``, or the folder that holds one.

    Raises:
        NoProtocol: When there is no such file.
        BadProtocol: When a key is unknown, missing or not what it should be.
    """
    file = file_of(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise NoProtocol(file) from None
    except UnicodeDecodeError:
        raise BadProtocol("the file", "is not UTF-8 text", "save it as UTF-8") from None
    return parse(text)


def file_of(path: Path | str) -> Path:
    """The protocol file of a path: itself, or the one in the folder."""
    file = Path(path)
    return file / "study.toml" if file.is_dir() else file


def parse(text: str) -> Protocol:
    r"""Read the text of a protocol.

    Raises:
        BadProtocol: When it is not a protocol; the message names the key.

    Example:
        >>> protocol = parse('title = "Age"\nquestion = "How old are they?"\nseed = 1')
        >>> protocol.title, protocol.minimum_cell, protocol.release
        ('Age', 5, None)
    """
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadProtocol("the file", f"is not TOML ({error})", "mend that line") from None
    keys = Keys("", given)
    asked: dict[str, Any] = {
        "title": keys.text("title"),
        "question": keys.text("question"),
        "release": _release(keys),
        "seed": keys.whole("seed", None, least=0),
        "minimum_cell": keys.whole("minimum_cell", 5, least=1),
        "time_unit": TimeUnit(keys.choice("time_unit", "years", [u.value for u in TimeUnit])),
        "missing": MissingData(
            keys.choice("missing", "complete cases", [m.value for m in MissingData])
        ),
        "late_entry": LateEntry(keys.choice("late_entry", "model", [e.value for e in LateEntry])),
        "published": keys.day("published"),
        "pooling": _read(Pooling, keys.table("pooling")),
        "criteria": tuple(_criterion(table) for table in keys.tables("cohort")),
        **{
            attribute: tuple(_read(kind, table) for table in keys.tables(kind.TABLE))
            for attribute, kind in BLOCKS.items()
        },
    }
    blocks = [f"[[{name}]]" for name in ("cohort", *(kind.TABLE for kind in BLOCKS.values()))]
    keys.nothing_else([*(name for name, _ in HEAD), "[pooling]", *blocks])
    return Protocol(**asked, text=text)


def _release(keys: Keys) -> int | None:
    if keys.peek("release") in (None, "latest"):
        keys.take("release", "latest")
        return None
    return keys.whole("release", None, least=1)


def _criterion(keys: Keys) -> Criterion:
    label, element = keys.text("label"), keys.text("element")
    condition = _condition(keys)
    keys.nothing_else(("label", "element", *_CONDITIONS))
    return Criterion(label, element, condition)


_CONDITIONS = ("equals", "one_of", "at_least", "at_most", "known")


def _condition(keys: Keys) -> Condition:
    stated = [k for k in _CONDITIONS if keys.has(k)]
    if stated == ["equals"]:
        return OneOf((keys.scalar("equals"),))
    if stated == ["one_of"]:
        return OneOf(keys.scalars("one_of"))
    if stated == ["known"] and keys.take("known", None) is True:
        return Known()
    if stated and set(stated) <= {"at_least", "at_most"}:
        return Within(keys.number("at_least", float("-inf")), keys.number("at_most", float("inf")))
    raise BadProtocol(
        keys.path,
        f"states {' and '.join(stated) or 'no condition'}",
        "give one of `equals`, `one_of`, `known = true`, or `at_least` and/or `at_most`",
    )


_R = TypeVar("_R", bound="DataclassInstance")
_Reader = Callable[[Keys, str, Any], object]


def _optional(kind: type[StrEnum]) -> _Reader:
    """Read a choice that need not be made."""

    def read(keys: Keys, name: str, default: object) -> object:
        return kind(keys.choice(name, "", list(kind))) if keys.has(name) else default

    return read


_READERS: Mapping[str, _Reader] = {
    **dict.fromkeys(("title", "endpoint", "exposure", "effect", "name"), Keys.text),
    **dict.fromkeys(("population", "formula", "adjust"), Keys.text),
    **dict.fromkeys(("by", "strata", "within", "of", "elements"), Keys.texts),
    **dict.fromkeys(("origins", "definitions", "models", "logarithms", "ordered"), Keys.texts),
    **dict.fromkeys(("until", "day", "horizon", "carriers", "imputations"), Keys.number),
    **dict.fromkeys(("splits", "share", "pairs"), Keys.number),
    **dict.fromkeys(("leave_out", "given", "treated"), Keys.text),
    "estimand": lambda keys, name, default: keys.choice(name, default, list(TARGETS)),
    "groups": lambda keys, name, _default: keys.lists(name),
    **dict.fromkeys(("at", "truncate"), Keys.numbers),
    "cuts": lambda keys, name, _default: keys.limits(name),
    "labels": lambda keys, name, _default: keys.pairs(name),
    "endpoints": lambda keys, name, _default: keys.pairs(name),
    "criteria": lambda keys, name, _default: tuple(map(_criterion, keys.tables(name))),
    "counts_if": lambda keys, name, _default: tuple(map(_criterion, keys.tables(name))),
    "missing": _optional(MissingData),
    "late_entry": _optional(LateEntry),
    "compare": _optional(Comparison),
    "course": lambda keys, name, default: keys.choice(name, default, list(COURSES)),
}
"""How each key of a block is read."""

_OTHER: Mapping[tuple[str, str], _Reader] = {
    ("baseline", "by"): Keys.text,
    ("baseline", "cuts"): Keys.numbers,
    ("weighted", "by"): Keys.text,
    ("cox", "formula"): lambda keys, _name, _default: _terms(keys),
}
"""The keys that one kind of block reads in a way of its own."""


def _read(kind: type[_R], keys: Keys) -> _R:
    """Read one block of a kind."""
    table = getattr(kind, "TABLE", "")
    given: dict[str, Any] = {}
    names = []
    for one in fields(kind):
        if one.name == "key":
            continue
        names.append(one.name)
        default = None if one.default is MISSING else one.default
        reader = _OTHER.get((table, one.name), _READERS[one.name])
        given[one.name] = reader(keys, one.name, default)
    keys.nothing_else([*names, *(["elements"] if table == "cox" else [])])
    return kind(**given)


def _terms(keys: Keys) -> str:
    """The covariates of a Cox model: a formula, or plain elements."""
    if keys.has("formula") == keys.has("elements"):
        raise BadProtocol(
            keys.path,
            "needs either `formula` or `elements`, and not both",
            'write for example formula = "I(age_at_diagnosis / 10) + sex + NPM1"',
        )
    return keys.text("formula") if keys.has("formula") else " + ".join(keys.texts("elements"))
