"""Concordance: what it refuses, what it says of nothing, and how it prints."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from haemony.analysis.survival.data.response import Surv
from haemony.analysis.survival.faults import BadCovariate
from haemony.analysis.survival.ranks.concordance import compare_pairs, concordance


def test_scores_that_are_no_numbers_for_each_patient_are_refused() -> None:
    """A missing score, or another number of scores, is an error that names the score."""
    response = Surv.right([1, 2, 3], [1, 1, 0])

    for score in (None, [1.0, np.nan, 2.0], [1.0, 2.0]):
        with pytest.raises(BadCovariate, match=r"'score'.*give one finite number for each"):
            concordance(response, score=score)


def test_without_comparable_patients_concordance_is_unknown() -> None:
    """Nobody died, or all died on one day: no number, and null in the table."""
    for died in ([0, 0], [1, 1]):
        found = concordance(Surv.right([2, 2], died), score=[1.0, 2.0])

        assert np.isnan(found.value)
        assert found.table()["concordance"].to_list() == [None]
        assert "NA" in str(found)


def test_a_score_without_differences_says_nothing() -> None:
    """All tied: a half, with no standard error."""
    found = concordance(Surv.right([1, 2, 3], [1, 1, 1]), score=[5.0, 5.0, 5.0])

    assert (found.value, found.std_err, found.tied) == (0.5, 0.0, 3.0)


def test_many_strata_are_kept_apart_whatever_their_codes() -> None:
    """Codes too large for 32 bits give what small ones give, weights and ties included."""
    draw = np.random.default_rng(7)
    n = 400
    response = Surv.right(draw.integers(1, 30, n), draw.integers(0, 2, n))
    score, weights = draw.integers(0, 9, n) / 2, draw.integers(1, 5, n) / 4
    strata = draw.integers(0, 40, n)

    small = compare_pairs(response, score, weights=weights, strata=strata)
    large = compare_pairs(response, score, weights=weights, strata=strata << 26)

    assert large == small


def test_rows_left_out_are_printed() -> None:
    """A patient without a score is counted beside the figure."""
    table = pl.DataFrame({"days": [1, 2, 3], "died": [1, 1, 0], "risk": [3.0, None, 1.0]})

    assert "1 row left out" in str(concordance("Surv(days, died) ~ risk", table))
