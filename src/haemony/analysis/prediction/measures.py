"""The measures that resampling can judge learners by, each under its name.

A measure may also say what it would be if predictions told nothing: what .632+ needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from haemony.analysis.prediction.brier import brier
from haemony.analysis.prediction.censoring import MarginalCensoring, outcome_weights
from haemony.analysis.prediction.concordance import c_index
from haemony.analysis.prediction.discrimination import auc
from haemony.analysis.prediction.estimates import Estimates
from haemony.analysis.prediction.faults import check_choice
from haemony.analysis.prediction.predictions import Predictions
from haemony.analysis.survival.data.arrays import Floats


@dataclass(frozen=True)
class Measure:
    """A measure of predictions.

    Attributes:
        name: what tables call it.
        estimate: the measure of predictions, with its standard errors.
        no_information: (T, M) the measure if outcomes had nothing to do with predictions.
        needs_risks: whether probabilities are needed; a score serves where not.
        lowest: its least possible value.
        highest: its greatest possible value.
    """

    name: str
    estimate: Callable[[Predictions], Estimates]
    no_information: Callable[[Predictions], Floats]
    needs_risks: bool
    lowest: float = 0.0
    highest: float = 1.0


def measure_named(measure: str | Measure) -> Measure:
    """The measure of this name.

    Raises:
        BadRisks: there is none.
    """
    if isinstance(measure, Measure):
        return measure
    check_choice("measure", measure, tuple(MEASURES))
    return MEASURES[measure]


def _harrell(found: Predictions) -> Estimates:
    return c_index(found, weighting="harrell").estimates


def _uno(found: Predictions) -> Estimates:
    return c_index(found, weighting="uno").estimates


def _auc(found: Predictions) -> Estimates:
    return auc(found).estimates


def _brier(found: Predictions) -> Estimates:
    whole = brier(found).estimates
    return Estimates(found.models, found.times, whole.value[:, 1:], whole.covariance[:, 1:, 1:])


def _accuracy(found: Predictions) -> Estimates:
    return brier(found).accuracy


def _half(found: Predictions) -> Floats:
    return np.full((len(found.times), len(found.models)), 0.5)


def _zero(found: Predictions) -> Floats:
    return np.zeros((len(found.times), len(found.models)))


def _shuffled_brier(found: Predictions) -> Floats:
    """(T, M) the Brier score over all pairs of one patient's outcome and another's risk."""
    model = MarginalCensoring.of(found)
    rows = []
    for i, time in enumerate(found.times):
        case, other, free = outcome_weights(found, model, float(time))
        risk = found.risks[:, :, i]
        with_event = case.mean() * ((1 - risk) ** 2).mean(axis=1)
        rows.append(with_event + (other + free).mean() * (risk**2).mean(axis=1))
    return np.array(rows)


MEASURES = {
    "harrell": Measure("harrell", _harrell, _half, needs_risks=False),
    "uno": Measure("uno", _uno, _half, needs_risks=False),
    "auc": Measure("auc", _auc, _half, needs_risks=False),
    "brier": Measure("brier", _brier, _shuffled_brier, needs_risks=True),
    "ipa": Measure("ipa", _accuracy, _zero, needs_risks=True, lowest=-np.inf),
}
"""Harrell's and Uno's C, the area under the ROC curve, the Brier score and its index."""
