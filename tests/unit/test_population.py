"""Population uniques: each model by its own definition, and on populations made to fit it."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from haemony.privacy.anonymity.faults import BadModel
from haemony.privacy.population import (
    ClassSizes,
    Estimator,
    PopulationUniques,
    pitman,
    population_uniques,
    slide_negative_binomial,
    uniques_of,
    zayatz,
)

Labels = NDArray[np.int64]
SEEDS = range(20)


def classes_of(sample: Labels, population: int) -> ClassSizes:
    """Class sizes of a labelled sample."""
    sizes, counts = np.unique(np.unique(sample, return_counts=True)[1], return_counts=True)
    return ClassSizes(tuple(sizes.tolist()), tuple(counts.tolist()), population)


def estimated(people: Labels, fraction: float, seed: int) -> PopulationUniques:
    """Estimates from a random sample."""
    rng = np.random.default_rng(seed)
    sample = rng.choice(people, int(fraction * len(people)), replace=False)
    return uniques_of(classes_of(sample, len(people)))


def mean(people: Labels, fraction: float, estimator: Estimator) -> float:
    """The mean estimate over samples; every sample must have one."""
    found = [estimated(people, fraction, seed).by_estimator[estimator] for seed in SEEDS]
    assert None not in found
    return float(np.mean([value for value in found if value is not None]))


def uniques(people: Labels) -> int:
    """How many are alone."""
    return int((np.unique(people, return_counts=True)[1] == 1).sum())


def pitman_people(count: int, theta: float, alpha: float, rng: np.random.Generator) -> Labels:
    """People who come one by one and found a class or join one, as Pitman's formula has it."""
    labels, sizes = [0], [1]
    for here in range(1, count):
        if rng.random() < (theta + len(sizes) * alpha) / (theta + here):
            labels.append(len(sizes))
            sizes.append(1)
            continue
        while True:  # join a class in proportion to its size less alpha
            label = labels[rng.integers(here)]
            if rng.random() < (sizes[label] - alpha) / sizes[label]:
                break
        labels.append(label)
        sizes[label] += 1
    return np.array(labels)


def test_pitman_is_right_about_its_own_populations() -> None:
    """Ten populations of 5,000 (θ = 50, α = 0.4), a tenth of each seen: right within a tenth."""
    rng = np.random.default_rng(4)
    people = [pitman_people(5_000, 50, 0.4, rng) for _ in range(10)]

    truth = np.mean([uniques(one) for one in people])
    found = np.mean([mean(one, 0.1, Estimator.PITMAN) for one in people])

    assert found == pytest.approx(truth, rel=0.1)


def test_pitmans_expectation_is_that_of_its_definition() -> None:
    """The closed form equals the product of the chances that no one joins a class of one."""
    theta, alpha, count = 7.0, 0.3, 200
    product = count * math.prod((theta + alpha + i - 1) / (theta + i) for i in range(1, count))
    rng = np.random.default_rng(8)

    simulated = [uniques(pitman_people(count, theta, alpha, rng)) for _ in range(400)]

    error = np.std(simulated) / math.sqrt(400)
    assert np.mean(simulated) == pytest.approx(product, abs=4 * error)


def test_the_slide_negative_binomial_is_right_about_its_own_populations() -> None:
    """Class sizes less 1 negative binomial (0.6, 0.1): right within 5 % from one in five."""
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(40_000), 1 + rng.negative_binomial(0.6, 0.1, 40_000))

    for fraction in (0.2, 0.5):
        found = mean(people, fraction, Estimator.SLIDE_NEGATIVE_BINOMIAL)
        assert found == pytest.approx(uniques(people), rel=0.05)


def test_the_slide_negative_binomial_is_unbiased_and_wide_in_small_samples() -> None:
    """One in twenty: right on average over 30 populations, single estimates off by a fifth."""
    ratios = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        people = np.repeat(np.arange(20_000), 1 + rng.negative_binomial(0.6, 0.1, 20_000))
        found = estimated(people, 0.05, seed).by_estimator[Estimator.SLIDE_NEGATIVE_BINOMIAL]
        assert found is not None
        ratios.append(found / uniques(people))

    assert np.mean(ratios) == pytest.approx(1, abs=3 * np.std(ratios) / math.sqrt(30))
    assert 0.1 < np.std(ratios) < 0.4


def test_zayatz_by_hand() -> None:
    """Bayes' rule on four classes of a sample.

    Three classes of 1 and one of 2 in a sample of 5 out of 10: a class of 1 is seen alone with
    chance 1/2, one of 2 with 5/9, so a sample unique is one of the population with chance
    (3/4 · 1/2) / (3/4 · 1/2 + 1/4 · 5/9) = 27/37; of three, doubled for those not in the sample.
    """
    assert zayatz(ClassSizes((1, 2), (3, 1), 10)) == pytest.approx(3 * 27 / 37 * 2)


def test_zayatz_is_too_high_in_small_samples() -> None:
    """Sample classes are smaller than population classes: eight times too many at one in twenty."""
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(4_000), 1 + rng.negative_binomial(0.6, 0.1, 4_000))

    assert mean(people, 0.05, Estimator.ZAYATZ) > 5 * uniques(people)
    assert mean(people, 0.5, Estimator.ZAYATZ) == pytest.approx(uniques(people), rel=0.15)


def test_a_sample_of_everybody_needs_no_model() -> None:
    """At fraction 1, Zayatz and the slide negative binomial give what is there."""
    everybody = ClassSizes((1, 2, 5), (7, 3, 2), 23)

    assert zayatz(everybody) == pytest.approx(7)
    assert slide_negative_binomial(everybody) == 7


def test_pitman_has_no_estimate_without_a_spread_of_sizes() -> None:
    """All alone or nobody alone: the rule falls back to Zayatz."""
    alone, nobody = ClassSizes((1,), (9,), 1_000), ClassSizes((3,), (9,), 1_000)

    assert pitman(alone) is None
    assert pitman(nobody) is None
    assert uniques_of(alone).chosen is Estimator.ZAYATZ
    assert uniques_of(nobody).uniques == 0


@pytest.mark.parametrize(
    ("population", "chosen"),
    [(1_090, Estimator.PITMAN), (1_089, Estimator.SLIDE_NEGATIVE_BINOMIAL)],
)
def test_dankars_rule_turns_at_a_tenth(population: int, chosen: Estimator) -> None:
    """Up to a tenth Pitman; above, the lower of the other two."""
    found = uniques_of(ClassSizes((1, 2, 3, 10), (40, 12, 5, 3), population))

    assert found.chosen is chosen
    if chosen is not Estimator.PITMAN:
        others = [value for e, value in found.by_estimator.items() if e is not Estimator.PITMAN]
        assert found.uniques == min(value for value in others if value is not None)


def test_a_frame_gives_its_class_sizes() -> None:
    """Grouped by the quasi-identifiers; the population must hold the sample."""
    frame = pl.DataFrame({"sex": list("ffmmm"), "age": [60, 60, 60, 71, 71]})

    assert ClassSizes.of(frame, ["sex", "age"], 100) == ClassSizes((1, 2), (1, 2), 100)
    with pytest.raises(BadModel, match="a sample of 5"):
        population_uniques(frame, ["sex"], population=4)
