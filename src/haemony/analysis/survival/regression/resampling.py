"""How sure is a Cox model, and how well does it predict? Bootstrap and cross-validation.

Efron B, Tibshirani RJ (1993) An Introduction to the Bootstrap. Chapman & Hall. Efron B (1987)
Better bootstrap confidence intervals. JASA 82:171-185. Verweij PJM, van Houwelingen HC (1993)
Cross-validation in survival analysis. Statistics in Medicine 12:2305-2314.

Patients are resampled, with all their rows: the clusters of the fit, or its rows without a cluster.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.stats import norm

from haemony.analysis.survival import printing
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.complete import groups_from
from haemony.analysis.survival.data.given import generator, whole_number
from haemony.analysis.survival.faults import BadCovariate, NothingToAnalyse
from haemony.analysis.survival.intervals import normal_quantile
from haemony.analysis.survival.regression.cox import CoxFit
from haemony.analysis.survival.regression.diagnostics import dfbeta
from haemony.analysis.survival.regression.refitting import Refit, Refitting, Statistic

Interval = Literal["percentile", "bca", "normal", "basic"]


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """What q figures of a Cox model come to in R samples of its patients.

    Attributes:
        names: (q,) of the figures.
        observed: (q,) in the patients themselves.
        replicates: (R, q) in the samples that could be fitted.
        repeats: samples drawn.
        seed: of the draws.
        notes: what a reader must know, such as samples that could not be fitted.
    """

    names: tuple[str, ...]
    observed: Floats
    replicates: Floats
    repeats: int
    seed: int
    notes: tuple[str, ...]
    _refitting: Refitting
    _statistic: Statistic | None

    @property
    def std_err(self) -> Floats:
        """(q,) standard deviations of the replicates; NaN where one is infinite."""
        return self._spread(np.ptp(self.replicates, axis=0))

    @property
    def bias(self) -> Floats:
        """(q,) mean of the replicates less the figure observed; NaN where one is infinite."""
        finite = np.isfinite(self.replicates).all(axis=0)
        means = np.where(finite, self.replicates, 0.0).mean(axis=0)
        return np.where(finite, means - self.observed, np.nan)

    def interval(self, kind: Interval = "percentile", level: float = 0.95) -> tuple[Floats, Floats]:
        """Lower and upper confidence limits (q,).

        Args:
            kind: "percentile"; "bca", corrected for bias and acceleration (Efron 1987), which takes
                the influence of each patient from the residuals of the coefficients, and for
                another statistic fits once without each patient; "normal", the figure less its bias
                and some standard errors; or "basic", percentiles turned round the figure.
            level: their coverage.

        Quantile q of R replicates is the one of rank (R + 1) q, between two of them if need be.
        """
        quantile = normal_quantile(level)
        tails = np.array([(1 - level) / 2, (1 + level) / 2])[:, None]
        if kind == "normal":
            half = quantile * self.std_err
            middle = self.observed - self.bias
            return middle - half, middle + half
        if kind == "bca":
            tails = self._corrected(norm.ppf(tails))
        elif kind not in ("percentile", "basic"):
            raise BadCovariate(
                "kind", reason="is not known", remedy="choose percentile, bca, normal or basic"
            )
        shares = np.broadcast_to(tails, (2, len(self.names)))
        ordered = np.sort(self.replicates, axis=0)
        lower, upper = _quantiles(ordered, shares)
        if kind == "basic":
            return 2 * self.observed - upper, 2 * self.observed - lower
        return lower, upper

    def table(self, kind: Interval = "percentile", level: float = 0.95) -> pl.DataFrame:
        """One row per figure: term, estimate, std_err, bias, lower, upper."""
        lower, upper = self.interval(kind, level)
        return pl.DataFrame(
            {
                "term": self.names,
                "estimate": self.observed,
                "std_err": self.std_err,
                "bias": self.bias,
                "lower": lower,
                "upper": upper,
            },
            schema_overrides={"term": pl.String},
        ).with_columns(pl.col(pl.Float64).fill_nan(None))

    def __str__(self) -> str:
        """Print the table with percentile limits."""
        return printing.page(
            f"{len(self.replicates):,} bootstrap samples of patients, seed {self.seed}",
            printing.grid(self.table()),
            notes=self.notes,
        )

    def _spread(self, span: Floats) -> Floats:
        finite = np.isfinite(span)
        known = np.where(finite, self.replicates, 0.0)
        return np.where(finite, known.std(axis=0, ddof=1), np.nan)

    def _corrected(self, z: Floats) -> Floats:
        """The shares (2, q) at which BCa takes the quantiles that z (2, 1) stands for."""
        below = (self.replicates < self.observed).mean(axis=0)
        equal = (self.replicates == self.observed).mean(axis=0)
        least = 1 / (2 * len(self.replicates))
        shift = norm.ppf(np.clip(below + equal / 2, least, 1 - least))
        moved = shift + z
        return np.asarray(norm.cdf(shift + moved / (1 - self.acceleration * moved)))

    @cached_property
    def acceleration(self) -> Floats:
        """(q,) how fast the standard error of each figure changes with its value."""
        influence = self._influence()
        influence = influence - influence.mean(axis=0)
        square = np.sum(influence**2, axis=0)
        cube = np.sum(influence**3, axis=0)
        width = 6 * square**1.5
        return np.asarray(np.divide(cube, width, out=np.zeros_like(cube), where=width > 0))

    def _influence(self) -> Floats:
        """(C, q) what each patient adds to each figure, to first order."""
        fit = self._refitting.fit
        patient = patients(fit)
        if self._statistic is None:
            rows = dfbeta(fit)
            return np.column_stack([np.bincount(patient, column) for column in rows.T])
        without = (patient != one for one in range(int(patient.max()) + 1))
        values = [
            figures(self._statistic, self._refitting.to(kept.astype(np.intp))) for kept in without
        ]
        return -np.array([value for value in values if np.isfinite(value).all()])


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """How a Cox model predicts patients that it has not seen.

    Attributes:
        linear_predictors: (M, n) log relative hazard of each row by the model that did not see it,
            around the means of the full fit, once per repeat.
        fold: (M, n) the fold in which each row was left out.
        log_likelihood: (M,) cross-validated log partial likelihood (Verweij and van Houwelingen).
        folds: one row per repeat and fold: repeat, fold, n, events, concordance, coefficients as
            a list; the concordance is null where no pair can be compared.
        seed: of the draws, or None where the folds were given.
        notes: what a reader must know, such as folds whose model could not be fitted.
    """

    linear_predictors: Floats
    fold: Integers
    log_likelihood: Floats
    folds: pl.DataFrame
    seed: int | None
    notes: tuple[str, ...]

    @property
    def concordance(self) -> float:
        """Harrell's C in the patients left out, averaged over the folds."""
        mean = self.folds["concordance"].mean()
        return float("nan") if mean is None else float(str(mean))

    def table(self) -> pl.DataFrame:
        """One row per repeat and fold: repeat, fold, n, events, concordance."""
        return self.folds.drop("coefficients")

    def __str__(self) -> str:
        """Print the concordance of each fold."""
        mean = self.concordance
        said = "unknown: no pair can be compared" if np.isnan(mean) else f"{mean:.3f}"
        return printing.page(
            f"Concordance in patients left out = {said}",
            printing.grid(self.table()),
            notes=self.notes,
        )


