"""How well a recipe for a model does on patients it has not seen.

Everything a learner does, selection and tuning included, happens inside each training part. Over
folds `split_validate` is cross-validation, over sources internal-external validation. The
standard error over random splits is that of Nadeau and Bengio, because training parts overlap; the
interval of optimism-corrected measures shifts the bootstrap interval of the apparent one.

Nadeau C, Bengio Y (2003) Inference for the generalization error. Machine Learning 52:239-281.
Harrell FE, Lee KL, Mark DB (1996) Multivariable prognostic models. Statistics in Medicine
15:361-387. Efron B, Tibshirani R (1997) Improvements on cross-validation: the .632+ bootstrap
method. JASA 92:548-560. Noma H et al. (2021) Confidence intervals of prediction accuracy measures
for multivariable prediction models based on the bootstrap-based optimism correction methods.
Statistics in Medicine 40:5691-5701.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from haemony.analysis.prediction.faults import BadRisks, BadSplits, NoFitSucceeded, floats
from haemony.analysis.prediction.learners import Learner, RiskModel, ScoreModel
from haemony.analysis.prediction.measures import Measure, measure_named
from haemony.analysis.prediction.predictions import TINY, Predictions, predictions
from haemony.analysis.prediction.splits import Split, Splits
from haemony.analysis.prediction.validated import BootstrapValidated, SplitValidated
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.frames import Tabular, polars_table
from haemony.analysis.survival.intervals import normal_quantile
from haemony.model.errors import HaemonyError


def split_validate(
    formula: str,
    table: Tabular,
    learners: Mapping[str, Learner],
    *,
    splits: Splits,
    measure: str | Measure = "harrell",
    times: ArrayLike | None = None,
    cause: str | None = None,
    level: float = 0.95,
) -> SplitValidated:
    """Fit learners to each training part and judge them on the test part.

    A learner that fails in a split is noted and counts there for nobody; patients for whom a
    learner gives no prediction are left out for all learners.

    Args:
        formula: such as "Surv(os_days, os_event) ~ 1", by which predictions are judged.
        table: one row per patient, with what the learners need.
        learners: by name.
        splits: which rows train and which test, see `Splits`.
        measure: "harrell", "uno", "auc", "brier" or "ipa", or one's own.
        times: horizons; the concordance indices can do without.
        cause: the kind of event that is predicted, where several compete.
        level: coverage of the limits.

    Raises:
        BadSplits: the splits are of another number of rows.
        NoFitSucceeded: a learner failed everywhere.

    >>> from haemony.analysis.prediction.learners import CoxLearner
    >>> table = pl.DataFrame({"days": range(1, 41), "died": [1, 1, 0, 1] * 10,
    ...     "x": [9, 7, 8, 5] * 5 + [3, 6, 2, 1] * 5})
    >>> found = split_validate("Surv(days, died) ~ 1", table,
    ...     {"cox": CoxLearner("Surv(days, died) ~ x")}, splits=Splits.folds(40, 4, seed=1))
    >>> found.summary()["splits"].item()
    4
    """
    normal_quantile(level)
    task = _task(formula, table, learners, measure, times, cause)
    task.check(splits)
    shape = (len(splits), len(task.times), len(learners))
    value, std_err = np.full(shape, np.nan), np.full(shape, np.nan)
    missing = np.zeros(len(splits), dtype=np.intp)
    notes: list[str] = []
    for s, part in enumerate(splits.parts):
        risks = task.fitted(part, notes)
        found = task.judged(risks, part.test, part.name, notes)
        value[s], std_err[s], missing[s] = found.value, found.std_err, found.missing
    task.check_success(value, notes)
    return SplitValidated(
        learners=tuple(learners),
        measure=task.measure.name,
        splits=splits,
        times=task.times,
        value=value,
        std_err=std_err,
        bounds=(task.measure.lowest, task.measure.highest),
        level=level,
        missing=missing,
        notes=tuple(notes),
    )


def bootstrap_validate(
    formula: str,
    table: Tabular,
    learners: Mapping[str, Learner],
    *,
    draws: int | Splits = 200,
    seed: int = 1,
    measure: str | Measure = "harrell",
    times: ArrayLike | None = None,
    cause: str | None = None,
    level: float = 0.95,
) -> BootstrapValidated:
    """Correct the apparent performance of learners for optimism, and estimate .632 and .632+.

    The arguments are those of `split_validate`.

    Args:
        formula: by which predictions are judged.
        table: one row per patient, with what the learners need.
        learners: by name.
        draws: the number of bootstrap samples, or the samples themselves.
        seed: of the sampling.
        measure: "harrell", "uno", "auc", "brier" or "ipa", or one's own.
        times: horizons; the concordance indices can do without.
        cause: the kind of event that is predicted, where several compete.
        level: coverage of the limits.

    >>> from haemony.analysis.prediction.learners import CoxLearner
    >>> table = pl.DataFrame({"days": range(1, 41), "died": [1, 1, 0, 1] * 10,
    ...     "x": [9, 7, 8, 5] * 5 + [3, 6, 2, 1] * 5})
    >>> found = bootstrap_validate("Surv(days, died) ~ 1", table,
    ...     {"cox": CoxLearner("Surv(days, died) ~ x")}, draws=5)
    >>> bool(found.corrected[0, 0] == found.apparent[0, 0] - found.optimism[0, 0])
    True
    """
    normal_quantile(level)
    task = _task(formula, table, learners, measure, times, cause)
    n = task.table.height
    splits = draws if isinstance(draws, Splits) else Splits.bootstraps(n, draws, seed=seed)
    task.check(splits)
    everybody, notes = np.arange(n), list[str]()
    risks = task.fitted(Split("all patients", everybody, everybody), notes)
    apparent = task.judged(risks, everybody, "all patients", notes)
    task.check_success(apparent.value, notes)
    parts = []
    for part in splits.parts:
        again = task.fitted(part, notes)
        rows = (part.train, everybody, part.test)
        parts.append([task.judged(again, chosen, part.name, notes).value for chosen in rows])
    drawn, tested, left_out = np.moveaxis(np.array(parts), 1, 0)
    return BootstrapValidated(
        learners=tuple(learners),
        measure=task.measure.name,
        times=task.times,
        apparent=apparent.value,
        drawn=drawn,
        tested=tested,
        left_out=left_out,
        no_information=task.without_information(risks),
        level=level,
        n=n - apparent.missing,
        missing=apparent.missing,
        notes=tuple(notes),
    )


UNDEFINED = "the measure is not defined there, for want of pairs, cases or controls"


@dataclass(frozen=True, eq=False)
class _Part:
    """What some rows say of the learners.

    Attributes:
        value: (T, M) the measure; NaN where a learner failed.
        std_err: (T, M) its standard errors.
        missing: rows left out as incomplete, or without a prediction.
    """

    value: Floats
    std_err: Floats
    missing: int = 0


@dataclass(frozen=True, eq=False)
class _Task:
    """What every split has in common."""

    formula: str
    table: pl.DataFrame
    learners: Mapping[str, Learner]
    measure: Measure
    times: Floats
    cause: str | None

    def check(self, splits: Splits) -> None:
        """Refuse splits of another table."""
        if not isinstance(splits, Splits):
            raise BadSplits("splits", reason="are no Splits", remedy="make them by Splits.holdouts")
        if splits.n != self.table.height:
            raise BadSplits(
                "splits",
                reason=f"divide {splits.n} rows and the table has {self.table.height}",
                remedy="make them for this table, or read them by its ids",
            )

    def fitted(self, part: Split, notes: list[str]) -> dict[str, Floats]:
        """The predictions (n, T) for all rows of each learner that could be fitted."""
        training = self.table[part.train]
        found = {}
        for name, learner in self.learners.items():
            try:
                found[name] = self._predicted(learner.fit(training))
            except (HaemonyError, np.linalg.LinAlgError) as error:
                notes.append(f"{name} failed in {part.name}: {error}")
        return found

    def judged(
        self, risks: Mapping[str, Floats], rows: Integers, where: str, notes: list[str]
    ) -> _Part:
        """The measure over some rows."""
        value = np.full((len(self.times), len(self.learners)), np.nan)
        std_err = value.copy()
        if not risks:
            return _Part(value, std_err)
        try:
            found = self._laid_out(risks, rows)
            estimates = self.measure.estimate(found)
        except HaemonyError as error:
            notes.append(f"nothing could be judged in {where}: {error}")
            return _Part(value, std_err)
        place = [list(self.learners).index(name) for name in risks]
        value[:, place], std_err[:, place] = estimates.value, estimates.std_err
        return _Part(value, std_err, found.missing.rows)

    def without_information(self, risks: Mapping[str, Floats]) -> Floats:
        """(T, M) the measure if predictions told nothing."""
        value = np.full((len(self.times), len(self.learners)), np.nan)
        place = [list(self.learners).index(name) for name in risks]
        rows = np.arange(self.table.height)
        value[:, place] = self.measure.no_information(self._laid_out(risks, rows))
        return value

    def check_success(self, value: Floats, notes: list[str]) -> None:
        """Refuse to go on when a learner has no result at all."""
        axes = tuple(range(value.ndim - 1))
        for name, nothing in zip(
            self.learners, np.atleast_1d(np.isnan(value).all(axis=axes)), strict=True
        ):
            if nothing:
                tries = 1 if value.ndim == 2 else len(value)
                raise NoFitSucceeded(name, splits=tries, first=notes[0] if notes else UNDEFINED)

    def _predicted(self, model: RiskModel | ScoreModel) -> Floats:
        if isinstance(model, ScoreModel) and not self.measure.needs_risks:
            return self._usable(np.asarray(model.score(self.table))[..., None])
        if not isinstance(model, RiskModel):
            raise BadRisks(
                "learner",
                reason=f"gives scores, and {self.measure.name} needs probabilities",
                remedy="choose a learner with risk(table, times)",
            )
        if np.isnan(self.times).any():
            raise BadRisks(
                "times", reason="are needed by a learner of risks", remedy="give a horizon"
            )
        return self._usable(np.asarray(model.risk(self.table, self.times)))

    def _usable(self, predicted: Floats) -> Floats:
        """What a learner predicts, NaN where it does not; refused in another shape, or infinite."""
        if predicted.ndim != 2 or len(predicted) != self.table.height:
            raise BadRisks(
                "learner",
                reason=f"gives shape {predicted.shape} for {self.table.height} rows",
                remedy="give one row per patient, and one column per horizon",
            )
        if np.isinf(predicted).any():
            raise BadRisks(
                "learner", reason="predicts infinite numbers", remedy="give it fewer covariates"
            )
        return predicted

    def _laid_out(self, risks: Mapping[str, Floats], rows: Integers) -> Predictions:
        table = self.table[rows]
        given = {name: values[rows] for name, values in risks.items()}
        if not np.isnan(self.times).any():
            return predictions(self.formula, table, risks=given, times=self.times, cause=self.cause)
        found = predictions(self.formula, table, risks=given, times=[TINY], cause=self.cause)
        return found.at_the_end()


def _task(
    formula: str,
    table: Tabular,
    learners: Mapping[str, Learner],
    measure: str | Measure,
    times: ArrayLike | None,
    cause: str | None,
) -> _Task:
    chosen = measure_named(measure)
    if not learners:
        raise BadRisks("learners", reason="are none", remedy='give learners={"name": learner}')
    if times is None and (chosen.needs_risks or chosen.name == "auc"):
        raise BadRisks("times", reason=f"are needed by {chosen.name}", remedy="give a horizon")
    for name, learner in learners.items():
        if not hasattr(learner, "fit"):
            raise BadRisks(name, reason="has no fit(table)", remedy="give a learner")
    at = np.atleast_1d(floats("times", np.nan if times is None else times))
    return _Task(formula, polars_table(table), learners, chosen, at, cause)
