"""Queries to the partner: what a curator would ask, made from what grading found.

Every finding becomes one question with how many rows and patients it is about, what it means for
studies, and where in the partner's own files to look. A query has a key that stays the same from
one version of a contribution to the next, so that an answer is not asked for twice. Its state is a
decision of people, kept in the governance store and written into the next release.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

import polars as pl

from haemony.harmonise.harmonised import Harmonised
from haemony.model.disease import Disease
from haemony.model.element import ValueType
from haemony.privacy.payload import ROW
from haemony.privacy.protect import PERSON
from haemony.quality.answers import Answer, State
from haemony.quality.grade import Graded

EXAMPLES = 3
_MANY, _SOME = 0.05, 0.01

SETTLED = (
    "the laboratory did not accept the call",
    "the patient has withdrawn",
    "the same patient came with",
)
"""Why rows are kept aside without a question: somebody has decided so."""


class Impact(StrEnum):
    """What a finding means for a study that uses the contribution."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Query:
    """One question to the partner.

    Attributes:
        key: Ten hexadecimal digits; the same for the same question about the same column.
        kind: What found it: ``kept aside``, ``rule``, ``completeness``, ``contradiction``.
        file: The partner's file, the first where several are meant; empty where none is.
        column: Its column or columns.
        element: The element it is about.
        text: The question.
        impact: What it means for studies.
        rows: Rows of the file.
        patients: Patients.
        examples: Rows in which the partner finds it.
        state: Open, answered by the partner, or accepted by a curator.
        answer: What was answered.
        by: Who answered or accepted.
    """

    key: str
    kind: str
    file: str
    column: str
    element: str
    text: str
    impact: Impact
    rows: int
    patients: int
    examples: tuple[int, ...] = ()
    state: State = State.OPEN
    answer: str = ""
    by: str = ""


def queries(graded: Graded) -> tuple[Query, ...]:
    """The questions that a graded contribution raises, the weightiest first.

    Args:
        graded: The contribution with its grade, and what people have decided so far.
    """
    weigh = _Weighing.of(graded.harmonised)
    found = [
        *_incomplete(graded, weigh),
        *_broken(graded, weigh),
        *_kept_aside(graded, weigh),
        *_contradictions(graded, weigh),
    ]
    order = list(Impact)
    ranked = sorted(found, key=lambda one: (order.index(one.impact), -one.patients, one.key))
    return tuple(_with(one, graded.answers.get(one.key)) for one in ranked)


def _with(query: Query, answer: Answer | None) -> Query:
    if answer is None:
        return query
    return replace(query, state=answer.state, answer=answer.text, by=answer.by)


@dataclass(frozen=True)
class _Weighing:
    """What a share of patients means: elements of endpoints and core ones weigh more."""

    contribution: str
    persons: int
    heavy: frozenset[str]

    @classmethod
    def of(cls, harmonised: Harmonised) -> _Weighing:
        disease = harmonised.disease
        return cls(
            harmonised.protected.description.id,
            harmonised.protected.anchors.height,
            frozenset(_heavy(disease)),
        )

    def impact(self, element: str, patients: int) -> Impact:
        share = patients / max(self.persons, 1)
        if element in self.heavy:
            return Impact.HIGH if share >= _MANY else _graded(share >= _SOME)
        return _graded(share >= _MANY)

    def key(self, *about: str) -> str:
        text = "\0".join((self.contribution, *about))
        return hashlib.sha256(text.encode()).hexdigest()[:10]


def _graded(much: bool) -> Impact:
    return Impact.MEDIUM if much else Impact.LOW


def _heavy(disease: Disease) -> Iterator[str]:
    """Core elements, and those that an endpoint is reckoned from."""
    text = " ".join(f"{end.days} {end.event}" for end in disease.endpoints.values())
    for name in disease.catalogue:
        if name in disease.core or name in text:
            yield name


def _incomplete(graded: Graded, weigh: _Weighing) -> Iterator[Query]:
    share = graded.harmonised.disease.core_share
    short = graded.completeness.filter(pl.col("core") & (pl.col("known") < share * weigh.persons))
    for row in short.iter_rows(named=True):
        lacking = weigh.persons - row["known"]
        text = (
            f"{row['label']} is not given for {lacking} of {weigh.persons} patients. Is it "
            "recorded elsewhere, or was it not collected?"
        )
        key = weigh.key("completeness", row["element"])
        yield Query(key, "completeness", "", "", row["element"], text, Impact.HIGH, 0, lacking)


