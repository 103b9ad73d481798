"""Population uniques, estimated from a sample: how many people are alone with their values.

Where the population is not at hand, models say from the sizes of the sample's classes how many
people of a population of known size are unique in it. All take the sample as drawn at random.

*Pitman*: classes arise as in Pitman's sampling formula with two parameters, fitted by maximum
likelihood (Hoshino 2001, J Off Stat 17:499-520). For sparse data and small samples; too high where
large populations fill a bounded number of combinations.
*Zayatz*: a sample unique is a population unique with the probability that Bayes' rule gives when
population classes have the sizes of sample classes (Zayatz 1991, US Census Bureau, Research Report
91/08). Sample classes are smaller, so it is too high, the more so the smaller the sample.
*Slide negative binomial*: sizes of population classes, less 1, are negative binomial (Chen,
Keller-McNulty 1998, J Off Stat 14:79-95). We solve for its three parameters so that the
population's size, the sample's classes and its uniques come out as they are. Right for populations
that are like that at every sampling fraction; too high for most others, as real data are.
*Dankar's rule*: Pitman in samples of up to a tenth (Zayatz where Pitman has no estimate), else the
lower of slide negative binomial and Zayatz (Dankar, El Emam, Neisa, Roffey 2012,
doi:10.1186/1472-6947-12-66).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.optimize import least_squares, minimize
from scipy.special import gammaln
from scipy.stats import hypergeom

from haemony.privacy.anonymity.disclosure import risk
from haemony.privacy.anonymity.faults import BadModel

Floats = NDArray[np.float64]

DANKAR_FRACTION = 0.1
"""Up to this sampling fraction the rule takes Pitman's model."""


class Estimator(Enum):
    """How population uniques are estimated."""

    PITMAN = "Pitman"
    ZAYATZ = "Zayatz"
    SLIDE_NEGATIVE_BINOMIAL = "slide negative binomial"


@dataclass(frozen=True)
class ClassSizes:
    """How many classes of each size a sample has.

    Attributes:
        sizes: Class sizes, ascending.
        classes: How many classes have each.
        population: People in the population.

    Raises:
        BadModel: When the sample is empty or larger than the population.
    """

    sizes: tuple[int, ...]
    classes: tuple[int, ...]
    population: int

    def __post_init__(self) -> None:
        if not 0 < self.sample <= self.population:
            raise BadModel(
                f"a sample of {self.sample} is none of a population of {self.population}",
                remedy="name the size of the population that the sample was drawn from",
            )

    @classmethod
    def of(
        cls, frame: pl.DataFrame, quasi_identifiers: Sequence[str], population: int
    ) -> ClassSizes:
        """Group a sample by its quasi-identifiers."""
        found = risk(frame, quasi_identifiers).class_sizes
        return cls(tuple(found["size"]), tuple(found["classes"]), population)

    @property
    def sample(self) -> int:
        """People in the sample."""
        return sum(size * count for size, count in zip(self.sizes, self.classes, strict=True))

    @property
    def uniques(self) -> int:
        """People alone in their class of the sample."""
        return dict(zip(self.sizes, self.classes, strict=True)).get(1, 0)

    @property
    def fraction(self) -> float:
        """The sample's share of the population."""
        return self.sample / self.population


@dataclass(frozen=True)
class PopulationUniques:
    """Population uniques by each model; None where a model has no estimate.

    Attributes:
        classes: The classes of the sample.
        by_estimator: Expected number of people who are unique in the population.
        chosen: What Dankar's rule takes.
    """

    classes: ClassSizes
    by_estimator: dict[Estimator, float | None]
    chosen: Estimator

    @property
    def uniques(self) -> float:
        """Expected number by Dankar's rule."""
        return self.by_estimator[self.chosen] or 0.0

    @property
    def share(self) -> float:
        """Their share of the population."""
        return self.uniques / self.classes.population


def population_uniques(
    frame: pl.DataFrame, quasi_identifiers: Sequence[str], population: int
) -> PopulationUniques:
    """Estimate how many people are unique in the population that a sample was drawn from.

    Args:
        frame: The sample.
        quasi_identifiers: The columns an attacker may know.
        population: People in the population.

    Raises:
        NoSuchColumn: When the frame lacks a quasi-identifier.
        BadModel: When no quasi-identifier is named or the sample exceeds the population.

    Example:
        >>> sample = pl.DataFrame({"age": [40, 40, 40, 51, 51, 62, 62, 73, 84, 95]})
        >>> found = population_uniques(sample, ["age"], population=200)
        >>> found.chosen.value, round(found.uniques, 1)
        ('Pitman', 5.3)
    """
    return uniques_of(ClassSizes.of(frame, quasi_identifiers, population))


def uniques_of(classes: ClassSizes) -> PopulationUniques:
    """Estimate population uniques from class sizes, by every model and by Dankar's rule."""
    estimates = {
        Estimator.PITMAN: pitman(classes),
        Estimator.ZAYATZ: zayatz(classes),
        Estimator.SLIDE_NEGATIVE_BINOMIAL: slide_negative_binomial(classes),
    }
    return PopulationUniques(classes, estimates, _dankar(classes.fraction, estimates))


