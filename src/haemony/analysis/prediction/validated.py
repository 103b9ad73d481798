"""What resampling found: values split by split or draw by draw, and what they add up to.

The sources of each interval stand in `resampling`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import polars as pl
from scipy.stats import t as student

from haemony.analysis.prediction.judged import said_of_options
from haemony.analysis.prediction.splits import Splits
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.intervals import normal_quantile
from haemony.analysis.survival.printing import counted, grid, page


@dataclass(frozen=True, eq=False)
class SplitValidated:
    """What learners reached in the test part of each split.

    Attributes:
        learners: (M,) their names.
        measure: what was measured.
        splits: the S divisions.
        times: (T,) horizons; NaN stands for the last event of each test part.
        value: (S, T, M) the measure; NaN where a learner failed.
        std_err: (S, T, M) its standard error within the test part.
        bounds: the least and the greatest value of the measure, to which limits are cut.
        level: coverage of the limits.
        missing: (S,) rows of each test part left out as incomplete, or without a prediction.
        notes: which learner failed where, and why.
    """

    learners: tuple[str, ...]
    measure: str
    splits: Splits
    times: Floats
    value: Floats
    std_err: Floats
    bounds: tuple[float, float]
    level: float
    missing: Integers
    notes: tuple[str, ...]

    def table(self) -> pl.DataFrame:
        """One row per split, horizon and learner, with limits from that test part alone."""
        half = normal_quantile(self.level) * self.std_err
        return _rows(
            {
                "split": part.name,
                "time": time,
                "learner": learner,
                "n_train": len(part.train),
                "n_test": len(part.test),
                self.measure: self.value[s, t, m],
                "std_err": self.std_err[s, t, m],
                "lower": np.maximum(self.value[s, t, m] - half[s, t, m], self.bounds[0]),
                "upper": np.minimum(self.value[s, t, m] + half[s, t, m], self.bounds[1]),
            }
            for (s, part), (t, time), (m, learner) in product(
                enumerate(self.splits.parts), enumerate(self.times), enumerate(self.learners)
            )
        )

    def summary(self) -> pl.DataFrame:
        """One row per horizon and learner: its mean over splits, sd, std_err, limits, percentiles.

        `lower` and `upper` are the corrected resampled t-interval (Nadeau and Bengio 2003);
        `lower_percentile` and `upper_percentile` are those of the values themselves. Sources are
        no random splits, so they have a mean and a spread only.
        """
        return _rows(
            {"time": time, "learner": learner, "splits": self._counted(t, m)}
            | self._over_splits(self.value[:, t, m], self.measure)
            for (t, time), (m, learner) in product(enumerate(self.times), enumerate(self.learners))
        )

    def differences(self) -> pl.DataFrame:
        """Pairs of learners over the same splits, with the corrected resampled t-test."""
        return _rows(
            {"time": time, "learner": self.learners[m], "reference": self.learners[r]}
            | self._over_splits(self.value[:, t, m] - self.value[:, t, r], "difference")
            for (t, time), (r, m) in product(
                enumerate(self.times), combinations(range(len(self.learners)), 2)
            )
        )

    def __str__(self) -> str:
        parts = f"{len(self.splits)} {self.splits.kind} of {self.splits.n:,} rows"
        if self.missing.any():
            parts += f" ({int(self.missing.sum()):,} left out in test parts: incomplete)"
        options = said_of_options({"measure": self.measure, "level": self.level})
        return page([parts, options], grid(self.summary()), notes=self.notes)

    def _counted(self, t: int, m: int) -> int:
        return int(np.count_nonzero(np.isfinite(self.value[:, t, m])))

    def _over_splits(self, values: Floats, name: str) -> dict[str, float]:
        counted = np.isfinite(values)
        kept, count = values[counted], int(counted.sum())
        tail = (1 - self.level) / 2
        found = {
            name: kept.mean() if count else np.nan,
            "sd": kept.std(ddof=1) if count > 1 else np.nan,
        }
        nothing = np.nan, np.nan
        percentiles = np.quantile(kept, (tail, 1 - tail)) if count else nothing
        std_err = np.nan
        if self.splits.kind != "sources" and count > 1:
            ratios = [len(part.test) / len(part.train) for part in self.splits.parts]
            ratio = float(np.mean(np.array(ratios)[counted]))
            std_err = found["sd"] * np.sqrt(1 / count + ratio)
        reach = student.ppf(1 - tail, count - 1) * std_err if count > 1 else np.nan
        centre = found[name]
        p = 2 * student.sf(abs(centre) / std_err, count - 1) if std_err > 0 else np.nan
        span = self.bounds[1] - self.bounds[0]
        least, greatest = (-span, span) if name == "difference" else self.bounds
        return (
            found
            | {
                "std_err": std_err,
                "lower": np.maximum(centre - reach, least),
                "upper": np.minimum(centre + reach, greatest),
            }
            | {"lower_percentile": percentiles[0], "upper_percentile": percentiles[1]}
            | ({"p": p} if name == "difference" else {})
        )


@dataclass(frozen=True, eq=False)
class BootstrapValidated:
    """Apparent performance of learners, and what is left of it on new patients.

    Attributes:
        learners: (M,) their names.
        measure: what was measured.
        times: (T,) horizons; NaN stands for the last event.
        apparent: (T, M) of the model of all patients, on all patients.
        drawn: (B, T, M) of each draw's model on its draw.
        tested: (B, T, M) of each draw's model on all patients.
        left_out: (B, T, M) of each draw's model on the patients not drawn.
        no_information: (T, M) if outcomes had nothing to do with predictions.
        level: coverage of the limits.
        n: patients on whom the models of all patients were judged.
        missing: rows left out there as incomplete, or without a prediction.
        notes: which learner failed where, and why.
    """

    learners: tuple[str, ...]
    measure: str
    times: Floats
    apparent: Floats
    drawn: Floats
    tested: Floats
    left_out: Floats
    no_information: Floats
    level: float
    n: int
    missing: int
    notes: tuple[str, ...]

    @property
    def optimism(self) -> Floats:
        """(T, M) how much better models look on the patients they were made from."""
        return np.asarray(_mean(self.drawn - self.tested))

    @property
    def corrected(self) -> Floats:
        """(T, M) the apparent measure less the optimism (Harrell et al. 1996)."""
        return np.asarray(self.apparent - self.optimism)

    @property
    def out_of_bag(self) -> Floats:
        """(T, M) the mean over draws on the patients not drawn."""
        return np.asarray(_mean(self.left_out))

    @property
    def point632(self) -> Floats:
        """(T, M) .368 of the apparent measure and .632 of the one out of bag."""
        return np.asarray(0.368 * self.apparent + 0.632 * self.out_of_bag)

    @property
    def point632_plus(self) -> Floats:
        """(T, M) the same with more weight out of bag the more was overfitted."""
        span = self.no_information - self.apparent
        inside = np.clip(
            self.out_of_bag,
            np.minimum(self.apparent, self.no_information),
            np.maximum(self.apparent, self.no_information),
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            overfitting = np.where(span != 0, (inside - self.apparent) / span, 0.0)
        weight = 0.632 / (1 - 0.368 * overfitting)
        return np.asarray((1 - weight) * self.apparent + weight * inside)

    def table(self) -> pl.DataFrame:
        """One row per horizon, learner and estimate: value, std_err, lower, upper.

        Limits of the optimism-corrected estimate are the percentiles of the draws' own measures,
        shifted by the optimism (Noma et al. 2021); those out of bag are percentiles.
        """
        tail = (1 - self.level) / 2
        rows = []
        for (t, time), (m, learner) in product(enumerate(self.times), enumerate(self.learners)):
            drawn, left_out = (part[:, t, m] for part in (self.drawn, self.left_out))
            kept, oob = drawn[np.isfinite(drawn)], left_out[np.isfinite(left_out)]
            own = np.quantile(kept, (tail, 1 - tail)) if kept.size else np.full(2, np.nan)
            outside = np.quantile(oob, (tail, 1 - tail)) if oob.size else np.full(2, np.nan)
            spread = kept.std(ddof=1) if kept.size > 1 else np.nan
            wide = oob.std(ddof=1) if oob.size > 1 else np.nan
            optimism, unknown = self.optimism[t, m], (np.nan, np.nan, np.nan)
            estimates = {
                "apparent": (self.apparent[t, m], *unknown),
                "optimism": (optimism, *unknown),
                "optimism-corrected": (self.corrected[t, m], spread, *(own - optimism)),
                "out of bag": (self.out_of_bag[t, m], wide, *outside),
                ".632": (self.point632[t, m], *unknown),
                ".632+": (self.point632_plus[t, m], *unknown),
            }
            names = (self.measure, "std_err", "lower", "upper")
            rows += [
                {"time": time, "learner": learner, "estimate": name}
                | dict(zip(names, values, strict=True))
                for name, values in estimates.items()
            ]
        return _rows(rows)

    def __str__(self) -> str:
        said = f"{counted(self.n, None, self.missing)}, {len(self.drawn)} bootstrap samples"
        options = said_of_options({"measure": self.measure, "level": self.level})
        return page([said, options], grid(self.table()), notes=self.notes)


def _mean(values: Floats) -> Floats:
    """Means over the first axis of what is known; NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))


def _rows(rows: Iterable[Mapping[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), infer_schema_length=None).with_columns(
        pl.col(pl.Float64).fill_nan(None)
    )
