"""The speed benchmark measures what it says, on a few patients."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import survival_speed
import survival_tasks

TASKS = sorted({case.task for case in survival_speed.CASES})
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")


@pytest.mark.parametrize("task", TASKS)
def test_every_task_of_the_table_runs(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each task gives finite figures, seconds and megabytes."""
    monkeypatch.setattr(survival_tasks, "ENOUGH_SECONDS", 0.0)
    monkeypatch.setattr(survival_tasks, "SAMPLES", 5)
    survival_speed.write_patients(survival_speed.Case(task, 500, 4, 1.0), tmp_path)

    said = survival_tasks.measure("haemony", task, tmp_path)

    figures = said["answer"]
    assert isinstance(figures, list)
    assert np.isfinite(figures).all()
    assert isinstance(said["seconds"], float)
    assert said["seconds"] > 0


def test_a_row_says_how_many_times_as_long_others_take() -> None:
    """Ours, then the others in units of ours; stopped ones as more than the limit."""
    ours = survival_speed.Measured(0.5, 80.0, 200.0, (0.6, 0.01))
    found = {
        "haemony": ours,
        "R": survival_speed.Measured(5.0, 90.0, 300.0, (0.6, 0.01)),
        "scikit-survival": survival_speed.Measured(None, stopped=True),
    }

    row = survival_speed.line(survival_speed.Case("Cox", 1000, 10, 1.0), found, 200.0)

    assert "**0.5** | 1 | 5 (10×) | – | >200 (>400×) | – | 200 |" in row
    assert row.endswith("0e+00 |")
