"""Grade a harmonised contribution: which public quality level it reaches, and why not the next.

Levels 0 and 1 are judged on the source, 2 and 3 on elements and CDM. A level holds only when every
level below it holds. Values that break a clinical rule are kept aside under the rule's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType

import polars as pl
import polars.selectors as cs

from haemony.harmonise.harmonised import Harmonised
from haemony.intake.problems import Severity
from haemony.model.disease import Rule
from haemony.model.element import Element
from haemony.quality.answers import Answer
from haemony.quality.cdm import Finding, check_cdm
from haemony.quality.wide import wide

BROKEN = pl.Schema({"rule": pl.String, "person_id": pl.Int64, "file": pl.String, "row": pl.Int64})
"""The rows from which the values of a broken rule came."""

NO_ANSWERS: Mapping[str, Answer] = MappingProxyType({})


class Level(IntEnum):
    """The public quality levels; level 4 is given by the quality committee, never computed."""

    UNGRADED = -1
    RECEIVED = 0
    CONFORMANT = 1
    COMPLETE = 2
    PLAUSIBLE = 3
    ACCEPTED = 4


COMPUTED = (Level.RECEIVED, Level.CONFORMANT, Level.COMPLETE, Level.PLAUSIBLE)
"""The levels that rules decide."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one level holds, and in words a curator understands what stands against it."""

    level: Level
    holds: bool
    reasons: tuple[str, ...]


def reached(verdicts: Iterable[Verdict]) -> Level:
    """The highest level below which every level holds."""
    highest = Level.UNGRADED
    for verdict in verdicts:
        if not verdict.holds:
            break
        highest = verdict.level
    return highest


@dataclass(frozen=True, slots=True)
class Judged:
    """One rule on one contribution: patients it could judge, and those that break it."""

    rule: str
    judged: int
    broken: int
    tolerance: float
    reason: str

    @property
    def holds(self) -> bool:
        """Whether the share that breaks it is within the tolerance."""
        return self.broken <= self.tolerance * max(1, self.judged)


@dataclass(frozen=True)
class Graded:
    """A harmonised contribution with its grade; only this can be published.

    Attributes:
        harmonised: What was graded.
        tables: Its tables without the values that broke a rule.
        verdicts: Level by level.
        completeness: ``element``, ``label``, ``known``, ``persons``: core elements first.
        rules: Every rule of the disease, judged.
        cdm: Checks of the tables that did not hold.
        broken: Where the values that break a rule stand, columns as in :data:`BROKEN`.
        answers: What people have decided about its queries, by key.
    """

    harmonised: Harmonised
    tables: Mapping[str, pl.DataFrame]
    verdicts: tuple[Verdict, ...]
    completeness: pl.DataFrame
    rules: tuple[Judged, ...]
    cdm: tuple[Finding, ...]
    broken: pl.DataFrame
    answers: Mapping[str, Answer] = field(default_factory=dict)

    @property
    def level(self) -> Level:
        """The highest level below which every level holds."""
        return reached(self.verdicts)


def grade(harmonised: Harmonised, answers: Mapping[str, Answer] = NO_ANSWERS) -> Graded:
    """Judge a harmonised contribution by the rules of its disease and of the CDM.

    Args:
        harmonised: The contribution in the language of the lake.
        answers: What people have decided about its queries, by key.
    """
    disease = harmonised.disease
    persons = harmonised.protected.anchors["person_id"]
    frame = _rule_frame(harmonised, persons)
    judged, aside, broken = _judge(disease.rules, frame, harmonised.facts)
    tables = _without(harmonised, aside) if aside.height else harmonised.tables
    completeness = _completeness(harmonised, persons)
    cdm = check_cdm(tables)
    verdicts = (
        _received(harmonised),
        _conformant(harmonised),
        complete(completeness, disease.core_share),
        plausible(judged, cdm),
    )
    return Graded(harmonised, tables, verdicts, completeness, judged, cdm, broken, answers)


def _rule_frame(harmonised: Harmonised, persons: pl.Series) -> pl.DataFrame:
    catalogue = harmonised.disease.catalogue
    text = " ".join(rule.expression for rule in harmonised.disease.rules)
    used: list[Element] = [element for name, element in catalogue.items() if name in text]
    facts = harmonised.facts.filter(pl.col("element").is_in([e.name for e in used]))
    frame = wide(facts, used, persons)
    return frame.with_columns(cs.enum().cast(pl.String))


