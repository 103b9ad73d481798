"""Pools several sources of patients in one model or in two steps, and tries without each.

One step fits one Cox model to all patients in which each source has a baseline hazard of its own.
Two steps fit each source alone and pool the coefficients. They answer nearly the same; the second
also says how much sources differ.

Burke DL, Ensor J, Riley RD (2017) Meta-analysis using individual participant data: one-stage and
two-stage approaches, and why they may differ. Statistics in Medicine 36:855-875.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.stats import chi2

from haemony.analysis.pooling.faults import DifferentEndpoints, NothingToPool, UndefinedEndpoint
from haemony.analysis.pooling.meta import ALONE, MetaAnalysis, Method, Prediction, Test, meta
from haemony.analysis.survival import printing
from haemony.analysis.survival.data import formula as formulas
from haemony.analysis.survival.data.complete import Missing, complete, known_columns
from haemony.analysis.survival.data.frames import Tabular, column_names, polars_table, tidy
from haemony.analysis.survival.regression.cox import CoxFit, cox
from haemony.analysis.survival.regression.partial_likelihood import Ties
from haemony.model.errors import HaemonyError

Definitions = Mapping[str, str]


@dataclass(frozen=True, eq=False)
class OneStage:
    """One Cox model of all sources, each with its own baseline hazard.

    Attributes:
        fit: the model.
        source: the column that names the source.
        separate: the same model in each source alone, where it can be fitted.
        heterogeneity: the likelihood-ratio statistic of one effect in all sources, with its degrees
            of freedom and p-value; None unless every source could be fitted.
        notes: what a reader must know.
    """

    fit: CoxFit
    source: str
    separate: Mapping[str, CoxFit]
    heterogeneity: tuple[float, int, float] | None
    notes: tuple[str, ...]

    @property
    def missing(self) -> Missing:
        """Rows left out as incomplete."""
        return self.fit.missing

    def table(self, level: float = 0.95) -> pl.DataFrame:
        """The coefficients of the common model."""
        return self.fit.table(level)

    def __str__(self) -> str:
        """The model, and the test of one effect."""
        said = ""
        if self.heterogeneity is not None:
            statistic, df, p = self.heterogeneity
            said = (
                f"one effect in all sources: chi² = {statistic:.4g} on {df} df, "
                f"p = {printing.p_value(p)}"
            )
        return printing.page(
            printing.counted(self.fit.n, self.fit.events, self.missing.rows),
            printing.grid(self.table(), p_values=("p",)),
            said,
            notes=self.notes,
        )


@dataclass(frozen=True, eq=False)
class TwoStage:
    """Each source alone, then pooled, term by term.

    Attributes:
        fits: the model of each source.
        pooled: the meta-analysis of each term, over the sources that have it.
        source: the column that names the source.
        missing: rows left out as incomplete.
        notes: what a reader must know, such as sources that could not be fitted.
    """

    fits: Mapping[str, CoxFit]
    pooled: Mapping[str, MetaAnalysis]
    source: str
    missing: Missing
    notes: tuple[str, ...]

    def table(self) -> pl.DataFrame:
        """One row per term.

        Columns: term, sources, estimate, std_err, hazard_ratio, lower, upper, p, tau2, i2,
        predicted_lower, predicted_upper; limits are those of hazard ratios.
        """
        with np.errstate(over="ignore"):
            return tidy(pl.DataFrame([self._row(term) for term in self.pooled]))

    def _row(self, term: str) -> dict[str, object]:
        found = self.pooled[term]
        return {
            "term": term,
            "sources": len(found.labels),
            "estimate": found.estimate,
            "std_err": found.std_err,
            "hazard_ratio": float(np.exp(found.estimate)),
            "lower": float(np.exp(found.lower)),
            "upper": float(np.exp(found.upper)),
            "p": found.p,
            "tau2": found.tau2,
            "i2": found.i2,
            "predicted_lower": float(np.exp(found.prediction[0])),
            "predicted_upper": float(np.exp(found.prediction[1])),
        }

    def forest(self) -> pl.DataFrame:
        """The rows of one forest plot per term: term, n, events, and those of `MetaAnalysis`."""
        parts = []
        for term, found in self.pooled.items():
            rows = found.table()
            fits = [self.fits.get(label) for label in rows["label"]]
            parts.append(
                rows.with_columns(
                    pl.Series("n", [f.n if f else None for f in fits], dtype=pl.Int64),
                    pl.Series("events", [f.events if f else None for f in fits], dtype=pl.Int64),
                    term=pl.lit(term),
                )
            )
        return pl.concat(parts)

    def leave_one_source_out(self) -> pl.DataFrame:
        """Each term pooled without each source in turn: term, and the columns of `MetaAnalysis`."""
        parts = [
            found.leave_one_out().with_columns(term=pl.lit(term))
            for term, found in self.pooled.items()
            if len(found.labels) > 1
        ]
        return pl.concat(parts) if parts else pl.DataFrame()

    def __str__(self) -> str:
        """The pooled terms."""
        return printing.page(
            f"{len(self.fits)} sources",
            printing.grid(self.table(), p_values=("p",)),
            notes=self.notes,
        )


def one_stage(
    formula: str,
    table: Tabular,
    *,
    source: str,
    definitions: Definitions | None = None,
    accept: str | None = None,
    ties: Ties = "efron",
) -> OneStage:
    """Fit one model to all sources, stratified by source.

    Args:
        formula: such as "Surv(os_days, os_event) ~ age + NPM1", without the source.
        table: the patients of all sources.
        source: the column that names the source.
        definitions: how each source defines the endpoint, in words or as a rule with its version.
        accept: why sources whose definitions differ may be pooled all the same.
        ties: how tied events are treated.

    Raises:
        DifferentEndpoints: definitions differ and no reason is given.

    >>> table = pl.DataFrame({"days": [4, 3, 1, 1, 2, 2, 3, 5], "died": [1, 1, 1, 0, 1, 1, 0, 1],
    ...     "x": [0, 2, 1, 1, 1, 0, 0, 1], "trial": ["A", "A", "A", "A", "B", "B", "B", "B"]})
    >>> one_stage("Surv(days, died) ~ x", table, source="trial").fit.n
    8
    """
    parts = _Sources.of(formula, table, source)
    noted = _endpoints(tuple(parts.tables), definitions, accept)
    fit = cox(f"{formula} + strata({formulas.quoted(source)})", parts.whole, ties=ties)
    separate, lost = parts.fits(formula, ties)
    test = None
    if not lost and len(separate) > 1:
        gain = sum(one.log_likelihood.fitted for one in separate.values())
        df = sum(len(one.names) for one in separate.values()) - len(fit.names)
        statistic = max(0.0, 2 * (gain - fit.log_likelihood.fitted))
        test = (statistic, df, float(chi2.sf(statistic, df)) if df else float("nan"))
    single = (ALONE,) if len(parts.tables) == 1 else ()
    return OneStage(fit, source, separate, test, (*noted, *fit.notes, *lost, *single))


def two_stage(
    formula: str,
    table: Tabular,
    *,
    source: str,
    method: Method = "reml",
    test: Test = "normal",
    prediction: Prediction = "as test",
    definitions: Definitions | None = None,
    accept: str | None = None,
    ties: Ties = "efron",
    level: float = 0.95,
) -> TwoStage:
    """Fit each source alone and pool the coefficients; arguments as for `one_stage` and `meta`.

    A source that cannot be fitted, or a coefficient without a finite estimate, is left out and
    named in the notes.

    Raises:
        NothingToPool: no source could be fitted, or no coefficient has a finite estimate in any.
        DifferentEndpoints: definitions differ and no reason is given.
    """
    parts = _Sources.of(formula, table, source)
    noted = _endpoints(tuple(parts.tables), definitions, accept)
    fits, lost = parts.fits(formula, ties)
    if not fits:
        raise NothingToPool(
            "no source could be fitted alone", remedy="use one_stage, or fewer covariates"
        )
    terms = dict.fromkeys(name for fit in fits.values() for name in fit.names)
    pooled, unbounded = {}, []
    for term in terms:
        having = {s: f for s, f in fits.items() if term in f.names and term not in f.infinite}
        unbounded += [
            f"{s}: {term} has no finite estimate there and is left out"
            for s, f in fits.items()
            if term in f.infinite
        ]
        if having:
            places = [fit.names.index(term) for fit in having.values()]
            both = list(zip(having.values(), places, strict=True))
            pooled[term] = meta(
                [fit.coefficients[i] for fit, i in both],
                [fit.standard_errors[i] for fit, i in both],
                list(having),
                method=method,
                test=test,
                prediction=prediction,
                level=level,
            )
    if not pooled:
        raise NothingToPool(
            "no coefficient has a finite estimate in any source"
            if terms
            else "the formula has no covariate that varies",
            remedy="use one_stage, or other covariates",
        )
    notes = (*noted, *lost, *unbounded, *_said_of_terms(pooled))
    return TwoStage(fits, pooled, source, parts.missing, notes)


def _said_of_terms(pooled: Mapping[str, MetaAnalysis]) -> list[str]:
    """The notes of the terms, each once; with the terms, unless it holds for all of them."""
    said: dict[str, list[str]] = {}
    for term, found in pooled.items():
        for note in found.notes:
            said.setdefault(note, []).append(term)
    return [
        note if len(terms) == len(pooled) else f"{', '.join(terms)}: {note}"
        for note, terms in said.items()
    ]


def leave_one_source_out(
    formula: str, table: Tabular, *, source: str, ties: Ties = "efron"
) -> pl.DataFrame:
    """The one-stage model without each source in turn, one row per source and term.

    Columns: left_out, n, events, and those of a Cox model's table; the first rows leave nobody out.
    """
    parts = _Sources.of(formula, table, source)
    rows = []
    for label in [None, *parts.tables]:
        kept = [part for name, part in parts.tables.items() if name != label]
        if not kept:
            continue
        fit = cox(f"{formula} + strata({formulas.quoted(source)})", pl.concat(kept), ties=ties)
        rows.append(
            fit.table().select(
                pl.lit(label, dtype=pl.String).alias("left_out"),
                pl.lit(fit.n).alias("n"),
                pl.lit(fit.events).alias("events"),
                pl.all(),
            )
        )
    return pl.concat(rows)


@dataclass(frozen=True, eq=False)
class _Sources:
    """The complete rows of all sources together and one by one."""

    whole: pl.DataFrame
    tables: Mapping[str, pl.DataFrame]
    missing: Missing

    @classmethod
    def of(cls, formula: str, table: Tabular, source: str) -> _Sources:
        """Part a table by source."""
        needed = [*formulas.read(formula).columns, source]
        known = known_columns(list(dict.fromkeys(needed)), column_names(table))
        whole = polars_table(table, known)
        parted = f"{formula} + strata({formulas.quoted(source)})"
        data = complete(parted, whole, penalised=True)
        labels = data.table[source].cast(pl.String)
        tables = {
            str(label): data.table.filter(labels == label)
            for label in labels.unique().sort().to_list()
        }
        return cls(whole, tables, data.missing)

    def fits(self, formula: str, ties: Ties) -> tuple[dict[str, CoxFit], tuple[str, ...]]:
        """The model of each source, and why the others have none."""
        fits, lost = {}, []
        for label, part in self.tables.items():
            try:
                fits[label] = cox(formula, part, ties=ties)
            except HaemonyError as reason:
                said = str(reason).partition(";")[0]
                lost.append(f"{label} (n = {part.height}) could not be fitted: {said}")
        return fits, tuple(lost)


def _endpoints(
    sources: tuple[str, ...], definitions: Definitions | None, accept: str | None
) -> tuple[str, ...]:
    """Refuse different definitions of the endpoint, unless the reason to pool them is named."""
    if definitions is None:
        return ("whether the sources define the endpoint alike was not declared",)
    undefined = [source for source in sources if source not in definitions]
    if undefined:
        raise UndefinedEndpoint(undefined)
    used = {source: definitions[source] for source in sources}
    if len(set(used.values())) <= 1:
        return ()
    if not accept:
        raise DifferentEndpoints(used)
    return (f"sources define the endpoint differently; pooled because: {accept}",)
