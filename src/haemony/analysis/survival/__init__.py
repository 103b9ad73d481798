"""Survival analysis that a statistician would have trusted R for.

Every estimator takes a formula and a Polars table, or a `Surv` and arrays, and returns a frozen
result. Rows with a missing variable are left out, counted and reported on the result.

>>> import polars as pl
>>> from haemony.analysis import survival
>>> table = pl.DataFrame({
...     "days": [5, 8, 8, 12, 20, 21], "died": [1, 1, 0, 1, 0, 1],
...     "NPM1": ["negative", "negative", "positive", "positive", None, "positive"],
... })
>>> curves = survival.kaplan_meier("Surv(days, died) ~ NPM1", table)
>>> curves.missing.rows, [curve.group for curve in curves.curves]
(1, ['NPM1=negative', 'NPM1=positive'])
"""

from haemony.analysis.survival.aalen_johansen import AalenJohansen, Incidence, aalen_johansen
from haemony.analysis.survival.concordance import Concordance, concordance
from haemony.analysis.survival.cox import ChiSquared, CoxFit, cox
from haemony.analysis.survival.diagnostics import (
    ProportionalHazards,
    Schoenfeld,
    Transform,
    deviance,
    dfbeta,
    martingale,
    proportional_hazards,
    schoenfeld,
    score_residuals,
)
from haemony.analysis.survival.faults import (
    BadCovariate,
    BadFormula,
    BadResponse,
    BeyondFollowUp,
    CollinearCovariates,
    ConstantCovariate,
    NothingToAnalyse,
    UnknownColumn,
)
from haemony.analysis.survival.formula import Missing
from haemony.analysis.survival.kaplan_meier import (
    Curve,
    Estimate,
    KaplanMeier,
    follow_up,
    kaplan_meier,
)
from haemony.analysis.survival.logrank import LogRank, logrank
from haemony.analysis.survival.response import Surv

__all__ = [
    "AalenJohansen",
    "BadCovariate",
    "BadFormula",
    "BadResponse",
    "BeyondFollowUp",
    "ChiSquared",
    "CollinearCovariates",
    "Concordance",
    "ConstantCovariate",
    "CoxFit",
    "Curve",
    "Estimate",
    "Incidence",
    "KaplanMeier",
    "LogRank",
    "Missing",
    "NothingToAnalyse",
    "ProportionalHazards",
    "Schoenfeld",
    "Surv",
    "Transform",
    "UnknownColumn",
    "aalen_johansen",
    "concordance",
    "cox",
    "deviance",
    "dfbeta",
    "follow_up",
    "kaplan_meier",
    "logrank",
    "martingale",
    "proportional_hazards",
    "schoenfeld",
    "score_residuals",
]