def bootstrap(
    fit: CoxFit,
    statistic: Statistic | None = None,
    *,
    names: Sequence[str] | None = None,
    repeats: int = 1000,
    seed: int = 0,
) -> Bootstrap:
    """Refit a Cox model to samples of its patients, drawn with replacement.

    Each refit equals the fit to the rows drawn, repeated one by one. A coefficient that runs off in
    a sample (nobody with the mutation died) is infinite there, and the limits say so.

    Args:
        fit: a Cox model, without exact ties, frailty or reduced bias.
        statistic: what to compute from each `Refit`, a number or several; the coefficients by
            default. For the optimism of C:
            `lambda refit: refit.concordance().value - refit.concordance(ones).value`.
        names: (q,) of the figures that the statistic gives.
        repeats: samples to draw.
        seed: of the draws.

    Raises:
        NothingToAnalyse: fewer than half of the samples could be fitted.

    >>> from haemony.analysis.survival.regression.cox import cox
    >>> table = pl.DataFrame({"days": [4, 3, 1, 1, 2, 2, 3, 5], "died": [1, 1, 1, 0, 1, 1, 0, 1],
    ...     "x": [0.3, 2.1, 1.2, 1.4, 1.1, 0.4, 0.9, 1.5]})
    >>> again = bootstrap(cox("Surv(days, died) ~ x", table), repeats=50, seed=1)
    >>> again.names, again.replicates.shape
    (('x',), (50, 1))
    """
    repeats = whole_number(repeats, "repeats", least=2)
    seed = whole_number(seed, "seed", least=0)
    refitting = Refitting.of(fit)
    observed = figures(statistic, refitting.same)
    labels = _labels(fit, statistic, names, len(observed))
    patient = patients(fit)
    drawn = [
        figures(statistic, refitting.to(times[patient]))
        for times in _draws(int(patient.max()) + 1, repeats, seed)
    ]
    values = np.array([value for value in drawn if not np.isnan(value).any()])
    if 2 * len(values) < repeats or not len(values):
        raise NothingToAnalyse(
            f"the model could be fitted to {len(values)} of {repeats} samples only",
            remedy="leave out covariates that few patients have",
        )
    return Bootstrap(
        names=labels,
        observed=observed,
        replicates=values,
        repeats=repeats,
        seed=seed,
        notes=_notes_of_draws(labels, values, repeats),
        _refitting=refitting,
        _statistic=statistic,
    )


