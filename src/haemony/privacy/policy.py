"""A privacy policy: what may leave, for whom, at what risk; a file that people review.

Everything that is not named stays: a column goes out because the policy says how, never because
nobody thought of it.
"""

from __future__ import annotations

import hashlib
import math
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from haemony.intake.readers import read
from haemony.model.errors import UsageError
from haemony.privacy.anonymity import (
    AverageRisk,
    DeltaPresence,
    DistinctLDiversity,
    EntropyLDiversity,
    Hierarchy,
    KAnonymity,
    KMap,
    Model,
    Recoding,
    RecursiveCLDiversity,
    StrictAverageRisk,
    TCloseness,
    all_or_nothing,
    intervals,
)

THRESHOLD = 0.09
"""The highest risk of a record that EMA Policy 0070 and Health Canada accept in public."""

BLUR_STEP = 0.05
"""Blurs are multiples of this: a blurred number is made in steps, each of which adds noise."""
MOST_BLUR = 2.0
"""The most; one number in three is off by more than a factor of seven already."""


def _is_finite(number: object) -> bool:
    return isinstance(number, int | float) and math.isfinite(number)


def _is_blur(number: float) -> bool:
    steps = number / BLUR_STEP
    return 0 < number <= MOST_BLUR and abs(steps - round(steps)) < 1e-9


class Treatment(StrEnum):
    """What happens to a quasi-identifier."""

    KEEP = "keep"
    GENERALISE = "generalise"
    SUPPRESS = "suppress"
    MICROAGGREGATE = "microaggregate"


ALONG_A_HIERARCHY = frozenset({Treatment.GENERALISE, Treatment.SUPPRESS})
"""Treatments that tell a cell less exactly."""


class Adversary(StrEnum):
    """Against whom the threshold holds."""

    PROSECUTOR = "prosecutor"
    JOURNALIST = "journalist"


class PolicyFault(UsageError):
    """A policy cannot be understood."""

    def __init__(self, policy: str, where: str, reason: str) -> None:
        self.policy, self.where, self.reason = policy, where, reason
        super().__init__(f"{policy}, {where}: {reason}")


@dataclass(frozen=True, slots=True)
class QuasiIdentifier:
    """A column that others may know of a person.

    Attributes:
        column: Its name.
        treatment: What happens to it.
        hierarchy: How it generalises; None unless it is generalised.
    """

    column: str
    treatment: Treatment
    hierarchy: Hierarchy | None = None

    def along(self, values: pl.Series) -> Hierarchy | None:
        """The hierarchy along which cells of these values may be told; None where there is none.

        A column whose cells are suppressed has two levels: the value, and nothing.
        """
        return all_or_nothing(values) if self.treatment is Treatment.SUPPRESS else self.hierarchy


@dataclass(frozen=True, eq=False)
class Population:
    """Everybody a person may be confused with, the records' own people among them.

    Attributes:
        name: Of its file.
        frame: One row per person, with the quasi-identifiers.
        sha256: Hash of the file.
    """

    name: str
    frame: pl.DataFrame
    sha256: str

    @classmethod
    def read(cls, path: Path) -> Population:
        """Read a table of any format that partners use."""
        return cls(path.name, read(path).frame, hashlib.sha256(path.read_bytes()).hexdigest())


@dataclass(frozen=True, slots=True)
class Coarsening:
    """What happens to the numbers of a released column that is no quasi-identifier.

    Attributes:
        column: Its name.
        bottom: Smaller numbers are told as this one.
        top: Greater numbers are told as this one.
        round_to: Numbers are told as the nearest multiple.
        digits: Numbers are told to so many significant digits.
        blur: Before all that, numbers are multiplied by chance: the standard deviation of the
            logarithm of the factor, whose median is 1.
        together: Columns of the same name here share the factor of a person, so that the order of
            that person's events stays.
    """

    column: str
    bottom: float | None = None
    top: float | None = None
    round_to: float | None = None
    digits: int | None = None
    blur: float | None = None
    together: str = ""

    def __post_init__(self) -> None:
        numbers = (self.bottom, self.top, self.round_to, self.digits, self.blur)
        for number in numbers:
            if number is not None and (isinstance(number, bool) or not _is_finite(number)):
                raise TypeError("bottom, top, round_to, digits and blur are numbers")
        if (self.round_to is not None and self.round_to <= 0) or (
            self.digits is not None and (self.digits < 1 or self.digits != int(self.digits))
        ):
            raise TypeError("round_to and digits are above 0")
        if self.bottom is not None and self.top is not None and self.bottom >= self.top:
            raise TypeError("bottom lies below top")
        if self.blur is not None and not _is_blur(self.blur):
            raise TypeError(f"blur is a multiple of {BLUR_STEP} up to {MOST_BLUR:g}, and above 0")
        if not isinstance(self.together, str):
            raise TypeError("together is a name, the same for columns that share their factors")
        if self.together and self.blur is None:
            raise TypeError("together is for columns that are blurred; give the blur as well")


