"""Blurred numbers: by chance, the same for the same person, and true in what must stay true."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haemony.privacy.assessment import assess
from haemony.privacy.blurring import Draws, Fresh, Keyed, NoDraws, Seeded, factors
from haemony.privacy.cut import NotNumbers, cut
from haemony.privacy.policy import Coarsening, Policy, QuasiIdentifier, Treatment

KEY, OTHER = bytes(32), bytes([1]) * 32
MANY = range(4000)


def policy(*released: Coarsening) -> Policy:
    """Two alike by sex are enough; these columns go out beside it."""
    sex = QuasiIdentifier("sex", Treatment.KEEP)
    return Policy("cut", "a colleague", "under agreement", (sex,), 0.5, released=released)


def told(column: pl.Series, how: Coarsening, draws: Draws | None = None) -> pl.Series:
    """What is told of a column."""
    table = pl.DataFrame({"sex": ["f"] * len(column), how.column: column})
    return cut(table, policy(how), draws or Seeded(1)).frame[how.column]


def factor(draws: Draws, blur: float, rows: int = len(MANY), together: str = "") -> np.ndarray:
    """The factors of one column."""
    return factors([Coarsening("wbc", blur=blur, together=together)], draws, rows)["wbc"]


@pytest.mark.parametrize("draws", [Keyed(KEY, MANY), Fresh(), Seeded(1)])
@pytest.mark.parametrize("blur", [0.05, 0.4, 2.0])
def test_the_median_stays(draws: Draws, blur: float) -> None:
    """Half of the factors are above 1, and their logarithms spread as asked, whoever draws."""
    logs = np.log(factor(draws, blur))

    assert abs(np.median(logs)) < 0.1 * blur
    assert logs.std() == pytest.approx(blur, rel=0.06)
    assert abs(logs[1:] @ logs[:-1] / (logs @ logs)) < 0.08


def test_a_person_is_blurred_alike_in_every_cut() -> None:
    """Neither the policy nor who else is in the table changes the factor: averages tell nothing."""
    patients = pl.DataFrame({"sex": ["f", "f", "m", "m"], "wbc": [10.5, 20.5, 30.5, 40.5]})
    rules = policy(Coarsening("wbc", blur=0.4))
    other = Policy(
        "other", "anyone", "public", rules.quasi_identifiers, 0.5, released=rules.released
    )

    first = cut(patients, rules, Keyed(KEY, [3, 1, 4, 5])).frame
    second = cut(patients[2:], other, Keyed(KEY, [4, 5])).frame

    assert second["wbc"].to_list() == first["wbc"].to_list()[2:]
    assert not set(first["wbc"]) & set(patients["wbc"])


def test_another_key_blurs_otherwise() -> None:
    """Without the platform's key nobody knows a factor; nor does a key tell that of a column."""
    mine, theirs = factor(Keyed(KEY, MANY), 0.4), factor(Keyed(OTHER, MANY), 0.4)
    elsewhere = factor(Keyed(KEY, MANY), 0.4, together="wbc")

    for other in (theirs, elsewhere):
        assert abs(np.corrcoef(np.log(mine), np.log(other))[0, 1]) < 0.06


def test_a_coarser_cut_tells_nothing_beyond_a_finer_one() -> None:
    """A number blurred more is the number blurred less with noise that does not depend on it."""
    fine, coarse = (np.log(factor(Keyed(KEY, MANY), blur)) for blur in (0.3, 0.5))

    assert abs(np.corrcoef(fine, coarse - fine)[0, 1]) < 0.06
    assert (coarse - fine).std() == pytest.approx(0.4, rel=0.06)


def test_every_run_without_a_key_is_another() -> None:
    """Nothing can be drawn twice that does not come from a key or a seed."""
    assert not (factor(Fresh(), 0.4) == factor(Fresh(), 0.4)).any()
    assert (factor(Seeded(1), 0.4) == factor(Seeded(1), 0.4)).all()


@given(st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 4000)), min_size=2, max_size=30))
def test_the_order_of_events_stays(days: list[tuple[int, int]]) -> None:
    """Who relapsed before death did so by the blurred days as well; at most they become one."""
    table = pl.DataFrame({
        "sex": ["f"] * len(days),
        "relapse": [min(pair) for pair in days], "death": [max(pair) for pair in days],
    })  # fmt: skip
    course = [Coarsening(day, blur=0.4, together="course") for day in ("relapse", "death")]

    for draws in (Keyed(KEY, range(len(days))), Fresh()):
        frame = cut(table, policy(*course), draws).frame
        assert (frame["relapse"] <= frame["death"]).all()


def test_zero_missing_and_whole_numbers_stay_what_they_are() -> None:
    """Day 0 is day 0, unknown is unknown, a day is a whole number, and the day after is not 0."""
    days = pl.Series("day", [0, None, *[1] * 200, *range(2, 200)])

    blurred = told(days, Coarsening("day", blur=1.0))

    assert blurred.dtype == pl.Int64
    assert blurred.to_list()[:2] == [0, None]
    assert blurred.null_count() == 1
    assert blurred.drop_nulls()[1:].min() == 1
    assert (blurred != days).sum() > 250
    assert told(days.cast(pl.String), Coarsening("day", blur=1.0)).to_list() == blurred.to_list()


def test_what_is_measured_in_fractions_stays_so() -> None:
    """White cells are not rounded to whole numbers, and digits are cut after the blur."""
    cells = pl.Series("wbc", np.linspace(0.1, 200, 500))

    blurred = told(cells, Coarsening("wbc", blur=0.4))
    cut_off = told(cells, Coarsening("wbc", blur=0.4, digits=2, top=100))

    assert (blurred != blurred.round()).sum() > 450
    assert cut_off.to_list() == blurred.clip(None, 100).round_sig_figs(2).to_list()


def test_no_policy_is_silently_exact() -> None:
    """Where the noise should come from and nobody says, nothing is cut."""
    table = pl.DataFrame({"sex": ["f", "f"], "wbc": [1.5, 2.5]})

    with pytest.raises(NoDraws, match="blurs wbc and no source of noise"):
        cut(table, policy(Coarsening("wbc", blur=0.4)))


def test_words_are_not_blurred() -> None:
    """A column of words is refused."""
    with pytest.raises(NotNumbers, match="wbc"):
        told(pl.Series("wbc", ["high", "low"]), Coarsening("wbc", blur=0.4))


def test_noise_is_for_the_people_of_the_table() -> None:
    """As many persons as rows, or nothing is drawn."""
    with pytest.raises(ValueError, match="3 rows and 2 persons"):
        Keyed(KEY, [7, 8]).normal("wbc", 3)


def test_the_assessment_says_what_is_blurred() -> None:
    """A reviewer reads by how much, and with which other columns."""
    table = pl.DataFrame({"sex": ["f", "f"], "relapse": [10, 20], "death": [30, 40]})
    course = [Coarsening(day, blur=0.4, together="course") for day in ("relapse", "death")]

    released = assess(cut(table, policy(*course), Seeded(1)))["variables"]["released"]

    assert released[0] == {"column": "relapse", "blurred by": 0.4, "together with": "course"}
