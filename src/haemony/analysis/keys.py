"""One table of `study.toml`, read key by key; each refusal says where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import isfinite
from typing import Any

from haemony.model.errors import UsageError, meant


class BadProtocol(UsageError):
    """A protocol says something that no study can do."""

    def __init__(self, key: str, reason: str, remedy: str) -> None:
        self.key, self.reason, self.remedy = key, reason, remedy
        super().__init__(f"study.toml, {key}: {reason}; {remedy}")


@dataclass
class Keys:
    """One table of the file, read key by key; each refusal says where it stands."""

    path: str
    given: dict[str, Any]

    def __post_init__(self) -> None:
        self.left = dict(self.given)

    @property
    def names(self) -> tuple[str, ...]:
        """Its keys."""
        return tuple(self.given)

    def at(self, key: str) -> str:
        """Where a key stands in the file."""
        return f"{self.path}.{key}" if self.path else key

    def has(self, key: str) -> bool:
        """Whether a key is given."""
        return key in self.given

    def peek(self, key: str) -> object:
        """A value that is looked at and not yet taken."""
        return self.given.get(key)

    def take(self, key: str, default: object) -> object:
        """A value, taken; refused when it is missing and has no default."""
        self.left.pop(key, None)
        found = self.given.get(key, default)
        if found is None:
            raise BadProtocol(self.at(key), "is missing", f"add `{key} = …`")
        return found

    def wrong(self, key: str, expected: str) -> BadProtocol:
        """The refusal of a value."""
        return BadProtocol(self.at(key), f"is not {expected}", f"give {expected}")

    def text(self, key: str, default: str | None = None) -> str:
        """A text."""
        found = self.take(key, default)
        if not isinstance(found, str) or (default is None and not found.strip()):
            raise self.wrong(key, 'a text in quotes, such as "os"')
        return found.strip()

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of texts; one text is a list of one."""
        found = self.take(key, default)
        found = [found] if isinstance(found, str) else found
        if not isinstance(found, list | tuple) or not all(isinstance(v, str) for v in found):
            raise self.wrong(key, 'a list of texts, such as ["sex", "NPM1"]')
        if default is None and not found:
            raise self.wrong(key, "a list with at least one name")
        return tuple(found)

    def scalar(self, key: str) -> str | float:
        """A text or a number."""
        return self._scalar(key, self.take(key, None))

    def scalars(self, key: str) -> tuple[str | float, ...]:
        """A list of texts or numbers."""
        found = self.take(key, None)
        if not isinstance(found, list) or not found:
            raise self.wrong(key, "a list with at least one value")
        return tuple(self._scalar(key, value) for value in found)

    def _scalar(self, key: str, value: object) -> str | float:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.wrong(key, "a text or a number")
        if isinstance(value, float) and not isfinite(value):
            raise self.wrong(key, "a finite number")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """A number."""
        found = self.take(key, default)
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise self.wrong(key, "a number")
        if self.has(key) and not isfinite(found):
            raise self.wrong(key, "a finite number")
        return float(found)

    def numbers(self, key: str, default: tuple[float, ...]) -> tuple[float, ...]:
        """A list of rising numbers."""
        found = self.take(key, default)
        given = found if isinstance(found, list | tuple) else [None]
        rising = [
            float(value)
            for value in given
            if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
        ]
        if len(rising) != len(given) or rising != sorted(set(rising)):
            raise self.wrong(key, "a list of rising numbers, such as [1, 3, 5]")
        return tuple(rising)

    def whole(self, key: str, default: int | None, *, least: int) -> int:
        """A whole number from a least one on."""
        found = self.take(key, default)
        if isinstance(found, bool) or not isinstance(found, int) or found < least:
            raise self.wrong(key, f"a whole number from {least} on")
        return found

    def choice(self, key: str, default: str, choices: list[str]) -> str:
        """One of several texts."""
        found = self.text(key, default)
        if found not in choices:
            raise BadProtocol(
                self.at(key),
                f"is {found!r}",
                f"{meant(found, choices)}give one of {', '.join(choices)}",
            )
        return found

    def truth(self, key: str, default: bool) -> bool:
        """True or false."""
        found = self.take(key, default)
        if not isinstance(found, bool):
            raise self.wrong(key, "true or false")
        return found

    def day(self, key: str) -> str:
        """A calendar day, as text; empty when none is given."""
        found = self.take(key, "")
        if isinstance(found, datetime) or not (found == "" or isinstance(found, date)):
            raise self.wrong(key, "a day without quotes, such as 2026-01-31")
        return found.isoformat() if isinstance(found, date) else ""

    def pairs(self, key: str) -> dict[str, str]:
        """A table of texts by name."""
        table = self.table(key)
        return {name: table.text(name) for name in table.names}

    def lists(self, key: str) -> dict[str, tuple[str, ...]]:
        """A table of lists of texts by name; one is needed."""
        self.take(key, None)
        table = self.table(key)
        if not table.names:
            raise self.wrong(key, 'a table of lists, such as { genes = ["NPM1", "TP53"] }')
        return {name: table.texts(name) for name in table.names}

    def limits(self, key: str) -> dict[str, tuple[float, ...]]:
        """A table of rising numbers by name."""
        table = self.table(key)
        return {name: table.numbers(name, ()) for name in table.names}

    def table(self, key: str) -> Keys:
        """A table within this one."""
        found = self.take(key, {})
        if not isinstance(found, dict):
            raise self.wrong(key, "a table, such as { wbc = [30] }")
        return Keys(self.at(key), found)

    def tables(self, key: str) -> Iterator[Keys]:
        """The blocks of a name, in their order."""
        found = self.take(key, [])
        if not isinstance(found, list) or not all(isinstance(table, dict) for table in found):
            raise BadProtocol(
                self.at(key), "is no list of blocks", f"write [[{key}]] above each of them"
            )
        for position, table in enumerate(found, 1):
            yield Keys(f"{self.at(key)}[{position}]", table)

    def nothing_else(self, known: Sequence[str]) -> None:
        """Refuse a key that nobody asked for."""
        for key in self.left:
            raise BadProtocol(
                self.at(key),
                "is no key of a protocol",
                f"{meant(key, known)}here you can write {', '.join(known)}",
            )
