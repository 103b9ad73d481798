"""Propensity scores: who is treated, given what is known at baseline, and weights from that.

Rosenbaum PR, Rubin DB (1983) The central role of the propensity score in observational studies for
causal effects. Biometrika 70:41-55. Li F, Morgan KL, Zaslavsky AM (2018) Balancing covariates via
propensity score weighting. JASA 113:390-400. Austin PC, Stuart EA (2015) Moving towards best
practice when using inverse probability of treatment weighting. Statistics in Medicine 34:3661-79.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import polars as pl

from haemony.analysis.causal.faults import LooksAhead, NoOverlap
from haemony.analysis.causal.leftout import left_out
from haemony.analysis.logistic import Logistic, fit_logistic, read_rows
from haemony.analysis.survival import printing
from haemony.analysis.survival.data import formula as formulas
from haemony.analysis.survival.data.arrays import Flags, Floats
from haemony.analysis.survival.data.complete import Missing
from haemony.analysis.survival.data.design import Design
from haemony.analysis.survival.data.frames import Tabular
from haemony.analysis.survival.data.given import finite
from haemony.analysis.survival.data.sample import check_choice
from haemony.analysis.survival.faults import BadCovariate, BadFormula

Estimand = Literal["ate", "att", "atc", "overlap", "matching"]
TARGETS = {
    "ate": "all patients",
    "att": "patients like the treated",
    "atc": "patients like the untreated",
    "overlap": "patients who could have been in either group",
    "matching": "patients as pair matching would choose them",
}
BINS = 20


@dataclass(frozen=True, eq=False)
class Weights:
    """One weight per patient analysed, with the population that the weighted patients stand for.

    Attributes:
        estimand: ate, att, atc, overlap or matching.
        values: (n,) the weights.
        treated: (n,) who was treated.
        stabilised: whether they were multiplied by the share of each group.
        truncated: how many were drawn in to a limit.
        limits: the least and the greatest weight allowed, if any.
        notes: what a reader must know.
    """

    estimand: Estimand
    values: Floats
    treated: Flags
    stabilised: bool
    truncated: int
    limits: tuple[float, float] | None
    notes: tuple[str, ...]

    @property
    def target(self) -> str:
        """The population that the weighted patients stand for, in words."""
        return TARGETS[self.estimand]

    def table(self) -> pl.DataFrame:
        """One row per group: group, n, sum, effective_n, least, mean, greatest."""
        rows = []
        for group, mine in (("treated", self.treated), ("untreated", ~self.treated)):
            w = self.values[mine]
            rows.append(
                {
                    "group": group,
                    "n": len(w),
                    "sum": float(w.sum()),
                    "effective_n": effective_size(w),
                    "least": float(w.min()),
                    "mean": float(w.mean()),
                    "greatest": float(w.max()),
                }
            )
        return pl.DataFrame(rows)

    def __str__(self) -> str:
        """What the weights stand for, and their table."""
        head = f"weights for {self.target} ({self.estimand}), {self.truncated} truncated"
        return printing.page(head, printing.grid(self.table()), notes=self.notes)


@dataclass(frozen=True, eq=False)
class Overlap:
    """Whether patients like the treated were found among the untreated (positivity).

    Attributes:
        treated: (5,) least, quartiles and greatest score of the treated.
        untreated: (5,) the same of the untreated.
        common: the range of scores in which both are found.
        outside: how many patients lie outside it.
        near_zero: how many have a score below 0.05.
        near_one: how many have a score above 0.95.
        sure: how many would have, were both groups of one size (preference score: Walker AM et al.
            (2013) Comparative Effectiveness Research 3:11-20, doi:10.2147/CER.S40357). Where one
            group is small everybody has a low score, and yet the groups may be alike.
        shared: the area that the histograms of both groups share, between 0 and 1.
        discrimination: the c-statistic of the score; near 1 the groups hardly overlap.
        notes: warnings.
    """

    treated: Floats
    untreated: Floats
    common: tuple[float, float]
    outside: int
    near_zero: int
    near_one: int
    sure: int
    shared: float
    discrimination: float
    notes: tuple[str, ...]

    def table(self) -> pl.DataFrame:
        """One row per group: group, least, quarter, median, three_quarters, greatest."""
        names = ("least", "quarter", "median", "three_quarters", "greatest")
        both = (("treated", self.treated), ("untreated", self.untreated))
        return pl.DataFrame(
            [{"group": g} | dict(zip(names, v.tolist(), strict=True)) for g, v in both]
        )

    def __str__(self) -> str:
        """The scores of both groups and what is wrong with them."""
        low, high = self.common
        head = (
            f"common range {low:.3f} to {high:.3f}, {self.outside} outside; shared area "
            f"{self.shared:.2f}; c-statistic {self.discrimination:.3f}"
        )
        return printing.page(head, printing.grid(self.table()), notes=self.notes)


@dataclass(frozen=True, eq=False)
class Balance:
    """How different the groups are before and after weighting or matching.

    Attributes:
        frame: one row per column of the design: term, treated, untreated, difference (standardised
            mean difference before), treated_after, untreated_after, difference_after.
        effective: (2,) effective numbers of treated and untreated patients afterwards.
        n: (2,) their numbers before.
    """

    frame: pl.DataFrame
    effective: tuple[float, float]
    n: tuple[int, int]

    def table(self) -> pl.DataFrame:
        """The rows of `frame`."""
        return self.frame

    @property
    def worst(self) -> float:
        """The largest absolute standardised difference afterwards; 0.1 is a usual bound."""
        return float(np.abs(self.frame["difference_after"].to_numpy()).max(initial=0.0))

    def __str__(self) -> str:
        """Numbers, and one line per covariate."""
        (a, b), (c, d) = self.n, self.effective
        head = f"treated {a} (effective {c:.1f}), untreated {b} (effective {d:.1f})"
        worst = f"largest difference after {self.worst:.3f}"
        return printing.page((head, worst), printing.grid(self.frame))


@dataclass(frozen=True, eq=False)
class Propensity:
    """The chance of treatment of each patient, given the covariates.

    Attributes:
        treatment: the column that says who was treated.
        scores: (n,) the chance of treatment.
        treated: (n,) who was treated.
        fit: the logistic regression behind the scores.
        kept: (N,) which rows of the table given were analysed.
        rows: the n rows analysed, with the columns that were asked for.
    """

    treatment: str
    scores: Floats
    treated: Flags
    fit: Logistic
    kept: Flags
    rows: pl.DataFrame

    @property
    def missing(self) -> Missing:
        """Rows left out as incomplete."""
        return self.fit.missing

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the model and of the overlap."""
        return (*self.fit.notes, *self.overlap.notes)

    def table(self) -> pl.DataFrame:
        """The coefficients of the treatment model."""
        return self.fit.table()

    def __str__(self) -> str:
        """The treatment model and the overlap."""
        return printing.page(str(self.fit), left_out(self.missing), str(self.overlap))

    @cached_property
    def overlap(self) -> Overlap:
        """Whether each kind of patient is found in both groups."""
        return _overlap(self.scores, self.treated, self.fit.discrimination)

    def weights(
        self,
        estimand: Estimand = "ate",
        *,
        stabilised: bool = False,
        truncate: tuple[float, float] | None = None,
    ) -> Weights:
        """Weights that make both groups look like one population.

        Args:
            estimand: whose effect: "ate" all patients, "att" the treated, "atc" the untreated,
                "overlap" those who could have been in either group, "matching" as pairs.
            stabilised: multiply by the share of each group, so that weights average one ("ate").
            truncate: draw weights in to these quantiles, such as (0.01, 0.99).
        """
        e, treated = self.scores, self.treated
        if estimand not in TARGETS:
            raise BadCovariate(
                "estimand", reason="is not known", remedy=f"choose one of {', '.join(TARGETS)}"
            )
        tilt = {
            "ate": np.ones_like(e),
            "att": e,
            "atc": 1 - e,
            "overlap": e * (1 - e),
            "matching": np.minimum(e, 1 - e),
        }[estimand]
        values = tilt / np.where(treated, e, 1 - e)
        if stabilised:
            if estimand != "ate":
                raise BadCovariate(
                    "stabilised",
                    reason=f"makes no sense for {estimand!r}",
                    remedy="stabilise weights of the estimand 'ate'",
                )
            share = treated.mean()
            values = values * np.where(treated, share, 1 - share)
        values, limits, drawn = truncated(values, truncate)
        return Weights(
            estimand, values, treated, stabilised, drawn, limits, _weight_notes(values, treated)
        )

    def balance(
        self,
        weights: Weights | Floats | None = None,
        *,
        denominator: Literal["both", "treated"] = "both",
    ) -> Balance:
        """Standardised mean differences of all covariates before and after weighting.

        Args:
            weights: weights, or (n,) numbers; those of unmatched patients are 0.
            denominator: the standard deviation that differences are divided by: the root mean
                square of both groups', or that of the treated; always the unweighted one.
        """
        values = weights.values if isinstance(weights, Weights) else weights
        after = np.ones(len(self.scores)) if values is None else np.asarray(values)
        check_choice(denominator, "denominator", ("both", "treated"))
        if after.shape != self.scores.shape or not _count(after, self.treated):
            raise BadCovariate(
                "weights",
                reason=f"are not {len(self.scores)} numbers from 0 on, some above it in each group",
                remedy="give one weight per patient analysed, 0 for those left out",
            )
        return _balance(self.fit.x[:, 1:], self.fit.names[1:], self.treated, after, denominator)