def _judge(
    rules: tuple[Rule, ...], frame: pl.DataFrame, facts: pl.DataFrame
) -> tuple[tuple[Judged, ...], pl.DataFrame, pl.DataFrame]:
    """Judge every rule; give back the facts the broken ones set aside, and where they stand."""
    judged: list[Judged] = []
    aside = [facts.clear().with_columns(pl.lit("").alias("reason"))]
    places = [pl.DataFrame(schema=BROKEN)]
    for rule in rules:
        holds = frame.select(pl.sql_expr(rule.expression).alias("holds")).to_series()
        broken = frame.filter(~holds.fill_null(value=True))["person_id"]
        count = int(holds.is_not_null().sum())
        judged.append(Judged(rule.name, count, broken.len(), rule.tolerance, rule.reason))
        lost = facts.filter(
            pl.col("person_id").is_in(broken.implode())
            & pl.col("element").is_in(list(rule.sets_aside))
        )
        if broken.len():
            places.append(_places(rule, broken, facts))
        aside.append(lost.with_columns(pl.lit(f"breaks the rule: {rule.name}").alias("reason")))
    key = ["person_id", "element", "file", "row", "column"]
    lost = pl.concat(aside).unique(key, keep="first", maintain_order=True)
    return tuple(judged), lost, pl.concat(places)


def _places(rule: Rule, broken: pl.Series, facts: pl.DataFrame) -> pl.DataFrame:
    """Where the values stand of which the persons' break of a rule is made."""
    used = re.findall(r"\w+", rule.expression)
    mine = facts.filter(
        pl.col("person_id").is_in(broken.implode()),
        pl.col("element").is_in(used),
        pl.col("row").is_not_null(),
    )
    placed = mine.select(pl.lit(rule.name).alias("rule"), "person_id", "file", "row")
    return placed.unique(maintain_order=True)


def _without(harmonised: Harmonised, aside: pl.DataFrame) -> Mapping[str, pl.DataFrame]:
    """The tables without the facts that broke a rule; those are named in set_aside."""
    key = ["person_id", "element", "file", "row", "column"]
    kept = harmonised.facts.join(aside.select(key), on=key, how="anti", maintain_order="left")
    stage = pl.lit("grade").alias("stage")
    more = aside.select(stage, "file", "row", "column", "element", "reason")
    both = pl.concat([harmonised.tables["set_aside"], more])
    ordered = both.sort("file", "row", "column", "element", "stage")
    return {**harmonised.tables_of(kept), "set_aside": ordered}


def _completeness(harmonised: Harmonised, persons: pl.Series) -> pl.DataFrame:
    disease = harmonised.disease
    known = harmonised.facts.group_by("element").agg(pl.col("person_id").n_unique().alias("known"))
    every = pl.DataFrame(
        [(name, e.label, name in disease.core) for name, e in disease.catalogue.items()],
        schema={"element": pl.String, "label": pl.String, "core": pl.Boolean},
        orient="row",
    )
    return (
        every.join(known, on="element", how="left", maintain_order="left")
        .with_columns(pl.col("known").fill_null(0), pl.lit(persons.len()).alias("persons"))
        .filter(pl.col("core") | (pl.col("known") > 0))
        .sort("core", descending=True, maintain_order=True)
    )


def _received(harmonised: Harmonised) -> Verdict:
    problems = harmonised.protected.problems.filter(pl.col("severity") == Severity.WARNING)
    open_ = problems.filter(pl.col("rule") == "a person has confirmed the mapping")
    reasons = tuple(f"{row['column']} awaits confirmation" for row in open_.iter_rows(named=True))
    return Verdict(Level.RECEIVED, not reasons, reasons)


def _conformant(harmonised: Harmonised) -> Verdict:
    whole = pl.col("missing") + pl.col("kept") + pl.col("set_aside")
    lost = harmonised.account.filter(pl.col("cells") != whole)
    reasons = tuple(
        f"{row['file']}, {row['column']}: cells without an account"
        for row in lost.iter_rows(named=True)
    )
    return Verdict(Level.CONFORMANT, not reasons, reasons)


def complete(completeness: pl.DataFrame, threshold: float) -> Verdict:
    """Level 2: each core element is known for at least this share of the persons."""
    short = completeness.filter(pl.col("core") & (pl.col("known") < threshold * pl.col("persons")))
    reasons = tuple(
        f"{row['label']} is known for {row['known']} of {row['persons']} patients "
        f"({row['known'] / row['persons']:.0%}); {threshold:.0%} are asked for"
        for row in short.iter_rows(named=True)
    )
    return Verdict(Level.COMPLETE, not reasons, reasons)


def plausible(judged: tuple[Judged, ...], cdm: tuple[Finding, ...]) -> Verdict:
    """Level 3: every rule is broken within its tolerance, and the tables hold the CDM's checks."""
    reasons = [
        f"“{rule.rule}” is broken by {rule.broken} of {rule.judged} patients "
        f"({rule.tolerance:.1%} are tolerated): {rule.reason}"
        for rule in judged
        if not rule.holds
    ]
    reasons += [f"{f.explanation} ({f.broken} of {f.rows} rows)" for f in cdm]
    return Verdict(Level.PLAUSIBLE, not reasons, tuple(reasons))
