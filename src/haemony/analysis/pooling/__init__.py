"""Several sources, and several imputed tables, combined into one answer.

Meta-analysis with its heterogeneity, one- and two-stage pooling of patients of several sources,
multiple imputation by chained equations, and Rubin's rules for models and curves.

>>> from haemony.analysis import pooling
>>> pooling.meta([-0.5, -0.2, 0.1], [0.2, 0.25, 0.3], ["98A", "98B", "07-04"]).q_df
2
"""

from haemony.analysis.pooling.faults import (
    CannotImpute,
    DifferentEndpoints,
    NothingToPool,
    UndefinedEndpoint,
)
from haemony.analysis.pooling.imputation import Imputed, impute
from haemony.analysis.pooling.meta import MetaAnalysis, meta
from haemony.analysis.pooling.missingness import Missingness, complete_or_imputed, missingness
from haemony.analysis.pooling.rubin import Pooled, PooledCurves, pool_curves, pool_fits, rubin
from haemony.analysis.pooling.sources import (
    OneStage,
    TwoStage,
    leave_one_source_out,
    one_stage,
    two_stage,
)

__all__ = [
    "CannotImpute",
    "DifferentEndpoints",
    "Imputed",
    "MetaAnalysis",
    "Missingness",
    "NothingToPool",
    "OneStage",
    "Pooled",
    "PooledCurves",
    "TwoStage",
    "UndefinedEndpoint",
    "complete_or_imputed",
    "impute",
    "leave_one_source_out",
    "meta",
    "missingness",
    "one_stage",
    "pool_curves",
    "pool_fits",
    "rubin",
    "two_stage",
]
