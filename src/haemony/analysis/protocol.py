"""The protocol of a study: one question, written down in `study.toml` before the data are seen.

The file is read once, here, into frozen values; whatever is wrong with it is refused with the key,
the cause and the next step. Names of elements are checked against a release by `haemony.study`.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from haemony.analysis.cohorts import Condition, Criterion, Known, OneOf, Within
from haemony.analysis.describe import Comparison
from haemony.analysis.survival import BadFormula
from haemony.analysis.survival.formula import read as read_formula
from haemony.model.errors import UsageError


class BadProtocol(UsageError):
    """A protocol says something that no study can do."""

    def __init__(self, key: str, reason: str, remedy: str) -> None:
        self.key, self.reason, self.remedy = key, reason, remedy
        super().__init__(f"study.toml, {key}: {reason}; {remedy}")


class NoProtocol(UsageError):
    """There is no protocol to read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"{path} is no protocol file; `haemony study new DIR` writes one to start from"
        )


class TimeUnit(StrEnum):
    """The unit in which a report shows time; estimates are made in days."""

    YEARS = "years"
    MONTHS = "months"
    DAYS = "days"

    @property
    def days(self) -> float:
        """Days in one of these (a year has 365.25, a month a twelfth of it)."""
        return {"years": 365.25, "months": 365.25 / 12, "days": 1.0}[self.value]


@dataclass(frozen=True, slots=True)
class Baseline:
    """One baseline table.

    Attributes:
        key: where it stands in the file, for messages.
        title: its heading.
        elements: the rows.
        by: the element whose groups are the columns, or empty.
        cuts: where a numeric `by` is cut; at its median unless given.
        compare: what is added about differences between the groups.
    """

    key: str
    title: str
    elements: tuple[str, ...]
    by: str
    cuts: tuple[float, ...]
    compare: Comparison


@dataclass(frozen=True, slots=True)
class SurvivalBlock:
    """Kaplan–Meier curves of groups, with a log-rank test.

    Attributes:
        key: where it stands in the file, for messages.
        title: its heading.
        endpoint: an endpoint of the disease, such as "os".
        by: the elements whose combinations are the groups; none for everybody together.
        cuts: where a numeric element of `by` is cut; at its median unless given.
        strata: elements within whose groups alone the log-rank test compares.
        at: when survival is printed, in the time unit of the report.
        until: where the time axis ends, in that unit; 0 for the data to decide.
    """

    key: str
    title: str
    endpoint: str
    by: tuple[str, ...]
    cuts: Mapping[str, tuple[float, ...]]
    strata: tuple[str, ...]
    at: tuple[float, ...]
    until: float


