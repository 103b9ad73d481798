"""What every analysis starts from: patients whose clocks run, and the words for what they have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import polars as pl

from haemony.analysis import survival, wording
from haemony.analysis.blocks import MissingData
from haemony.analysis.clocks import Clock
from haemony.analysis.cohorts import Criterion
from haemony.analysis.evidence import Effect, Regression
from haemony.analysis.grouping import GROUP, grouping, present
from haemony.model.element import Catalogue, ValueType


class Fitted(Protocol):
    """A model of hazards that was fitted."""

    @property
    def names(self) -> tuple[str, ...]:
        """The coefficients' names."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know."""

    @property
    def infinite(self) -> tuple[str, ...]:
        """Names of coefficients without a finite estimate."""

    def table(self) -> pl.DataFrame:
        """One row per coefficient, with hazard_ratio, lower, upper and p."""


@dataclass(frozen=True, eq=False)
class Ground:
    """A cohort, ready to be analysed.

    Attributes:
        members: one row per patient; times that lie outside their clock are taken away.
        populations: the named parts of it.
        clocks: the clock of each endpoint, by its name.
        catalogue: the elements.
        missing: what models do about missing covariates.
        seed: where random draws start.
        least: the smallest count of patients that a sentence may tell.
    """

    members: pl.DataFrame
    populations: Mapping[str, pl.DataFrame]
    clocks: Mapping[str, Clock]
    catalogue: Catalogue
    missing: MissingData = MissingData.COMPLETE_CASES
    seed: int = 0
    least: int = 1

    def of(self, population: str) -> pl.DataFrame:
        """A population by its name; the whole cohort for none."""
        return self.populations[population] if population else self.members

    def covered(self, table: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
        """A table for a model of some covariates, unknown categories treated as planned."""
        if self.missing is MissingData.COMPLETE_CASES:
            return table
        return table.with_columns(
            _told(table, name, self.catalogue)
            for name in names
            if isinstance(table.schema[name], pl.Enum) and table[name].null_count()
        )

    def label(self, name: str) -> str:
        """An element as people read it; any other column as it is."""
        return self.catalogue[name].label if name in self.catalogue else name


def grouped(
    ground: Ground,
    table: pl.DataFrame,
    by: Sequence[str],
    cuts: Mapping[str, tuple[float, ...]],
    clock: Clock,
    *,
    event: str,
    key: str,
) -> tuple[pl.DataFrame, survival.Missing]:
    """The patients whose time, event and group are known, with their group, and who is left out."""
    groups = grouping(table, by, cuts, ground.catalogue, f"{key}.by")
    needed = [clock.days, event, *by]
    complete = table.with_columns(groups.alias(GROUP)).drop_nulls(needed)
    if complete.is_empty():
        raise survival.NothingToAnalyse(
            "no patient has a known time, event and group",
            remedy="leave out the element that is missing most often, or another endpoint",
        )
    used = present(complete[GROUP])
    ordered = complete.with_columns(pl.col(GROUP).cast(pl.String).cast(pl.Enum(used)))
    return ordered, missing_of(table, complete, needed)


def missing_of(
    table: pl.DataFrame, complete: pl.DataFrame, needed: Sequence[str]
) -> survival.Missing:
    """Who is left out of a table, and for which columns."""
    counts = {name: table[name].null_count() for name in needed}
    return survival.Missing(
        rows=table.height - complete.height,
        by_variable={name: count for name, count in counts.items() if count},
    )


def strata_terms(strata: Sequence[str]) -> str:
    """The part of a formula that stratifies."""
    return "".join(f" + strata({name})" for name in strata)


def named(fit: survival.CoxFit, ground: Ground, own: Mapping[str, str]) -> tuple[str, ...]:
    """The coefficients of a model as people read them."""
    categories = fit.design.categories if fit.design else {}
    references = {name: levels[0] for name, levels in categories.items()}
    return tuple(wording.coefficient(name, ground.catalogue, references, own) for name in fit.names)


def regression(
    method: str,
    fit: Fitted,
    labels: Sequence[str],
    missing: survival.Missing,
    size: tuple[int, int],
) -> Regression:
    """A fitted model of hazards as effects.

    Args:
        method: what it is called.
        fit: the model.
        labels: its coefficients as people read them.
        missing: patients left out.
        size: patients and events.
    """
    effects = tuple(
        _effect(label, row, size, finite=name not in fit.infinite)
        for label, name, row in zip(
            labels, fit.names, fit.table().iter_rows(named=True), strict=True
        )
    )
    infinite = tuple(
        label for label, name in zip(labels, fit.names, strict=True) if name in fit.infinite
    )
    return Regression(method, effects, fit.notes, missing, infinite)


def _effect(label: str, row: Mapping[str, Any], size: tuple[int, int], *, finite: bool) -> Effect:
    """A coefficient as a hazard ratio; without a finite estimate there is none."""
    if not finite:
        return Effect(label, None, None, None, None, *size, "no finite estimate")
    return Effect(label, row["hazard_ratio"], row["lower"], row["upper"], row["p"], *size)


def meets(table: pl.DataFrame, criteria: Sequence[Criterion]) -> pl.Series:
    """Whether each patient meets all criteria; an unknown value does not meet one."""
    met = pl.lit(value=True)
    for criterion in criteria:
        met = met & criterion.condition.met(criterion.element).fill_null(value=False)
    return table.select(pl.repeat(value=True, n=table.height) & met).to_series().alias("met")


def _told(table: pl.DataFrame, name: str, catalogue: Catalogue) -> pl.Expr:
    """A category whose missing values are a value."""
    finding = name in catalogue and catalogue[name].type is ValueType.FINDING
    unknown = "not tested" if finding else "unknown"
    dtype = table.schema[name]
    levels = dtype.categories.to_list() if isinstance(dtype, pl.Enum) else []
    return pl.col(name).cast(pl.String).fill_null(unknown).cast(pl.Enum([*levels, unknown]))
