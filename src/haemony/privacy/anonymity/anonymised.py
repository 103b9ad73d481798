"""Anonymise any frame: generalise its quasi-identifiers until the privacy models hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

import polars as pl

from haemony.privacy.anonymity.disclosure import THRESHOLD, Risk, risk
from haemony.privacy.anonymity.hierarchy import Counts, Hierarchy
from haemony.privacy.anonymity.lattice import Found, Problem, Proof, allowed_rows
from haemony.privacy.anonymity.local import local
from haemony.privacy.anonymity.loss import Loss, average_class_size, discernibility
from haemony.privacy.anonymity.models import KAnonymity, Model, check_models
from haemony.privacy.anonymity.optimum import Effort, optimum
from haemony.privacy.anonymity.recoding import Recoded, recoded_to
from haemony.privacy.anonymity.table import Node, Table


class Recoding(Enum):
    """How cells may be generalised."""

    LOCAL = "local"
    """Each class of rows as far as it needs: several times less loss."""

    FULL_DOMAIN = "full domain"
    """Every cell of a column to the same level: easier to analyse, with a proof of the optimum."""


@dataclass(frozen=True)
class Anonymised:
    """A table that satisfies its privacy models.

    Attributes:
        frame: The frame with its quasi-identifiers generalised, as text; suppressed rows stay, with
            ``*`` in every quasi-identifier. Other columns are as they were.
        models: What it satisfies.
        recoding: How it was recoded.
        class_sizes: (n,) rows of each row's class; 0 for a suppressed row.
        loss: What was lost, by quasi-identifier.
        node: Level of each quasi-identifier; None after local recoding.
        proof: How far the search for the optimum came; None after local recoding.
        risk_before: Of the frame as it was.
        risk_after: Of the rows that were kept.
    """

    frame: pl.DataFrame
    models: tuple[Model, ...]
    recoding: Recoding
    class_sizes: Counts = field(repr=False)
    loss: Loss
    node: Node | None
    proof: Proof | None
    risk_before: Risk
    risk_after: Risk

    @property
    def suppressed(self) -> int:
        """Rows of which nothing is told."""
        return int((self.class_sizes == 0).sum())

    @property
    def loss_by_attribute(self) -> dict[str, float]:
        """The loss of each quasi-identifier, between 0 and 1."""
        names = self.risk_before.quasi_identifiers
        return dict(zip(names, map(float, self.loss.by_attribute), strict=True))

    @property
    def discernibility(self) -> int:
        """Squared class sizes added up; a suppressed row counts the whole table."""
        return discernibility(self._sizes(), self.suppressed)

    @property
    def average_class_size(self) -> float:
        """Rows per class."""
        return average_class_size(self._sizes())

    def _sizes(self) -> Counts:
        sizes = self.risk_after.class_sizes
        return sizes["size"].to_numpy().repeat(sizes["classes"].to_numpy())


def anonymise(
    frame: pl.DataFrame,
    quasi_identifiers: Mapping[str, Hierarchy],
    models: Sequence[Model] = (KAnonymity(12),),
    *,
    suppression_limit: float = 0.0,
    recoding: Recoding = Recoding.LOCAL,
    population: pl.DataFrame | None = None,
    threshold: float = THRESHOLD,
    effort: Effort = Effort(),  # noqa: B008 it is frozen
) -> Anonymised:
    """Generalise the quasi-identifiers of a frame until the models hold, at the least loss found.

    Args:
        frame: Any frame.
        quasi_identifiers: The columns an attacker may know, each with its hierarchy.
        models: What every class of equal rows must satisfy.
        suppression_limit: The share of rows that may be suppressed.
        recoding: How cells may be generalised.
        population: Everybody the attacker may confuse with a row, the table's own rows included;
            for k-map, δ-presence and the journalist's risk.
        threshold: What a single risk should not exceed; it is measured, not enforced.
        effort: When the search for the full-domain optimum may stop before it is done.

    Returns:
        The anonymised frame with its loss, the proof, and the risk before and after. The same frame
        gives the same result.

    Raises:
        NoSuchColumn: When the frame lacks a column.
        UnknownValues, MissingValues: When a cell is no leaf of its hierarchy.
        BadModel: When a model, the limit or the threshold makes no sense here.
        NotReachable: When the models cannot be satisfied within the suppression limit.

    Example:
        >>> stage = Hierarchy.of_rows("stage", [("I", "early", "*"), ("II", "early", "*"),
        ...                                     ("III", "late", "*")])
        >>> patients = pl.DataFrame({"stage": ["I", "II", "III", "III"], "alive": [1, 0, 1, 1]})
        >>> found = anonymise(patients, {"stage": stage}, [KAnonymity(2)],
        ...                   recoding=Recoding.FULL_DOMAIN)
        >>> found.frame["stage"].to_list(), found.loss_by_attribute
        (['early', 'early', 'late', 'late'], {'stage': 0.25})
    """
    columns = [column for model in models for column in model.columns]
    table = Table.of(
        frame, quasi_identifiers, population=population, sensitive=dict.fromkeys(columns)
    )
    check_models(models, table)
    problem = Problem(table, tuple(models), allowed_rows(suppression_limit, table.rows))
    before = risk(frame, list(quasi_identifiers), threshold, population)
    if recoding is Recoding.LOCAL:
        return _anonymised(frame, problem, local(problem), before)
    found = optimum(problem, effort)
    return _anonymised(frame, problem, recoded_to(problem, found.evaluation.node), before, found)


def _anonymised(
    frame: pl.DataFrame,
    problem: Problem,
    recoded: Recoded,
    before: Risk,
    found: Found | None = None,
) -> Anonymised:
    kept = ~recoded.suppressed
    sizes, population = recoded.class_sizes, recoded.population_of_row
    after = Risk(
        before.quasi_identifiers,
        before.threshold,
        sizes[kept],
        None if population is None else population[kept],
    )
    return Anonymised(
        frame=frame.with_columns(recoded.columns()),
        models=problem.models,
        recoding=Recoding.FULL_DOMAIN if found else Recoding.LOCAL,
        class_sizes=sizes,
        loss=recoded.loss,
        node=found.evaluation.node if found else None,
        proof=found.proof if found else None,
        risk_before=before,
        risk_after=after,
    )
