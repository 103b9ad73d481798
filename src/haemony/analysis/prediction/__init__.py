"""How good predicted risks are, on patients the model has seen and on others.

Measures take predicted risks and what then happened; resampling takes recipes for models, so that
everything a recipe selects is selected inside each training part.

>>> import polars as pl
>>> from haemony.analysis import prediction
>>> table = pl.DataFrame({
...     "days": [40, 90, 200, 250, 400, 500], "died": [1, 1, 0, 1, 0, 1],
...     "risk": [0.8, 0.5, 0.6, 0.4, 0.1, 0.3],
... })
>>> found = prediction.predictions("Surv(days, died) ~ 1", table, risks={"A": "risk"}, times=[300])
>>> prediction.auc(found).table()["auc"].round(3).item()
1.0
>>> prediction.brier(found).accuracy_table()["ipa"].round(3).item()
0.39
"""

from haemony.analysis.prediction.brier import NULL_MODEL, Brier, brier
from haemony.analysis.prediction.calibration import Calibration, CalibrationAt, Smooth, calibration
from haemony.analysis.prediction.concordance import CIndex, c_index
from haemony.analysis.prediction.decision import (
    TREAT_ALL,
    TREAT_NONE,
    DecisionCurve,
    decision_curve,
)
from haemony.analysis.prediction.discrimination import Auc, Roc, auc, roc
from haemony.analysis.prediction.estimates import Estimates
from haemony.analysis.prediction.faults import (
    BadRisks,
    BadSplits,
    MissingLibrary,
    NoFitSucceeded,
)
from haemony.analysis.prediction.judged import Assessed, Judged
from haemony.analysis.prediction.learners import (
    CauseSpecificCox,
    CoxLearner,
    FittedBy,
    Learner,
    PenalisedCox,
    RandomEffectsCox,
    RiskModel,
    ScoreModel,
)
from haemony.analysis.prediction.measures import Measure
from haemony.analysis.prediction.observed import pseudo_values
from haemony.analysis.prediction.predictions import Predictions, predictions
from haemony.analysis.prediction.preparation import Filling, Preparation, PreparedLearner
from haemony.analysis.prediction.resampling import bootstrap_validate, split_validate
from haemony.analysis.prediction.splits import Split, Splits
from haemony.analysis.prediction.trees import TreesCox
from haemony.analysis.prediction.validated import BootstrapValidated, SplitValidated

__all__ = [
    "NULL_MODEL",
    "TREAT_ALL",
    "TREAT_NONE",
    "Assessed",
    "Auc",
    "BadRisks",
    "BadSplits",
    "BootstrapValidated",
    "Brier",
    "CIndex",
    "Calibration",
    "CalibrationAt",
    "CauseSpecificCox",
    "CoxLearner",
    "DecisionCurve",
    "Estimates",
    "Filling",
    "FittedBy",
    "Judged",
    "Learner",
    "Measure",
    "MissingLibrary",
    "NoFitSucceeded",
    "PenalisedCox",
    "Predictions",
    "Preparation",
    "PreparedLearner",
    "RandomEffectsCox",
    "RiskModel",
    "Roc",
    "ScoreModel",
    "Smooth",
    "Split",
    "SplitValidated",
    "Splits",
    "TreesCox",
    "auc",
    "bootstrap_validate",
    "brier",
    "c_index",
    "calibration",
    "decision_curve",
    "predictions",
    "pseudo_values",
    "roc",
    "split_validate",
]