def _dankar(fraction: float, estimates: dict[Estimator, float | None]) -> Estimator:
    if fraction <= DANKAR_FRACTION:
        known = estimates[Estimator.PITMAN] is not None
        return Estimator.PITMAN if known else Estimator.ZAYATZ
    slide = estimates[Estimator.SLIDE_NEGATIVE_BINOMIAL]
    low = slide is not None and slide <= (estimates[Estimator.ZAYATZ] or 0.0)
    return Estimator.SLIDE_NEGATIVE_BINOMIAL if low else Estimator.ZAYATZ


def pitman(classes: ClassSizes) -> float | None:
    """Expected population uniques by Pitman's sampling formula.

    None where all or no people are sample uniques: the likelihood then has no maximum inside.

    Example:
        >>> round(pitman(ClassSizes((1, 2, 3, 10), (40, 12, 5, 3), population=10_000)), 0)
        369.0
    """
    if not 0 < classes.uniques < classes.sample:
        return None

    def off(at: Floats) -> float:
        return -_pitman_likelihood(classes, *_pitman_parameters(at))

    start = [0.0, math.log(max(classes.sample / 10, 1.0))]
    fitted = minimize(off, start, method="Nelder-Mead", tol=1e-9, options={"maxiter": 10_000})
    theta, alpha = _pitman_parameters(fitted.x)
    if not fitted.success or not 0 < alpha < 1 - 1e-6:
        return None
    n = classes.population
    log = (
        math.log(n)
        + gammaln(theta + alpha + n - 1)
        + gammaln(theta + 1)
        - gammaln(theta + alpha)
        - gammaln(theta + n)
    )
    return float(min(math.exp(log), n))


def _pitman_parameters(at: Floats) -> tuple[float, float]:
    """From the whole plane to θ > -α, 0 < α < 1."""
    alpha = 1 / (1 + math.exp(-max(min(float(at[0]), 30.0), -30.0)))
    return math.exp(min(float(at[1]), 60.0)) - alpha, alpha


def _pitman_likelihood(classes: ClassSizes, theta: float, alpha: float) -> float:
    """Logarithm of Pitman's sampling formula, without the part that has no parameter."""
    sizes, counts = np.array(classes.sizes), np.array(classes.classes)
    appear = np.log(theta + alpha * np.arange(1, counts.sum())).sum()
    grow = (counts * (gammaln(sizes - alpha) - gammaln(1 - alpha))).sum()
    return float(appear + grow - gammaln(theta + classes.sample) + gammaln(theta + 1))


def zayatz(classes: ClassSizes) -> float:
    """Expected population uniques by Zayatz's equivalence classes.

    Example:
        >>> round(zayatz(ClassSizes((1, 2, 3, 10), (40, 12, 5, 3), population=200)), 1)
        54.3
    """
    if not classes.uniques:
        return 0.0
    share = np.array(classes.classes) / sum(classes.classes)
    sizes = np.array(classes.sizes)
    alone = np.asarray(hypergeom.pmf(1, classes.population, sizes, classes.sample))
    truly = share[0] * alone[0] / float((share * alone).sum())
    return float(truly * classes.uniques / classes.fraction)


def slide_negative_binomial(classes: ClassSizes) -> float | None:
    """Expected population uniques when population class sizes, less 1, are negative binomial.

    People come into the sample independently with its fraction. None where no parameters give the
    sample's classes, its uniques and the population's size.

    Example:
        >>> round(slide_negative_binomial(ClassSizes((1, 2, 3, 10), (40, 12, 5, 3), 300)), 1)
        70.7
    """
    if classes.fraction == 1 or not classes.uniques:
        return float(classes.uniques)
    seen, total = sum(classes.classes), classes.population

    def off(at: Floats) -> Floats:
        kinds, none, one = _slide(at, classes.fraction, total)
        return np.array(
            [math.log(kinds * (1 - none) / seen), math.log(kinds * one / classes.uniques)]
        )

    for start in ((-1.0, 0.0), (0.0, -2.0), (-3.0, -2.0), (1.0, 1.0)):
        found = least_squares(off, np.array(start), bounds=([-12, -16], [12, 16]))
        if np.abs(found.fun).max() < 1e-8:
            kinds, _, _ = _slide(found.x, classes.fraction, total)
            shape, success = math.exp(found.x[0]), 1 / (1 + math.exp(-found.x[1]))
            return float(kinds * success**shape)
    return None


def _slide(at: Floats, fraction: float, total: int) -> tuple[float, float, float]:
    """Population classes; chance that a class brings nobody, and just one, into the sample."""
    shape, success = math.exp(at[0]), 1 / (1 + math.exp(-at[1]))
    fail, out = 1 - success, 1 - fraction
    kinds = total / (1 + shape * fail / success)
    none = out * (success / (1 - fail * out)) ** shape
    one = fraction * none * (1 / out + shape * fail / (1 - fail * out))
    return kinds, none, one
