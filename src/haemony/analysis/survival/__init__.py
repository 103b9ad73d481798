"""Survival analysis that a statistician would have trusted R for.

Every estimator takes a formula and a table (Polars, pandas, or a mapping of names to arrays), or a
`Surv` and arrays, and returns a frozen result that prints itself and gives a tidy table. Rows with
a missing variable are left out, counted and reported on the result.

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

from haemony.analysis.survival.comparing.gray import (
    GrayTest,
    gray,
)
from haemony.analysis.survival.comparing.logrank import (
    LogRank,
    Trend,
    Weight,
    logrank,
)
from haemony.analysis.survival.comparing.maxcombo import (
    MaxCombo,
    maxcombo,
)
from haemony.analysis.survival.comparing.pairwise import (
    PairwiseLogRank,
    pairwise_logrank,
)
from haemony.analysis.survival.competing.cause_specific import (
    CauseSpecificCox,
    cause_specific_cox,
)
from haemony.analysis.survival.competing.fine_gray import (
    FineGray,
    fine_gray,
)
from haemony.analysis.survival.curves.aalen_johansen import (
    AalenJohansen,
    Incidence,
    aalen_johansen,
)
from haemony.analysis.survival.curves.kaplan_meier import (
    Curve,
    Estimate,
    KaplanMeier,
    follow_up,
    kaplan_meier,
)
from haemony.analysis.survival.curves.nelson_aalen import (
    HazardCurve,
    NelsonAalen,
    nelson_aalen,
)
from haemony.analysis.survival.curves.restricted_mean import (
    RestrictedMeans,
    restricted_loss,
    restricted_mean,
)
from haemony.analysis.survival.data.complete import Missing
from haemony.analysis.survival.data.episodes import (
    Episodes,
    merge_events,
    recurrent,
    split,
)
from haemony.analysis.survival.data.frames import (
    Tabular,
    polars_table,
)
from haemony.analysis.survival.data.response import (
    Surv,
)
from haemony.analysis.survival.faults import (
    BadCovariate,
    BadFormula,
    BadResponse,
    BadTable,
    BeyondFollowUp,
    CollinearCovariates,
    ConstantCovariate,
    NothingToAnalyse,
    UnknownColumn,
)
from haemony.analysis.survival.ranks.concordance import (
    Concordance,
    concordance,
)
from haemony.analysis.survival.regression.comparisons import (
    Comparison,
    compare,
    contrast,
    hazard_ratios,
    joint_test,
)
from haemony.analysis.survival.regression.cox import ChiSquared, CoxFit, cox
from haemony.analysis.survival.regression.cox_data import Bias, Treatment
from haemony.analysis.survival.regression.diagnostics import (
    ProportionalHazards,
    Schoenfeld,
    Transform,
    cox_snell,
    deviance,
    dfbeta,
    dfbetas,
    martingale,
    per_cluster,
    proportional_hazards,
    schoenfeld,
    score_residuals,
)
from haemony.analysis.survival.regression.elastic_net import (
    ElasticNet,
    PenaltyChoice,
    elastic_net,
)
from haemony.analysis.survival.regression.profile import (
    profile_intervals,
)
from haemony.analysis.survival.regression.refitting import Refit
from haemony.analysis.survival.regression.resampling import (
    Bootstrap,
    CrossValidation,
    bootstrap,
    cross_validate,
)
from haemony.analysis.survival.regression.shared_frailty import (
    FrailtyEffects,
)
from haemony.analysis.survival.summarised import (
    Shape,
    SummarisedResult,
    summarised_result,
)

__all__ = [
    "AalenJohansen",
    "BadCovariate",
    "BadFormula",
    "BadResponse",
    "BadTable",
    "BeyondFollowUp",
    "Bias",
    "Bootstrap",
    "CauseSpecificCox",
    "ChiSquared",
    "CollinearCovariates",
    "Comparison",
    "Concordance",
    "ConstantCovariate",
    "CoxFit",
    "CrossValidation",
    "Curve",
    "ElasticNet",
    "Episodes",
    "Estimate",
    "FineGray",
    "FrailtyEffects",
    "GrayTest",
    "HazardCurve",
    "Incidence",
    "KaplanMeier",
    "LogRank",
    "MaxCombo",
    "Missing",
    "NelsonAalen",
    "NothingToAnalyse",
    "PairwiseLogRank",
    "PenaltyChoice",
    "ProportionalHazards",
    "Refit",
    "RestrictedMeans",
    "Schoenfeld",
    "Shape",
    "SummarisedResult",
    "Surv",
    "Tabular",
    "Transform",
    "Treatment",
    "Trend",
    "UnknownColumn",
    "Weight",
    "aalen_johansen",
    "bootstrap",
    "cause_specific_cox",
    "compare",
    "concordance",
    "contrast",
    "cox",
    "cox_snell",
    "cross_validate",
    "deviance",
    "dfbeta",
    "dfbetas",
    "elastic_net",
    "fine_gray",
    "follow_up",
    "gray",
    "hazard_ratios",
    "joint_test",
    "kaplan_meier",
    "logrank",
    "martingale",
    "maxcombo",
    "merge_events",
    "nelson_aalen",
    "pairwise_logrank",
    "per_cluster",
    "polars_table",
    "profile_intervals",
    "proportional_hazards",
    "recurrent",
    "restricted_loss",
    "restricted_mean",
    "schoenfeld",
    "score_residuals",
    "split",
    "summarised_result",
]