def propensity(formula: str, table: Tabular, *, keep: tuple[str, ...] = ()) -> Propensity:
    """Estimate each patient's chance of treatment by logistic regression.

    Args:
        formula: such as "transplanted ~ age + log1p(wbc) + eln": only what was known at baseline.
        table: one row per patient; incomplete rows are left out and counted.
        keep: further columns that must be complete and stay in `rows`, such as the follow-up.

    Raises:
        NoOverlap: covariates decide the treatment of every patient.
        BadFormula: the treatment is among its own covariates.

    >>> table = pl.DataFrame({"arm": [0, 0, 1, 1, 0, 1, 1, 0],
    ...     "age": [71, 64, 35, 40, 38, 66, 29, 55]})
    >>> score = propensity("arm ~ age", table)
    >>> score.weights("overlap").table()["sum"].round(3).to_list()
    [1.543, 1.543]
    """
    read = read_rows(formula, table, *keep)
    beside = formulas.beside_covariates(read.model)
    if beside:
        raise BadFormula(formula, reason=f"a propensity score has no {beside}")
    design, x = Design.of(read.model, read.table)
    fit = fit_logistic(
        x, read.truth, design.names, outcome=read.outcome, missing=read.missing, design=design
    )
    e = fit.fitted
    if fit.separated.any() and fit.discrimination == 1:
        lost = [n for n, s in zip(fit.names[1:], fit.separated[1:], strict=True) if s]
        raise NoOverlap(read.outcome, lost)
    return Propensity(read.outcome, safe(e), read.truth, fit, read.kept, read.table)


