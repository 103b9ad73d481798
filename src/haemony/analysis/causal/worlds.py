"""A model of the outcome, and its patients as they would be under settings of some columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
import polars as pl

from haemony.analysis.logistic import complete_columns, true_or_false
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.complete import Complete, Missing, complete
from haemony.analysis.survival.data.formula import Model
from haemony.analysis.survival.data.frames import Tabular, column_names, numbers, polars_table
from haemony.analysis.survival.data.given import finite
from haemony.analysis.survival.faults import (
    BadCovariate,
    BadFormula,
    ConstantCovariate,
    NothingToAnalyse,
)
from haemony.analysis.survival.regression.cox import CoxFit, cox
from haemony.analysis.survival.regression.cox_data import Treatment
from haemony.analysis.survival.regression.new_patients import check_near, strata_of

Settings: TypeAlias = Mapping[str, Mapping[str, object]]
"""Under the name of each setting, columns and the values they are set to."""

Variance = Literal["sampled", "fixed cohort"]


@dataclass(frozen=True, eq=False)
class World:
    """N patients as they would be under a setting.

    Attributes:
        x: (N, p) covariates, less the means of the fit.
        offset: (N,) known part of the linear predictor.
        stratum: (N,) whose baseline hazard is theirs.
    """

    x: Floats
    offset: Floats
    stratum: Integers

    def relative_hazard(self, fit: CoxFit) -> Floats:
        """(N,) hazards against a patient with mean covariates and offset zero."""
        return np.asarray(np.exp(self.x @ fit.coefficients + self.offset))


@dataclass(frozen=True, eq=False)
class Outcome:
    """A Cox model of the outcome, and a cohort under each of L settings.

    Attributes:
        fit: the model.
        data: the rows it was fitted to.
        settings: what is set under each name.
        worlds: (L,) the cohort under each.
        missing: rows left out of another cohort as incomplete.
    """

    fit: CoxFit
    data: Complete
    settings: Settings
    worlds: tuple[World, ...]
    missing: Missing

    @property
    def undetermined(self) -> tuple[str, ...]:
        """Why no standard error of an average is known; empty if they are."""
        names = [re.sub(r"\[[^\]]*\]", "", name) for name in self.fit.infinite]
        columns = dict.fromkeys(name for setting in self.settings.values() for name in setting)
        infinite = [
            column
            for column in columns
            if any(re.search(rf"\b{re.escape(column)}\b", name) for name in names)
        ]
        quiet = [
            setting
            for setting, world in zip(self.settings, self.worlds, strict=True)
            if not np.isin(world.stratum, self.fit.sets.stratum).any()
        ]
        reasons = [f"without a finite estimate for {', '.join(infinite)}"] if infinite else []
        reasons += [f"without an event in the strata of {', '.join(quiet)}"] if quiet else []
        return tuple(f"{reason}, no standard errors are known" for reason in reasons)


def fit_outcome(
    formula: str,
    table: Tabular,
    chosen: str | Settings,
    *,
    ties: Treatment,
    over: Tabular | None = None,
    variance: Variance = "sampled",
) -> Outcome:
    """Fit the outcome model, and set the columns of its patients, or of another cohort.

    Args:
        formula: the model.
        table: the rows it is fitted to.
        chosen: a treatment, which is set to both of its values; or settings.
        ties: how tied events are treated.
        over: another cohort, with what the model needs but for columns that every setting sets.
        variance: what the standard errors are to count, for not every model has both.

    Raises:
        BadFormula: a column that is set is not in the model, or the model has no such average.
        BadCovariate: a value is not of its column's kind, or one that the fit never saw.
    """
    data = complete(formula, table, penalised=True)
    _check_model(data, variance, elsewhere=over is not None)
    of = [chosen] if isinstance(chosen, str) else _columns_of(chosen)
    _check_columns(data.model, of, "treatment" if isinstance(chosen, str) else "set column")
    fit = cox(formula, table, ties=ties)
    settings = _both_values(data.table[chosen]) if isinstance(chosen, str) else chosen
    cohort, missing = (data.table, Missing()) if over is None else _cohort(data, over, settings)
    worlds = [_world(fit, data, cohort, setting) for setting in settings.values()]
    return Outcome(fit, data, settings, tuple(worlds), missing)


def last_of_strata(fit: CoxFit) -> dict[str, float]:
    """The last follow-up in each stratum of a Cox model."""
    strata, stop = fit.data.strata, fit.data.response.stop
    return {
        label: float(stop[strata.codes == code].max()) for code, label in enumerate(strata.labels)
    }


def last_of_worlds(outcome: Outcome) -> dict[str, float]:
    """The same, in those strata alone that a cohort is in under some setting."""
    lasts = last_of_strata(outcome.fit)
    used = np.unique(np.concatenate([world.stratum for world in outcome.worlds]))
    return {label: last for code, (label, last) in enumerate(lasts.items()) if code in used}


def known_choice(name: str, given: object, choices: object) -> None:
    """Refuse an option that is none of a Literal's.

    Raises:
        BadCovariate: it is not.
    """
    if given not in get_args(choices):
        said = ", ".join(repr(one) for one in get_args(choices))
        raise BadCovariate(name, reason="is not a known choice", remedy=f"choose one of {said}")


def _check_model(data: Complete, variance: Variance, *, elsewhere: bool) -> None:
    model = data.model
    later = data.response.start is not None
    if model.frailty:
        raise BadFormula(model.text, reason="standardisation has no place for a frailty")
    if variance == "sampled" and (later or model.cluster or model.ridges):
        raise BadFormula(
            model.text,
            reason="standardisation takes one row per patient from time zero, without cluster and "
            "ridge, unless variance is 'fixed cohort'",
        )
    if later and not elsewhere:
        raise BadFormula(
            model.text, reason="rows that begin later are no cohort; give one to average `over`"
        )


def _columns_of(settings: Settings) -> list[str]:
    """All columns that are set somewhere."""
    if not isinstance(settings, Mapping) or not settings:
        raise BadCovariate(
            "settings", reason="name no setting", remedy='write {"mutated": {"NPM1": 1}}'
        )
    if not all(isinstance(setting, Mapping) for setting in settings.values()):
        raise BadCovariate(
            "settings",
            reason="do not say which columns are set",
            remedy='write {"mutated": {"NPM1": 1}}',
        )
    return list(dict.fromkeys(name for setting in settings.values() for name in setting))


def _needed(model: Model) -> list[str]:
    """The columns that a prediction needs."""
    return list(dict.fromkeys([*model.covariates, *model.strata, *model.offset]))


def _check_columns(model: Model, names: list[str], role: str) -> None:
    for name in names:
        if name not in _needed(model):
            raise BadFormula(model.text, reason=f"the {role} {name!r} is not in it")


def _both_values(treatment: pl.Series) -> Settings:
    """A setting for the untreated, and one for the treated."""
    given = true_or_false(treatment)
    if given.all() or not given.any():
        raise ConstantCovariate([treatment.name])
    pair = [treatment.filter(pl.Series(given == side))[0] for side in (False, True)]
    return {f"{treatment.name}={value}": {treatment.name: value} for value in pair}


def _cohort(data: Complete, over: Tabular, settings: Settings) -> tuple[pl.DataFrame, Missing]:
    """The rows of another cohort that have what every setting leaves as it is."""
    always = set.intersection(*(set(setting) for setting in settings.values()))
    free = [name for name in _needed(data.model) if name not in always]
    whole = complete_columns(over, free) if free else polars_table(over, column_names(over)[:1])
    kept = whole.drop_nulls(free) if free else whole
    if kept.is_empty():
        raise NothingToAnalyse(
            "no row of the cohort to average over has all the variables of the model",
            remedy="leave out the variable that is missing most often",
        )
    counts = {name: count for name in free if (count := whole[name].null_count())}
    return kept, Missing(whole.height - kept.height, counts)


def _world(
    fit: CoxFit, data: Complete, cohort: pl.DataFrame, setting: Mapping[str, object]
) -> World:
    rows = cohort.with_columns(
        _of_a_kind(value, data.table[name]).alias(name) for name, value in setting.items()
    )
    known = [finite(numbers(rows[name]), name) for name in data.model.offset]
    x, offset = fit.covariates_of(rows) - fit.means, np.sum([np.zeros(rows.height), *known], axis=0)
    check_near(x @ fit.coefficients + offset)
    return World(x, offset, strata_of(rows, fit.data.strata, None, rows.height))


def _of_a_kind(value: object, column: pl.Series) -> pl.Expr:
    """A value as a column of one kind can hold it."""
    dtype = column.dtype
    number = float(value) if isinstance(value, int | float | np.number | np.bool_) else None
    if dtype.is_numeric():
        fits = number is not None and bool(np.isfinite(number))
    elif dtype == pl.Boolean:
        fits = number in (0, 1)
    else:
        fits = isinstance(value, str)
    if not fits:
        raise BadCovariate(
            column.name,
            reason="cannot take the value it is set to",
            remedy="use a value of the column's own kind",
        )
    if number is None:
        return pl.lit(value)
    if dtype == pl.Boolean:
        return pl.lit(bool(number))
    whole = dtype.is_integer() and number.is_integer()
    return pl.lit(int(number), dtype=pl.Int64) if whole else pl.lit(number, dtype=pl.Float64)