@dataclass(frozen=True, slots=True)
class CoxBlock:
    """A Cox model with its diagnostics.

    Attributes:
        key: where it stands in the file, for messages.
        title: its heading.
        endpoint: an endpoint of the disease, such as "os".
        terms: the right side of the formula, without strata.
        strata: elements with a baseline hazard per group.
        labels: words of the author's own for coefficients, by name.
    """

    key: str
    title: str
    endpoint: str
    terms: str
    strata: tuple[str, ...]
    labels: Mapping[str, str]

    @property
    def formula(self) -> str:
        """The whole formula.

        >>> CoxBlock("cox[1]", "", "os", "NPM1", ("study",), {}).formula
        'Surv(os_days, os_event) ~ NPM1 + strata(study)'
        """
        strata = "".join(f" + strata({name})" for name in self.strata)
        return f"Surv({self.endpoint}_days, {self.endpoint}_event) ~ {self.terms}{strata}"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the formula needs, endpoint first."""
        return read_formula(self.formula).columns


@dataclass(frozen=True, slots=True)
class Protocol:
    """A whole study, before it is run.

    Attributes:
        title: what the study is called.
        question: what it asks, in plain words.
        release: the number of the release it uses, or None for the latest.
        seed: where random draws start; recorded even where nothing is drawn.
        minimum_cell: counts from 1 to one less than this are not written out; 1 hides nothing.
        time_unit: the unit of time axes.
        criteria: who belongs to the cohort, in the order of application.
        baselines: the baseline tables.
        survival: the Kaplan–Meier blocks.
        models: the Cox blocks.
        text: the file as it was read.
    """

    title: str
    question: str
    release: int | None
    seed: int
    minimum_cell: int
    time_unit: TimeUnit
    criteria: tuple[Criterion, ...]
    baselines: tuple[Baseline, ...]
    survival: tuple[SurvivalBlock, ...]
    models: tuple[CoxBlock, ...]
    text: str

    @property
    def sha256(self) -> str:
        """Hash of the file: the identity of the protocol."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The endpoints that are analysed, in order of mention."""
        return tuple(dict.fromkeys(name for _, name in self.asked))

    @property
    def asked(self) -> tuple[tuple[str, str], ...]:
        """Every use of an endpoint: (key in the file, name)."""
        return (
            *((f"{block.key}.endpoint", block.endpoint) for block in self.survival),
            *((f"{block.key}.endpoint", block.endpoint) for block in self.models),
        )

    @property
    def uses(self) -> tuple[tuple[str, str], ...]:
        """Every use of an element or endpoint column: (key in the file, name)."""
        return tuple(
            (key, name)
            for key, names in (
                *((f"cohort[{i}].element", (c.element,)) for i, c in enumerate(self.criteria, 1)),
                *((f"{b.key}.elements", b.elements) for b in self.baselines),
                *((f"{b.key}.by", (b.by,) if b.by else ()) for b in self.baselines),
                *((f"{b.key}.by", b.by) for b in self.survival),
                *((f"{b.key}.strata", b.strata) for b in self.survival),
                *((f"{b.key}.strata", b.strata) for b in self.models),
                *((f"{b.key}.formula", b.columns) for b in self.models),
            )
            for name in names
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the study needs of a release, each once."""
        ends = [f"{name}_{part}" for name in self.endpoints for part in ("days", "event")]
        return tuple(dict.fromkeys([*ends, *(name for _, name in self.uses)]))


def load(path: Path | str) -> Protocol:
    """Read a protocol file.

    Args:
        path: A ``study.toml``, or the folder that holds one.

    Raises:
        NoProtocol: When there is no such file.
        BadProtocol: When a key is unknown, missing or not what it should be.
    """
    file = Path(path)
    file = file / "study.toml" if file.is_dir() else file
    try:
        text = file.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError):
        raise NoProtocol(file) from None
    except UnicodeDecodeError:
        raise BadProtocol("the file", "is not UTF-8 text", "save it as UTF-8") from None
    return parse(text)


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
    keys = _Keys("", given)
    protocol = Protocol(
        title=keys.text("title"),
        question=keys.text("question"),
        release=_release(keys),
        seed=keys.whole("seed", None, least=0),
        minimum_cell=keys.whole("minimum_cell", 5, least=1),
        time_unit=TimeUnit(keys.choice("time_unit", "years", [u.value for u in TimeUnit])),
        criteria=tuple(_criterion(table) for table in keys.tables("cohort")),
        baselines=tuple(_baseline(table) for table in keys.tables("baseline")),
        survival=tuple(_survival(table) for table in keys.tables("kaplan_meier")),
        models=tuple(_cox(table) for table in keys.tables("cox")),
        text=text,
    )
    keys.nothing_else()
    return protocol


def _release(keys: _Keys) -> int | None:
    if keys.peek("release") in (None, "latest"):
        keys.take("release", "latest")
        return None
    return keys.whole("release", None, least=1)


def _criterion(keys: _Keys) -> Criterion:
    label, element = keys.text("label"), keys.text("element")
    condition = _condition(keys)
    keys.nothing_else()
    return Criterion(label, element, condition)


def _condition(keys: _Keys) -> Condition:
    stated = [k for k in ("equals", "one_of", "at_least", "at_most", "known") if keys.has(k)]
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


def _baseline(keys: _Keys) -> Baseline:
    found = Baseline(
        key=keys.path,
        title=keys.text("title", "Patients at baseline"),
        elements=keys.texts("elements"),
        by=keys.text("by", ""),
        cuts=keys.numbers("cuts", ()),
        compare=Comparison(keys.choice("compare", "none", [c.value for c in Comparison])),
    )
    keys.nothing_else()
    return found


def _survival(keys: _Keys) -> SurvivalBlock:
    cuts = keys.table("cuts")
    found = SurvivalBlock(
        key=keys.path,
        title=keys.text("title"),
        endpoint=keys.text("endpoint"),
        by=keys.texts("by", ()),
        cuts={name: cuts.numbers(name, ()) for name in cuts.names},
        strata=keys.texts("strata", ()),
        at=keys.numbers("at", (1.0, 3.0, 5.0)),
        until=keys.number("until", 0.0),
    )
    keys.nothing_else()
    return found


def _cox(keys: _Keys) -> CoxBlock:
    labels = keys.table("labels")
    if keys.has("formula") == keys.has("elements"):
        raise BadProtocol(
            keys.path,
            "needs either `formula` or `elements`, and not both",
            'write for example formula = "I(age_at_diagnosis / 10) + sex + NPM1"',
        )
    terms = keys.text("formula") if keys.has("formula") else " + ".join(keys.texts("elements"))
    found = CoxBlock(
        key=keys.path,
        title=keys.text("title"),
        endpoint=keys.text("endpoint"),
        terms=terms,
        strata=keys.texts("strata", ()),
        labels={name: labels.text(name) for name in labels.names},
    )
    keys.nothing_else()
    _check_formula(found)
    return found


def _check_formula(block: CoxBlock) -> None:
    if "~" in block.terms:
        raise BadProtocol(
            f"{block.key}.formula",
            "holds a `~`",
            "write the right side alone; `endpoint` is the left one",
        )
    try:
        read_formula(block.formula)
    except BadFormula as error:
        raise BadProtocol(f"{block.key}.formula", error.reason, "mend the formula") from error


@dataclass
class _Keys:
    """One table of the file, read key by key; each refusal says where it stands."""

    path: str
    given: dict[str, Any]

    def __post_init__(self) -> None:
        self.left = dict(self.given)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.given)

    def at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def has(self, key: str) -> bool:
        return key in self.given

    def peek(self, key: str) -> object:
        return self.given.get(key)

    def take(self, key: str, default: object) -> object:
        self.left.pop(key, None)
        found = self.given.get(key, default)
        if found is None:
            raise BadProtocol(self.at(key), "is missing", f"add `{key} = …`")
        return found

    def wrong(self, key: str, expected: str) -> BadProtocol:
        return BadProtocol(self.at(key), f"is not {expected}", f"give {expected}")

    def text(self, key: str, default: str | None = None) -> str:
        found = self.take(key, default)
        if not isinstance(found, str) or (default is None and not found.strip()):
            raise self.wrong(key, 'a text in quotes, such as "os"')
        return found.strip()

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        found = self.take(key, default)
        found = [found] if isinstance(found, str) else found
        if not isinstance(found, list | tuple) or not all(isinstance(v, str) for v in found):
            raise self.wrong(key, 'a list of texts, such as ["sex", "NPM1"]')
        if default is None and not found:
            raise self.wrong(key, "a list with at least one name")
        return tuple(found)

    def scalar(self, key: str) -> str | float:
        return self._scalar(key, self.take(key, None))

    def scalars(self, key: str) -> tuple[str | float, ...]:
        found = self.take(key, None)
        if not isinstance(found, list) or not found:
            raise self.wrong(key, "a list with at least one value")
        return tuple(self._scalar(key, value) for value in found)

    def _scalar(self, key: str, value: object) -> str | float:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.wrong(key, "a text or a number")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        found = self.take(key, default)
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise self.wrong(key, "a number")
        return float(found)

    def numbers(self, key: str, default: tuple[float, ...]) -> tuple[float, ...]:
        found = self.take(key, default)
        ok = isinstance(found, list | tuple) and all(
            isinstance(v, int | float) and not isinstance(v, bool) for v in found
        )
        if not ok or list(found) != sorted(set(found)):  # type: ignore[call-overload]
            raise self.wrong(key, "a list of rising numbers, such as [1, 3, 5]")
        return tuple(float(value) for value in found)  # type: ignore[attr-defined]

    def whole(self, key: str, default: int | None, *, least: int) -> int:
        found = self.take(key, default)
        if isinstance(found, bool) or not isinstance(found, int) or found < least:
            raise self.wrong(key, f"a whole number from {least} on")
        return found

    def choice(self, key: str, default: str, choices: list[str]) -> str:
        found = self.text(key, default)
        if found not in choices:
            raise self.wrong(key, f"one of {', '.join(choices)}")
        return found

    def table(self, key: str) -> _Keys:
        found = self.take(key, {})
        if not isinstance(found, dict):
            raise self.wrong(key, "a table, such as { wbc = [30] }")
        return _Keys(self.at(key), found)

    def tables(self, key: str) -> Iterator[_Keys]:
        found = self.take(key, [])
        if not isinstance(found, list) or not all(isinstance(table, dict) for table in found):
            raise self.wrong(key, f"written as [[{key}]] blocks")
        for position, table in enumerate(found, 1):
            yield _Keys(f"{self.at(key)}[{position}]", table)

    def nothing_else(self) -> None:
        for key in self.left:
            known = ", ".join(name for name in self._asked())
            raise BadProtocol(
                self.at(key), "is no key of a protocol", f"here you can write {known}"
            )

    def _asked(self) -> tuple[str, ...]:
        return _KNOWN[self.path.partition("[")[0]]


_KNOWN = {
    "": (
        "title",
        "question",
        "release",
        "seed",
        "minimum_cell",
        "time_unit",
        "[[cohort]]",
        "[[baseline]]",
        "[[kaplan_meier]]",
        "[[cox]]",
    ),
    "cohort": ("label", "element", "equals", "one_of", "at_least", "at_most", "known"),
    "baseline": ("title", "elements", "by", "cuts", "compare"),
    "kaplan_meier": ("title", "endpoint", "by", "cuts", "strata", "at", "until"),
    "cox": ("title", "endpoint", "formula", "elements", "strata", "labels"),
}
"""The keys of each table of the file."""