@dataclass(frozen=True, slots=True)
class AttackPlan:
    """How a cut is attacked before it leaves.

    Attributes:
        held_out: Share of the people kept back as control; half, as singling out needs as many.
        attempts: Of each attack, at most.
        tolerated: Excess risk over control that is accepted, at the lower end of its interval.
        tolerated_numbers: The same for guesses at exact numbers; the threshold unless given.
        seed: Of every random choice.
    """

    held_out: float = 0.5
    attempts: int = 2000
    tolerated: float = 0.0
    tolerated_numbers: float | None = None
    seed: int = 1


@dataclass(frozen=True, slots=True)
class UtilityPlan:
    """Which analysis must survive, and by how much its estimates may move.

    Attributes:
        formula: A Cox model over columns of the cut.
        tolerance: The largest change of a log hazard ratio that is accepted.
    """

    formula: str
    tolerance: float = 0.05


@dataclass(frozen=True)
class Policy:
    """What may leave, for whom, at what risk.

    Attributes:
        name: How it is called.
        recipient: Who gets what leaves.
        context: Under which conditions.
        threshold: The highest risk of one record that is accepted.
        suppression_limit: The share of records that may be left out.
        recoding: How quasi-identifiers may be generalised.
        quasi_identifiers: Columns that others may know.
        models: What every class of equal records satisfies, beside the threshold's own model:
            k-anonymity against a prosecutor, k-map against a journalist.
        adversary: Against whom the threshold holds: one who knows that a person is among the
            records, or one who only knows that the person is in the population.
        population: Whom a person may be confused with; for the journalist, k-map and δ-presence.
        released: Columns that go out beside them, and how they are coarsened.
        dropped: Columns that stay, named so that nobody forgot them.
        attacks: How the cut is attacked; None for none.
        utility: Which analysis must survive; None for none.
        sha256: Hash of the file; empty for a policy made in memory.
    """

    name: str
    recipient: str
    context: str
    quasi_identifiers: tuple[QuasiIdentifier, ...]
    threshold: float = THRESHOLD
    suppression_limit: float = 0.05
    recoding: Recoding = Recoding.LOCAL
    models: tuple[Model, ...] = ()
    adversary: Adversary = Adversary.PROSECUTOR
    population: Population | None = field(default=None, compare=False)
    released: tuple[Coarsening, ...] = ()
    dropped: tuple[str, ...] = ()
    attacks: AttackPlan | None = None
    utility: UtilityPlan | None = None
    sha256: str = field(default="", compare=False)

    @property
    def k(self) -> int:
        """Records that a class has at least, so that one over k is no more than the threshold.

        Example:
            >>> Policy("cut", "anyone", "public", ()).k
            12
        """
        return math.ceil(1 / self.threshold - 1e-12)

    @property
    def all_models(self) -> tuple[Model, ...]:
        """The model of the threshold, then the others."""
        alike = KAnonymity if self.adversary is Adversary.PROSECUTOR else KMap
        return (alike(self.k), *self.models)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that go out, in order."""
        named = [q.column for q in self.quasi_identifiers] + [c.column for c in self.released]
        return tuple(named)

    @classmethod
    def read(cls, path: Path) -> Policy:
        """Read a policy from a TOML file; hierarchies lie beside it.

        Raises:
            PolicyFault: When it cannot be understood; names place and remedy.
            BadHierarchy: When a hierarchy is none.
        """
        try:
            content = path.read_bytes()
            given = tomllib.loads(content.decode("utf-8"))
        except FileNotFoundError:
            raise PolicyFault(path.name, "the file", "is absent; give the path of one") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
            raise PolicyFault(path.name, "the file", f"is no TOML: {fault}") from None
        return _Reader(path, given).policy(hashlib.sha256(content).hexdigest())


Value = TypeVar("Value")


@dataclass(frozen=True)
class _Reader:
    """Reads one file; every complaint names the place in it."""

    path: Path
    given: Mapping[str, Any]

    def policy(self, sha256: str) -> Policy:
        known = {
            "name", "recipient", "context", "threshold", "suppression_limit", "recoding",
            "quasi_identifiers", "models", "adversary", "population", "released", "dropped",
            "attacks", "utility",
        }  # fmt: skip
        for name in sorted(set(self.given) - known):
            raise self.fault(name, f"is not known; a policy has {', '.join(sorted(known))}")
        quasi = self.table(self.given, "quasi_identifiers", "the file")
        released = self.released()
        models = self.given.get("models", [])
        if not isinstance(models, list) or not all(isinstance(spec, dict) for spec in models):
            raise self.fault("models", "are tables: [[models]]")
        made = Policy(
            name=self.text("name"),
            recipient=self.text("recipient"),
            context=self.text("context"),
            quasi_identifiers=tuple(self.quasi(name, spec) for name, spec in quasi.items()),
            threshold=self.share(self.given, "threshold", THRESHOLD, "the file"),
            suppression_limit=self.share(self.given, "suppression_limit", 0.05, "the file"),
            recoding=self.choice(Recoding, self.given.get("recoding", "local"), "recoding"),
            models=tuple(self.model(spec) for spec in models),
            adversary=self.choice(
                Adversary, self.given.get("adversary", "prosecutor"), "adversary"
            ),
            population=self.population(),
            released=tuple(
                self.build(Coarsening, {"column": name, **spec}, f"released.{name}")
                for name, spec in released.items()
            ),
            dropped=tuple(map(str, self.given.get("dropped", ()))),
            attacks=self.plan(AttackPlan, "attacks"),
            utility=self.plan(UtilityPlan, "utility"),
            sha256=sha256,
        )
        self.check(made)
        return made

    def released(self) -> dict[str, dict[str, Any]]:
        """Columns that go out, each with how; a list of names goes out as it is."""
        given = self.given.get("released", {})
        if isinstance(given, list):
            given = {str(name): {} for name in given}
        sound = isinstance(given, dict) and all(
            isinstance(spec, dict) and "column" not in spec for spec in given.values()
        )
        if not sound:
            raise self.fault("released", "names columns: COLUMN = {} or COLUMN = { digits = 2 }")
        return dict(given)

    def check(self, made: Policy) -> None:
        if not made.quasi_identifiers:
            raise self.fault("quasi_identifiers", "names none; what could others know of a person?")
        if not made.threshold > 0:
            raise self.fault("threshold", "is 0, which nothing reaches; 0.09 is the usual one")
        treatments = [quasi.treatment for quasi in made.quasi_identifiers]
        averaged = treatments.count(Treatment.MICROAGGREGATE)
        if averaged > 1 or (averaged and made.models):
            reason = "one column may be microaggregated, and then under k-anonymity alone"
            raise self.fault("quasi_identifiers", reason)
        if made.recoding is Recoding.FULL_DOMAIN and not set(treatments) <= ALONG_A_HIERARCHY:
            reason = "full domain generalises or suppresses every quasi-identifier; choose local"
            raise self.fault("recoding", reason)
        self.check_population(made)
        blurs = {(how.together, how.blur) for how in made.released if how.together}
        for together, count in Counter(name for name, _ in blurs).items():
            if count > 1:
                reason = f"columns blurred together as {together!r} have the same blur"
                raise self.fault("released", reason)
        named = [*made.columns, *made.dropped]
        for column in named:
            if named.count(column) > 1:
                raise self.fault(column, "stands there twice; a column is treated in one way")

    def check_population(self, made: Policy) -> None:
        needed = any(model.needs_population for model in made.all_models)
        if needed and made.population is None:
            reason = (
                "is absent; a journalist, k-map and delta-presence need the people a person may be "
                "confused with: population = FILE, one row per person"
            )
            raise self.fault("population", reason)
        if made.population is None:
            return
        if made.recoding is not Recoding.FULL_DOMAIN:
            reason = "local recoding cannot place a population; choose full domain"
            raise self.fault("recoding", reason)
        names = [quasi.column for quasi in made.quasi_identifiers]
        absent = [name for name in names if name not in made.population.frame.columns]
        if absent:
            raise self.fault("population", f"lacks {', '.join(absent)}; it needs them all")

    def population(self) -> Population | None:
        """The table of the population, beside the policy."""
        name = str(self.given.get("population", ""))
        if not name:
            return None
        file = self.path.parent / name
        if not file.is_file():
            raise self.fault("population", f"the file {file.name} is absent")
        return Population.read(file)

    def quasi(self, column: str, spec: Mapping[str, Any]) -> QuasiIdentifier:
        where = f"quasi_identifiers.{column}"
        if not isinstance(spec, dict):
            raise self.fault(where, 'is no table; write {treatment = "keep"}, for instance')
        treatment = self.choice(Treatment, spec.get("treatment", ""), f"{where}.treatment")
        extra = set(spec) - {"treatment", "hierarchy", "intervals", "from", "to"}
        if extra:
            raise self.fault(where, f"{', '.join(sorted(extra))} is not known")
        if treatment is not Treatment.GENERALISE:
            return QuasiIdentifier(column, treatment)
        if "intervals" in spec:
            if not {"from", "to"} <= set(spec):
                raise self.fault(where, "intervals need from and to, the ends of the domain")
            values = range(int(spec["from"]), int(spec["to"]) + 1)
            made = intervals(column, values, list(spec["intervals"]))
            return QuasiIdentifier(column, treatment, made.with_missing())
        if "hierarchy" not in spec:
            raise self.fault(
                where,
                "is generalised along a hierarchy; name its file, or give intervals: hierarchy = …",
            )
        file = self.path.parent / str(spec["hierarchy"])
        if not file.is_file():
            reason = f"the hierarchy {file.name} is absent; `haemony hierarchy draft` writes one"
            raise self.fault(where, reason)
        return QuasiIdentifier(column, treatment, Hierarchy.read(column, file))

    def model(self, spec: Mapping[str, Any]) -> Model:
        kinds = {
            "k-anonymity": KAnonymity,
            "k-map": KMap,
            "delta-presence": DeltaPresence,
            "distinct l-diversity": DistinctLDiversity,
            "entropy l-diversity": EntropyLDiversity,
            "recursive (c,l)-diversity": RecursiveCLDiversity,
            "t-closeness": TCloseness,
            "average risk": AverageRisk,
            "strict average risk": StrictAverageRisk,
        }
        given = dict(spec)
        kind = kinds.get(str(given.pop("model", "")))
        if kind is None:
            raise self.fault("models", f"each has model = one of: {', '.join(kinds)}")
        return self.build(kind, given, "models")

    def plan(self, kind: type[Value], name: str) -> Value | None:
        spec = self.given.get(name)
        return None if spec is None else self.build(kind, spec, name)

    def build(self, kind: type[Value], spec: Mapping[str, Any], where: str) -> Value:
        try:
            return kind(**spec)
        except TypeError as fault:
            raise self.fault(where, str(fault).replace("__init__() ", "")) from None

    def choice(self, kind: type[Value], value: object, where: str) -> Value:
        try:
            return kind(value)  # type: ignore[call-arg]
        except ValueError:
            allowed = ", ".join(str(one.value) for one in kind)  # type: ignore[attr-defined]
            raise self.fault(where, f"is {value!r} and takes one of: {allowed}") from None

    def text(self, name: str) -> str:
        if not str(self.given.get(name, "")).strip():
            raise self.fault(name, "is absent; a reviewer must know it")
        return str(self.given[name])

    def table(self, given: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
        found = given.get(name, {})
        if not isinstance(found, dict):
            raise self.fault(where, f"{name} is no table")
        return found

    def share(self, given: Mapping[str, Any], name: str, default: float, where: str) -> float:
        value = given.get(name, default)
        if isinstance(value, bool) or not _is_finite(value) or not 0 <= value <= 1:
            raise self.fault(where, f"{name} is {value!r} and lies between 0 and 1")
        return float(value)

    def fault(self, where: str, reason: str) -> PolicyFault:
        return PolicyFault(self.path.name, where, reason)
