"""Policies and cuts: nothing leaves that nobody judged, and nothing above the threshold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haemony.privacy.anonymity import DeltaPresence, Hierarchy, Recoding, intervals
from haemony.privacy.assessment import assess
from haemony.privacy.cut import NotNumbers, PolicyMissed, Unclassified, cut
from haemony.privacy.microaggregation import TooFew, microaggregate
from haemony.privacy.policy import (
    Adversary,
    Coarsening,
    Policy,
    PolicyFault,
    Population,
    QuasiIdentifier,
    Treatment,
)

KEEP, MEAN, TREE = Treatment.KEEP, Treatment.MICROAGGREGATE, Treatment.GENERALISE
BLANK = Treatment.SUPPRESS
STAGE = Hierarchy.of_rows(
    "stage", [("I", "early", "*"), ("II", "early", "*"), ("III", "late", "*"), ("IV", "late", "*")]
)


def people(rows: int, seed: int = 1) -> pl.DataFrame:
    """A small in-silico table."""
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "sex": rng.choice(["f", "m"], rows),
            "age": rng.integers(18, 80, rows),
            "stage": rng.choice(["I", "II", "III", "IV"], rows),
            "days": rng.integers(1, 4000, rows),
        }
    )


def policy(*quasi: QuasiIdentifier, **more: object) -> Policy:
    """A policy over the small table, k = 5."""
    given = {"threshold": 0.2, "released": (Coarsening("days"),), **more}
    return Policy("cut", "a colleague", "under agreement", quasi, **given)  # type: ignore[arg-type]


def test_every_class_is_large_enough() -> None:
    """Kept, generalised and averaged columns together single out fewer than one in five."""
    rules = policy(
        QuasiIdentifier("sex", KEEP), QuasiIdentifier("stage", TREE, STAGE),
        QuasiIdentifier("age", MEAN), suppression_limit=0.1,
    )  # fmt: skip

    made = cut(people(400), rules)

    sizes = made.frame.group_by("sex", "stage", "age").len()["len"]
    assert min(sizes.to_list()) >= 5
    assert made.after.prosecutor.highest <= 0.2
    assert made.frame.columns == ["sex", "stage", "age", "days"]


def test_rows_keep_what_is_released() -> None:
    """Released columns stay with the record they belong to."""
    table = people(300)
    made = cut(table, policy(QuasiIdentifier("sex", KEEP), QuasiIdentifier("age", MEAN),
                             dropped=("stage",)))  # fmt: skip

    rows = list(made.rows)
    assert made.frame["days"].to_list() == table["days"].gather(rows).to_list()
    assert made.frame["sex"].to_list() == table["sex"].gather(rows).to_list()
    by_sex = table.group_by("sex").agg(pl.col("age").mean()).sort("sex")["age"].to_list()
    told = made.frame.group_by("sex").agg(pl.col("age").mean()).sort("sex")["age"].to_list()
    assert told == pytest.approx(by_sex, abs=0.02)


def test_what_nobody_judged_stays() -> None:
    """A column that the policy does not name refuses the cut."""
    with pytest.raises(Unclassified, match="stage"):
        cut(people(50), policy(QuasiIdentifier("sex", KEEP), QuasiIdentifier("age", MEAN)))


def test_a_missed_policy_is_refused() -> None:
    """Too many records left out: nothing leaves, and the figures are named."""
    rare = people(60).with_columns(pl.Series("sex", [f"s{i % 30}" for i in range(60)]))

    with pytest.raises(PolicyMissed, match="60 of 60 records would be left out"):
        cut(rare, policy(QuasiIdentifier("sex", KEEP), dropped=("age", "stage")))


def test_missing_ages_are_a_class_of_their_own() -> None:
    """Unknown is a value: too few unknown ages are left out, enough of them stay."""
    ages = [None] * 3 + list(range(20, 60)) + [None] * 0
    table = pl.DataFrame({"age": ages, "days": range(len(ages))})
    few = cut(table, policy(QuasiIdentifier("age", MEAN), suppression_limit=0.2))
    more = pl.DataFrame({"age": [None] * 6 + list(range(20, 60)), "days": range(46)})
    enough = cut(more, policy(QuasiIdentifier("age", MEAN)))

    assert few.suppressed == 3
    assert (enough.suppressed, enough.frame["age"].null_count()) == (0, 6)


def test_numbers_are_coarsened() -> None:
    """Tails are capped and numbers rounded as the policy says."""
    rules = policy(
        QuasiIdentifier("sex", KEEP), dropped=("age", "stage"),
        released=(Coarsening("days", bottom=30, top=3650, round_to=30),),
    )  # fmt: skip

    days = cut(people(300), rules).frame["days"]

    assert min(days) >= 30
    assert max(days) <= 3660
    assert (days % 30 == 0).all()


def test_words_are_not_averaged() -> None:
    """A column of words cannot be microaggregated; the way out is named."""
    with pytest.raises(NotNumbers, match="hierarchy"):
        cut(people(60), policy(QuasiIdentifier("stage", MEAN), dropped=("sex", "age")))


def test_single_cells_are_suppressed() -> None:
    """A cell is told or blank, what is rare is blank, and hardly a record is lost for it."""
    table = people(400).with_columns(
        pl.Series("sex", [f"rare {i}" if i < 6 else "f" for i in range(400)])
    )
    rules = policy(
        QuasiIdentifier("sex", BLANK), QuasiIdentifier("stage", BLANK), dropped=("age",)
    )  # fmt: skip

    made = cut(table, rules)

    told = table[list(made.rows)]
    for name in ("sex", "stage"):
        blank = made.frame[name] == "*"
        assert made.frame[name].filter(~blank).to_list() == told[name].filter(~blank).to_list()
        assert made.cells_suppressed[name] == int(blank.sum())
    assert set(made.frame["sex"].to_list()) <= {"f", "*"}
    assert made.cells_suppressed["sex"] >= 6
    assert made.suppressed == 0
    assert made.frame.group_by("sex", "stage").len()["len"].min() >= 5  # type: ignore[operator]
    told_of = {q["column"]: q for q in assess(made)["variables"]["quasi-identifiers"]}
    assert told_of["sex"]["cells suppressed"] == made.cells_suppressed["sex"]


AGE = intervals("age", range(18, 80), [10, 20])


def mapped(**more: object) -> Policy:
    """A policy that measures records against the population they were drawn from."""
    given = {
        "recoding": Recoding.FULL_DOMAIN, "adversary": Adversary.JOURNALIST, "dropped": ("sex",),
        "population": Population("everybody.csv", people(3000), "0" * 64), **more,
    }  # fmt: skip
    return policy(QuasiIdentifier("age", TREE, AGE), QuasiIdentifier("stage", TREE, STAGE), **given)


def matching(told: pl.DataFrame) -> pl.Series:
    """People of the population whom each record may be, found without the engine."""
    everybody = people(3000)
    fits = {"early": ["I", "II"], "late": ["III", "IV"], "*": ["I", "II", "III", "IV"]}
    ages = {label: [] for label in told["age"].unique().to_list()}  # type: ignore[var-annotated]
    for row in AGE.rows:
        for label in row:
            if label in ages:
                ages[label].append(int(row[0]))
    counts = [
        everybody.filter(
            pl.col("age").is_in(ages[age]) & pl.col("stage").is_in(fits.get(stage, [stage]))
        ).height
        for age, stage in told.select("age", "stage").rows()
    ]
    return pl.Series(counts)


def test_a_journalist_meets_the_population() -> None:
    """Records may be alone in the cut where at least k people of the population share them."""
    table = people(3000)[::40]

    made = cut(table, mapped())
    strict = cut(table, mapped(adversary=Adversary.PROSECUTOR, population=None))

    counts = matching(made.frame)
    assert counts.min() >= 5  # type: ignore[operator]
    assert made.after.population_of_row is not None
    assert made.after.population_of_row.tolist() == counts.to_list()
    assert made.exposure.highest == 1 / counts.min()  # type: ignore[operator]
    assert made.after.prosecutor.highest > 0.2
    assert sum(made.loss.values()) < sum(strict.loss.values())
    told = assess(made)
    assert told["policy"]["models"] == ["5-map"]
    assert told["policy"]["population"]["people"] == 3000
    assert told["risk"]["after"]["highest journalist risk"] == made.exposure.highest


def test_presence_stays_uncertain() -> None:
    """Nobody of the population is in the cut with a chance beyond the bounds, or nothing leaves."""
    table = people(3000)[::2]
    bounds = (DeltaPresence(0.4, 0.6),)

    made = cut(table, mapped(models=bounds, suppression_limit=0.0))
    with pytest.raises(PolicyMissed, match="at best"):
        cut(table, mapped(models=(DeltaPresence(0.0, 0.3),), suppression_limit=0.0))

    share = made.after.of_row / matching(made.frame).to_numpy()
    assert 0.4 <= share.min() <= share.max() <= 0.6


FILE = """\
name = "cut"
recipient = "a colleague"
context = "under agreement"
dropped = ["stage"]
[quasi_identifiers]
sex = { treatment = "keep" }
age = { treatment = "microaggregate" }
[released]
days = { round_to = 7 }
"""


def written(folder: Path, text: str) -> Path:
    """A policy file."""
    path = folder / "cut.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_policy_is_a_file(tmp_path: Path) -> None:
    """What a reviewer reads is what is applied; the default threshold asks for twelve alike."""
    read = Policy.read(written(tmp_path, FILE))

    assert (read.k, read.columns, read.dropped) == (12, ("sex", "age", "days"), ("stage",))
    assert read.released == (Coarsening("days", round_to=7),)
    assert len(read.sha256) == 64


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('name = "cut"\n', ""), "name: is absent"),
        (('"keep"', '"hide"'), "takes one of: keep, generalise, suppress, microaggregate"),
        (('"keep"', '"generalise"'), "name its file"),
        (('dropped = ["stage"]', 'dropped = ["sex"]'), "stands there twice"),
        (("round_to = 7", "round = 7"), "unexpected keyword argument 'round'"),
        (("round_to = 7", "blur = 0"), "blur is a multiple of 0.05 up to 2, and above 0"),
        (("round_to = 7", "blur = 2.05"), "blur is a multiple of 0.05 up to 2, and above 0"),
        (("round_to = 7", "blur = 0.33"), "blur is a multiple of 0.05 up to 2, and above 0"),
        (("round_to = 7", "blur = nan"), "digits and blur are numbers"),
        (("round_to = 7", "blur = true"), "digits and blur are numbers"),
        (("round_to = 7", 'blur = "much"'), "digits and blur are numbers"),
        (("round_to = 7", "blur = 0.4, together = 1"), "together is a name"),
        (("round_to = 7", 'together = "course"'), "is for columns that are blurred"),
        (
            (
                "days = { round_to = 7 }",
                'days = { blur = 0.4, together = "course" }\n'
                'death = { blur = 0.3, together = "course" }',
            ),
            "columns blurred together as 'course' have the same blur",
        ),
        (('dropped = ["stage"]', "suppresion_limit = 0.1"), "is not known"),
        (('dropped = ["stage"]', "threshold = 2"), "lies between 0 and 1"),
        (('dropped = ["stage"]', "threshold = 0"), "which nothing reaches"),
        (('dropped = ["stage"]', 'recoding = "full domain"'), "choose local"),
        (("[released]", '[[models]]\nmodel = "k-fold"\n[released]'), "each has model = one of"),
        (("[quasi_identifiers]", "[quasi_identifiers"), "is no TOML"),
        (('dropped = ["stage"]', 'adversary = "journalist"'), "population = FILE"),
        (('dropped = ["stage"]', 'population = "nobody.csv"'), "nobody.csv is absent"),
        (('dropped = ["stage"]', 'population = "cut.toml"'), "choose full domain"),
        (
            (
                'age = { treatment = "microaggregate" }',
                '[[models]]\nmodel = "k-map"\nk = 12',
            ),
            "population = FILE",
        ),
    ],
)
def test_a_wrong_policy_says_where(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    """Every mistake in a policy is named with its place and the way out."""
    assert change[0] in FILE
    with pytest.raises(PolicyFault, match=r"cut\.toml") as caught:
        Policy.read(written(tmp_path, FILE.replace(*change)))

    assert said in str(caught.value)


MAPPED = """\
name = "cut"
recipient = "a colleague"
context = "a secure environment"
threshold = 0.2
adversary = "journalist"
population = "everybody.csv"
recoding = "full domain"
dropped = ["sex"]
[[models]]
model = "delta-presence"
lowest = 0
highest = 0.6
[quasi_identifiers]
age = { treatment = "generalise", intervals = [10, 20], from = 18, to = 79 }
stage = { treatment = "generalise", hierarchy = "stage.csv" }
[released]
days = { round_to = 7 }
"""


def test_a_population_lies_beside_its_policy(tmp_path: Path) -> None:
    """The file of everybody is read with the policy, and what it lacks is named."""
    STAGE.write(tmp_path / "stage.csv")
    people(3000).write_csv(tmp_path / "everybody.csv")

    made = cut(people(3000)[::3], Policy.read(written(tmp_path, MAPPED)))
    people(3000).drop("age").write_csv(tmp_path / "everybody.csv")
    with pytest.raises(PolicyFault, match="population: lacks age"):
        Policy.read(written(tmp_path, MAPPED))

    assert made.policy.k == 5
    assert made.exposure.highest <= 0.2
    assert made.frame["days"].len() == 1000 - made.suppressed


@given(st.lists(st.integers(0, 40).map(float), min_size=2, max_size=11), st.integers(2, 4))
def test_no_grouping_has_less_error(numbers: list[float], k: int) -> None:
    """Compared with every partition of the ordered numbers into groups of at least k."""
    if len(numbers) < k:
        with pytest.raises(TooFew):
            microaggregate(np.array(numbers), k)
        return

    told = microaggregate(np.array(numbers), k)

    error = float(((np.array(numbers) - told) ** 2).sum())
    assert error == pytest.approx(least(sorted(numbers), k), abs=1e-9)
    assert told.mean() == pytest.approx(np.mean(numbers))


def least(ordered: list[float], k: int) -> float:
    """The least squared error, by trying everything."""
    if not ordered:
        return 0.0
    best = float("inf")
    for size in range(k, len(ordered) + 1):
        rest = len(ordered) - size
        if rest == 0 or rest >= k:
            group = np.array(ordered[:size])
            best = min(best, float(((group - group.mean()) ** 2).sum()) + least(ordered[size:], k))
    return best
