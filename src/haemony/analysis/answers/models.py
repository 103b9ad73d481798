"""Cox models with what is needed to believe them."""

from __future__ import annotations

import numpy as np

from haemony.analysis import pooling, survival
from haemony.analysis.answers.ground import Ground, named, strata_terms
from haemony.analysis.blocks import CoxBlock
from haemony.analysis.evidence import Effect, ModelFound, Regression
from haemony.analysis.survival.data.arrays import Floats


def find_model(ground: Ground, block: CoxBlock) -> ModelFound:
    """Fit a Cox model and look whether it can be believed."""
    clock = ground.clocks[block.endpoint]
    formula = f"{clock.response} ~ {block.formula}{strata_terms(block.strata)}"
    fit = survival.cox(formula, ground.covered(ground.of(block.population), block.columns))
    finite = not fit.infinite
    return ModelFound(
        block=block,
        clock=clock,
        formula=formula,
        fit=fit,
        labels=named(fit, ground, block.labels),
        hazards=survival.proportional_hazards(fit) if finite else None,
        residuals=survival.schoenfeld(fit) if finite else None,
        influence=_influence(fit) if finite else np.full(len(fit.names), np.nan),
        imputed=_imputed(ground, block, formula, fit) if block.imputations else None,
    )


def _imputed(ground: Ground, block: CoxBlock, formula: str, first: survival.CoxFit) -> Regression:
    """The same model with missing covariates imputed, pooled by Rubin's rules."""
    clock = ground.clocks[block.endpoint]
    filled = pooling.impute(
        ground.of(block.population),
        list(dict.fromkeys((*block.columns, *block.strata))),
        seed=ground.seed,
        outcome=clock.response,
        imputations=int(block.imputations),
    )
    fits = [survival.cox(formula, table) for table in filled.tables]
    pooled = pooling.pool_fits(fits)
    labels = dict(zip(first.names, named(first, ground, block.labels), strict=True))
    effects = tuple(
        Effect(
            labels.get(row["term"], row["term"]),
            row["ratio"],
            row["lower"],
            row["upper"],
            row["p"],
            fits[0].n,
            fits[0].events,
        )
        for row in pooled.table().iter_rows(named=True)
    )
    method = f"Cox model, {pooled.imputations} imputations pooled by Rubin’s rules"
    missing = survival.Missing(filled.missing.rows, {})
    return Regression(method, effects, (*filled.notes, *pooled.notes), missing)


def _influence(fit: survival.CoxFit) -> Floats:
    """Per coefficient, the largest change by leaving out one patient, in standard errors."""
    return np.asarray(np.abs(survival.dfbeta(fit)).max(axis=0) / fit.standard_errors)