def cross_validate(
    fit: CoxFit, folds: int | ArrayLike = 10, *, repeats: int = 1, seed: int = 0
) -> CrossValidation:
    """Fit a Cox model without each fold of patients in turn, and predict those left out.

    Args:
        fit: a Cox model, without exact ties, frailty or reduced bias.
        folds: how many, all with about as many events; or (n,) labels, such as the study, of which
            each is left out once.
        repeats: how often to draw folds.
        seed: of the draws.

    >>> from haemony.analysis.survival.regression.cox import cox
    >>> table = pl.DataFrame({"days": [4, 3, 1, 1, 2, 2, 3, 5], "died": [1, 1, 1, 0, 1, 1, 0, 1],
    ...     "x": [0.3, 2.1, 1.2, 1.4, 1.1, 0.4, 0.9, 1.5]})
    >>> cross_validate(cox("Surv(days, died) ~ x", table), folds=2).linear_predictors.shape
    (1, 8)
    """
    refitting = Refitting.of(fit)
    given = np.ndim(folds) > 0
    fold = _given_folds(fit, folds) if given else _drawn_folds(fit, folds, repeats, seed)
    predicted, totals, tables, notes = np.full(fold.shape, np.nan), [], [], []
    for repeat, places in enumerate(fold):
        rows = []
        total = 0.0
        for place in range(int(places.max()) + 1):
            out = (places == place).astype(np.intp)
            refit = refitting.to(1 - out)
            left = out.astype(bool)
            predicted[repeat, left] = refit.linear_predictors[left]
            total += _gain_in_likelihood(refitting, refit)
            rows.append(_fold_row(repeat, place, refit, out))
            if not np.isfinite(refit.coefficients).all():
                notes.append(f"without fold {place + 1} the model has no finite estimate")
        totals.append(total)
        tables.append(pl.DataFrame(rows).with_columns(pl.col("concordance").fill_nan(None)))
    return CrossValidation(
        linear_predictors=predicted,
        fold=fold,
        log_likelihood=np.array(totals),
        folds=pl.concat(tables),
        seed=None if given else seed,
        notes=tuple(dict.fromkeys(notes)),
    )


def patients(fit: CoxFit) -> Integers:
    """(n,) the patient to whom each row belongs: the cluster, or the row itself."""
    cluster = fit.data.cluster
    return np.arange(len(fit.data.response)) if cluster is None else cluster