def refuse_follow_up(given: str, response: tuple[str, ...]) -> None:
    """Refuse a score that looks at the follow-up, which begins after treatment does.

    Raises:
        LooksAhead: it does.
    """
    ahead = set(response).intersection(formulas.read(f"Surv(time, event) ~ {given}").covariates)
    if ahead:
        raise LooksAhead(sorted(ahead), role="the score", origin="the start of treatment")


def safe(chance: Floats) -> Floats:
    """Chances of treatment (n,), kept from the 0 and 1 that rounding makes of them."""
    tiny = np.finfo(np.float64).eps
    return np.clip(chance, tiny, 1 - tiny)


def effective_size(weights: Floats) -> float:
    """How many equally weighted patients tell as much (Kish): (sum w)² / sum w².

    >>> effective_size(np.array([1.0, 1.0, 2.0]))
    2.6666666666666665
    """
    given = finite(weights, "weights").ravel()
    if not given.any():
        raise BadCovariate("weights", reason="are none, or all 0", remedy="give one per patient")
    given = given / np.abs(given).max()
    return float(given.sum() ** 2 / (given @ given))


def truncated(
    values: Floats, quantiles: tuple[float, float] | None
) -> tuple[Floats, tuple[float, float] | None, int]:
    """Weights drawn in to two of their quantiles, the limits, and how many were drawn in."""
    if quantiles is None:
        return values, None, 0
    pair = np.asarray(quantiles)
    numbers = pair.shape == (2,) and pair.dtype.kind in "if"
    if not (numbers and 0 <= pair[0] < pair[1] <= 1):
        raise BadCovariate(
            "truncate", reason="is not a pair of quantiles", remedy="give for example (0.01, 0.99)"
        )
    limits = (float(np.quantile(values, pair[0])), float(np.quantile(values, pair[1])))
    drawn = int(np.count_nonzero((values < limits[0]) | (values > limits[1])))
    return np.clip(values, *limits), limits, drawn


