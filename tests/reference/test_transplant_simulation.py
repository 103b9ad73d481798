"""Where transplant does nothing, our analyses say so; the naive ones find a benefit and warn.

Thirty of the cohorts of `benchmarks/transplant_simulation.py`; its 1,000 are run by hand.
"""

from __future__ import annotations

from transplant_simulation import cohort, summary

RUNS = 30


def test_a_true_hazard_ratio_of_one_is_covered() -> None:
    """The naive hazard ratio is far below one and warned of; ours covers one in 28 of 30 runs."""
    found = summary(RUNS, ("naive, from diagnosis", "time-dependent", "landmark"))

    naive, ours, landmark = found.rows(named=True)
    assert naive["hazard_ratio"] < 0.5
    assert (naive["covers"], naive["benefit"], naive["warns"]) == (0, 1, 1)
    assert min(ours["covers"], landmark["covers"]) >= 0.93
    assert (ours["warns"], landmark["warns"]) == (0, 0)


def test_refractory_patients_never_reach_transplant() -> None:
    """A third of the cohort is refractory, and nobody without remission is transplanted."""
    table = cohort(0)

    without = table.filter(table["remission_day"].is_null())
    assert 0.25 < without.height / table.height < 0.45
    assert without["transplant_day"].count() == 0