def _broken(graded: Graded, weigh: _Weighing) -> Iterator[Query]:
    for rule in graded.rules:
        if rule.broken:
            text = (
                f"{rule.broken} of {rule.judged} patients break the rule “{rule.rule}”. "
                f"{rule.reason} Please compare with the records."
            )
            share = rule.broken >= _SOME * max(rule.judged, 1)
            impact = _graded(share) if rule.holds else Impact.HIGH
            file, rows = _places(graded.broken.filter(pl.col("rule") == rule.rule))
            yield Query(
                weigh.key("rule", rule.rule),
                "rule",
                file,
                "",
                "",
                text,
                impact,
                len(rows),
                rule.broken,
                rows[:EXAMPLES],
            )


def _places(where: pl.DataFrame) -> tuple[str, tuple[int, ...]]:
    """The file that most of the rows are of, the first by name among equals, and its rows."""
    if not where.height:
        return "", ()
    files = where.group_by("file").len().sort(["len", "file"], descending=[True, False])
    file: str = files["file"][0]
    rows = where.filter(pl.col("file") == file)["row"].drop_nulls().unique().sort()
    return file, tuple(rows)


def _kept_aside(graded: Graded, weigh: _Weighing) -> Iterator[Query]:
    of_row = _persons_by_row(graded.harmonised)
    settled = (pl.col("stage") == "grade") | pl.any_horizontal(
        pl.col("reason").str.starts_with(reason) for reason in SETTLED
    )
    aside = graded.tables["set_aside"].filter(~settled)
    located = aside.join(of_row, on=["file", "row"], how="left")
    groups = located.group_by("file", "column", "element", "reason").agg(
        pl.len().alias("rows"),
        pl.col(PERSON).n_unique().alias("patients"),
        pl.col("row").drop_nulls().unique().sort().head(EXAMPLES).alias("examples"),
    )
    for row in groups.sort("file", "column", "element", "reason").iter_rows(named=True):
        where = " of ".join(filter(None, (row["column"], row["file"])))
        text = (
            f"{row['rows']} cells or rows of {where} are kept aside: {row['reason']}. Please "
            "correct them, or say what they mean."
        )
        yield Query(
            weigh.key("kept aside", row["file"], row["column"], row["element"], row["reason"]),
            "kept aside",
            row["file"],
            row["column"],
            row["element"],
            text,
            weigh.impact(row["element"], row["patients"]),
            row["rows"],
            row["patients"],
            tuple(row["examples"]),
        )


def _persons_by_row(harmonised: Harmonised) -> pl.DataFrame:
    frames = [
        table.frame.select(pl.lit(table.file).alias("file"), pl.col(ROW).alias("row"), PERSON)
        for table in harmonised.protected.tables.values()
    ]
    every = pl.concat(frames).unique(["file", "row"], keep="first", maintain_order=True)
    return every.cast({"row": pl.Int64})


def _contradictions(graded: Graded, weigh: _Weighing) -> Iterator[Query]:
    """Findings that the source states against what its own calls or karyotypes say."""
    for row in graded.harmonised.comparison.iter_rows(named=True):
        differ = row["only_stated"] + row["only_derived"]
        if differ:
            element = graded.harmonised.disease.catalogue[row["element"]]
            finding = element.type is ValueType.FINDING
            more = (
                f"{row['only_stated']} are positive by the first alone, {row['only_derived']} by "
                "the second. "
            )
            text = (
                f"{element.label} as stated by {row['stated_by']} and as {row['derived_from']} "
                f"shows it differ in {differ} of {row['both']} patients. {more if finding else ''}"
                "Which is right?"
            )
            differing = graded.harmonised.differing
            file, rows = _places(differing.filter(pl.col("element") == row["element"]))
            yield Query(
                weigh.key("contradiction", row["element"], row["stated_by"], row["derived_from"]),
                "contradiction",
                file,
                row["stated_by"],
                row["element"],
                text,
                weigh.impact(row["element"], differ),
                len(rows),
                differ,
                rows[:EXAMPLES],
            )