def _overlap(scores: Floats, treated: Flags, discrimination: float) -> Overlap:
    one, other = scores[treated], scores[~treated]
    low, high = float(max(one.min(), other.min())), float(min(one.max(), other.max()))
    outside = int(np.count_nonzero((scores < low) | (scores > high)))
    edges = np.linspace(0, 1, BINS + 1)
    shares = [np.histogram(part, edges)[0] / len(part) for part in (one, other)]
    near_zero = int(np.count_nonzero(scores < 0.05))
    near_one = int(np.count_nonzero(scores > 0.95))
    preference = _preference(scores, float(treated.mean()))
    sure = int(np.count_nonzero((preference < 0.05) | (preference > 0.95)))
    notes = []
    if sure > 0.05 * len(scores):
        notes.append(
            f"{sure} of {len(scores)} patients have a chance of treatment below 0.05 or above "
            f"0.95, the sizes of the groups apart: few could have been in the other group; "
            f"consider overlap weights"
        )
    strange = outside > 0.1 * len(scores) and outside > by_chance(len(one), len(other))
    if low >= high or strange:
        notes.append(
            f"{outside} of {len(scores)} patients are unlike anybody in the other group: the "
            f"comparison extrapolates for them"
        )
    quartiles = (0, 0.25, 0.5, 0.75, 1)
    return Overlap(
        treated=np.quantile(one, quartiles),
        untreated=np.quantile(other, quartiles),
        common=(low, high),
        outside=outside,
        near_zero=near_zero,
        near_one=near_one,
        sure=sure,
        shared=float(np.minimum(*shares).sum()),
        discrimination=discrimination,
        notes=tuple(notes),
    )


def by_chance(one: int, other: int) -> float:
    """Twice as many as chance puts outside the range of the smaller of two like groups.

    >>> round(by_chance(15, 285)), round(by_chance(500, 500))
    (75, 8)
    """
    return 4 * (one + other) / (min(one, other) + 1)


def _preference(scores: Floats, share: float) -> Floats:
    """The chance of treatment if as many were treated as not."""
    odds = share / (1 - share)
    return np.asarray(scores / (scores + (1 - scores) * odds), dtype=np.float64)


def _weight_notes(values: Floats, treated: Flags) -> tuple[str, ...]:
    notes = []
    for group, mine in (("treated", treated), ("untreated", ~treated)):
        w = values[mine]
        if w.max() > 0.1 * w.sum() and len(w) > 20:
            notes.append(f"one of the {group} patients carries over a tenth of the group's weight")
    return tuple(notes)


def _count(weights: Floats, treated: Flags) -> bool:
    """Whether weights can be: numbers from 0 on, with some above it in both groups."""
    known = weights.dtype.kind in "iufb" and bool(np.all(np.isfinite(weights) & (weights >= 0)))
    return known and bool((weights[treated] > 0).any() and (weights[~treated] > 0).any())


def _balance(
    x: Floats,
    names: tuple[str, ...],
    treated: Flags,
    weights: Floats,
    denominator: Literal["both", "treated"],
) -> Balance:
    one, other = x[treated], x[~treated]
    a, b = _variance(one), _variance(other)
    spread = np.sqrt((a + b) / 2 if denominator == "both" else a)

    def standardised(difference: Floats) -> Floats:
        return np.divide(difference, spread, out=np.zeros_like(spread), where=spread > 0)

    before = (one.mean(axis=0), other.mean(axis=0))
    after = tuple(weights[mine] @ x[mine] / weights[mine].sum() for mine in (treated, ~treated))
    return Balance(
        pl.DataFrame(
            {
                "term": names,
                "treated": before[0],
                "untreated": before[1],
                "difference": standardised(before[0] - before[1]),
                "treated_after": after[0],
                "untreated_after": after[1],
                "difference_after": standardised(after[0] - after[1]),
            },
            schema_overrides={"term": pl.String},
        ),
        (effective_size(weights[treated]), effective_size(weights[~treated])),
        (int(treated.sum()), int((~treated).sum())),
    )


def _variance(x: Floats) -> Floats:
    """(p,) sample variances; of a column of 0 and 1, its share times the rest."""
    binary = np.all((x == 0) | (x == 1), axis=0)
    mean = x.mean(axis=0)
    sample = x.var(axis=0, ddof=1) if len(x) > 1 else np.zeros(x.shape[1])
    return np.where(binary, mean * (1 - mean), sample)