def figures(statistic: Statistic | None, refit: Refit) -> Floats:
    """(q,) what a statistic says of a refit; NaN where the sample cannot be fitted."""
    if statistic is None:
        return refit.coefficients
    if not refit.estimable:
        return np.array([np.nan])
    return np.atleast_1d(np.asarray(statistic(refit), dtype=np.float64)).ravel()


def _draws(size: int, repeats: int, seed: int) -> Iterator[Integers]:
    """How often each of the patients (C,) is drawn, once per repeat."""
    draw = generator(seed)
    for _ in range(repeats):
        yield np.bincount(draw.integers(0, size, size), minlength=size)


def _labels(
    fit: CoxFit, statistic: Statistic | None, names: Sequence[str] | None, size: int
) -> tuple[str, ...]:
    if names is None:
        return fit.names if statistic is None else tuple(f"figure {i + 1}" for i in range(size))
    if len(names) != size:
        raise BadCovariate(
            "names", reason=f"are {len(names)} for {size} figures", remedy="give one name for each"
        )
    return tuple(names)


def _notes_of_draws(names: tuple[str, ...], values: Floats, repeats: int) -> tuple[str, ...]:
    notes = []
    if len(values) < repeats:
        notes.append(
            f"{repeats - len(values)} of {repeats} samples are left out: a covariate did not vary "
            f"or followed from others there"
        )
    endless = np.isinf(values).sum(axis=0)
    notes += [
        f"{names[i]} has no finite estimate in {endless[i]} of {len(values)} samples"
        for i in np.flatnonzero(endless)
    ]
    return tuple(notes)


def _quantiles(ordered: Floats, shares: Floats) -> Floats:
    """Quantiles (m, q) of sorted replicates (R, q) at shares (m, q)."""
    count = len(ordered)
    rank = np.clip((count + 1) * shares, 1, count) - 1
    below = np.floor(rank).astype(np.intp)
    low = np.take_along_axis(ordered, below, axis=0)
    high = np.take_along_axis(ordered, np.minimum(below + 1, count - 1), axis=0)
    with np.errstate(invalid="ignore"):
        between = low + (rank - below) * (high - low)
    return np.where((low == high) | (rank == below), low, between)


def _given_folds(fit: CoxFit, folds: ArrayLike) -> Integers:
    labels = np.asarray(folds)
    n = len(fit.data.response)
    if labels.shape != (n,):
        raise BadCovariate(
            "folds", reason=f"have shape {labels.shape} for {n} rows", remedy="give one per row"
        )
    return groups_from(labels, n).codes[None, :]


def _drawn_folds(fit: CoxFit, asked: object, repeats: int, seed: int) -> Integers:
    """(M, n) folds of patients: those with an event, in random order, then the others, in turn."""
    patient = patients(fit)
    size = int(patient.max()) + 1
    folds = whole_number(asked, "folds", least=2, most=size)
    repeats = whole_number(repeats, "repeats", least=1)
    had = np.bincount(patient, fit.data.response.died, size) > 0
    draw = generator(seed)
    places = np.empty((repeats, size), dtype=np.intp)
    for repeat in range(repeats):
        order = draw.permutation(size)
        order = order[np.argsort(~had[order], kind="stable")]
        places[repeat, order] = np.arange(size) % folds
    return places[:, patient]


def _gain_in_likelihood(refitting: Refitting, refit: Refit) -> float:
    """What the patients left out add to the log-likelihood at the coefficients of the others."""
    beta = refit.coefficients * refitting.scaled.scale
    if not np.isfinite(beta).all():
        return float("nan")
    whole = refitting.scaled.partial
    sample = refitting.sample(refit.times)
    return whole.at(beta).log_likelihood - sample.at(beta).log_likelihood


def _fold_row(repeat: int, place: int, refit: Refit, out: Integers) -> dict[str, object]:
    left = out.astype(bool)
    return {
        "repeat": repeat + 1,
        "fold": place + 1,
        "n": int(out.sum()),
        "events": int(np.count_nonzero(refit.fit.data.response.died[left])),
        "concordance": refit.concordance(out).value,
        "coefficients": refit.coefficients.tolist(),
    }
