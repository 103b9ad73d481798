"""Pictures of performance: each draws, and says in words what it shows."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from haemony.analysis import prediction
from haemony.analysis.report.figures.performance import (
    calibration_plot,
    decision_curves,
    roc_curves,
)


@pytest.fixture(scope="module")
def found() -> prediction.Predictions:
    """Two models' risks of 300 made-up patients."""
    draw = np.random.default_rng(2)
    x = draw.normal(size=300)
    time, leaving = draw.exponential(10 / np.exp(x)), draw.uniform(2, 30, 300)
    table = pl.DataFrame(
        {
            "time": np.minimum(time, leaving),
            "event": (time <= leaving).astype(int),
            "good": 1 - np.exp(-np.exp(x) / 2),
            "flat": np.full(300, 0.5),
        }
    )
    risks = {"Good": "good", "Flat": "flat"}
    return prediction.predictions("Surv(time, event) ~ 1", table, risks=risks, times=[5])


def test_roc_curves_name_their_areas(found: prediction.Predictions) -> None:
    """Beside each curve and in the words for those who do not see it stands its area."""
    areas = prediction.auc(found)

    sketch = roc_curves(prediction.roc(found), "roc.svg", areas=areas)

    area = areas.table()["auc"][0]
    assert f"Good: {area:.3f} (" in sketch.alt
    assert f"Good: {area:.3f}" in sketch.drawn("a test").svg
    assert "Flat: 0.500" in roc_curves(prediction.roc(found), "roc.svg").alt


def test_a_calibration_plot_hides_small_groups(found: prediction.Predictions) -> None:
    """Groups and strokes of fewer patients than asked are not drawn; no curve is no fault."""
    parts = prediction.calibration(found, draws=0).parts

    whole = calibration_plot(parts, "calibration.svg")
    hidden = calibration_plot(parts, "calibration.svg", least=1000)

    assert "O/E" in whole.alt
    assert whole.drawn("a test").svg.count("<path") > hidden.drawn("a test").svg.count("<path")


def test_decision_curves_end_where_no_benefit_is_left(found: prediction.Predictions) -> None:
    """Thresholds at which no model helps are not drawn unless asked for."""
    curves = prediction.decision_curve(found, draws=10)

    sketch = decision_curves(curves, "decision.svg")

    assert "Treat all" in sketch.alt
    svg = sketch.drawn("a test").svg
    assert "Risk at which one would act" in svg
    assert decision_curves(curves, "decision.svg", until=0.3).drawn("a test").svg != svg
