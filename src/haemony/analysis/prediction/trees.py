"""Forests and boosting for survival, by a library that is loaded when one is first fitted.

xgboost minimises Cox's partial likelihood over trees (Chen T, Guestrin C (2016) XGBoost: a scalable
tree boosting system. KDD 22:785-794). It is no part of what haemony installs.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from haemony.analysis.prediction.faults import BadRisks, MissingLibrary
from haemony.analysis.prediction.learners import breslow, risk_of_scores, whole_rows
from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.data.complete import complete, known_columns
from haemony.analysis.survival.data.formula import quoted, read, sides
from haemony.analysis.survival.data.given import number, whole_number
from haemony.analysis.survival.faults import BadFormula

LARGEST_SEED = 2**31 - 1
LEAST_RATE = 1e-6
DEEPEST = 30
LARGEST = 1e38
"""Beyond this the library's numbers are infinite."""


@dataclass(frozen=True)
class TreesCox:
    """Trees that minimise Cox's partial likelihood, by the library xgboost (Apache-2.0).

    `boosted` and `forest` give the usual settings; missing covariates are allowed. The baseline
    hazard is Breslow's, given the trees' scores of the training patients.

    Attributes:
        formula: such as "Surv(os_days, os_event) ~ age + NPM1", plain columns only.
        settings: of the library.
        rounds: how many times trees are added.
        seed: of the sampling of rows and columns; one thread is used.
    """

    formula: str
    settings: Mapping[str, float] = field(default_factory=dict)
    rounds: int = 200
    seed: int = 1

    def __post_init__(self) -> None:
        whole_number(self.rounds, "rounds", least=1)
        whole_number(self.seed, "seed", least=0, most=LARGEST_SEED)

    @classmethod
    def boosted(
        cls, formula: str, *, rounds: int = 200, rate: float = 0.05, depth: int = 3, seed: int = 1
    ) -> TreesCox:
        """Small trees, each correcting those before."""
        settings = {
            "eta": number(rate, "rate", least=LEAST_RATE, most=1),
            "max_depth": whole_number(depth, "depth", least=1, most=DEEPEST),
            "subsample": 0.7,
            "colsample_bytree": 0.7,
        }
        return cls(formula, settings, rounds, seed)

    @classmethod
    def forest(cls, formula: str, *, trees: int = 500, depth: int = 6, seed: int = 1) -> TreesCox:
        """Many trees side by side, each on some rows and columns."""
        settings = {
            "eta": 1.0,
            "max_depth": whole_number(depth, "depth", least=1, most=DEEPEST),
            "subsample": 0.632,
            "colsample_bynode": 0.33,
            "num_parallel_tree": whole_number(trees, "trees", least=1, most=LARGEST_SEED),
        }
        return cls(formula, settings, 1, seed)

    def fit(self, table: pl.DataFrame) -> TreesModel:
        """Grow the trees.

        Raises:
            MissingLibrary: xgboost is not installed.
        """
        library = _xgboost()
        columns = _plain_columns(self.formula)
        outcome = complete(_without_covariates(self.formula), table)
        kept = table.filter(pl.Series(whole_rows(table, outcome.model.response)))
        time, died = outcome.response.stop, outcome.response.died
        labelled = library.DMatrix(_numbers(kept, columns), label=np.where(died, time, -time))
        settings = {
            **self.settings,
            "objective": "survival:cox",
            "nthread": 1,
            "seed": self.seed,
            "verbosity": 0,
            "base_score": 1.0,
        }
        trees = library.train(settings, labelled, num_boost_round=self.rounds)
        margin = np.asarray(trees.predict(labelled, output_margin=True), dtype=np.float64)
        at, hazard = breslow(outcome.response, margin)
        return TreesModel(trees, columns, at, hazard)


@dataclass(frozen=True, eq=False)
class TreesModel:
    """Trees with a baseline hazard.

    Attributes:
        trees: what the library fitted.
        columns: the covariates.
        times: (K,) ends of follow-up.
        hazard: (K,) cumulative hazard by then of a patient whose score is zero.
    """

    trees: Any
    columns: tuple[str, ...]
    times: Floats
    hazard: Floats

    def score(self, table: pl.DataFrame) -> Floats:
        """(m,) log relative hazards."""
        given = _xgboost().DMatrix(_numbers(table, self.columns))
        return np.asarray(self.trees.predict(given, output_margin=True), dtype=np.float64)

    def risk(self, table: pl.DataFrame, times: ArrayLike) -> Floats:
        """(m, T) one minus survival."""
        return risk_of_scores(self.score(table), self.times, self.hazard, times)


def installed() -> str:
    """The version of the library; empty where it is not installed."""
    try:
        return str(_xgboost().__version__)
    except MissingLibrary:
        return ""


def _xgboost() -> Any:  # noqa: ANN401 a module without types
    try:
        return importlib.import_module("xgboost")
    except ImportError as error:
        raise MissingLibrary(
            "TreesCox", library="xgboost", packages=("xgboost", "xgboost-cpu")
        ) from error


def _plain_columns(formula: str) -> tuple[str, ...]:
    model = read(formula)
    plain = set(map(quoted, model.covariates))
    if model.strata or model.cluster or model.offset or set(model.terms) != plain:
        raise BadFormula(formula, reason="trees take plain columns joined by '+'")
    return model.covariates


def _without_covariates(formula: str) -> str:
    return f"{sides(formula)[0]}~ 1"


def _numbers(table: pl.DataFrame, columns: tuple[str, ...]) -> Floats:
    """(m, p) columns as numbers: an Enum by the place of its category, missing as NaN."""
    parts = []
    for name in known_columns(columns, table.columns):
        column = table[name]
        if isinstance(column.dtype, pl.Enum):
            column = column.to_physical()
        elif not (column.dtype.is_numeric() or column.dtype == pl.Boolean):
            raise BadRisks(
                name, reason="is text, whose order trees cannot know", remedy="make it an Enum"
            )
        values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
        if (np.abs(values) > LARGEST).any():
            raise BadRisks(
                name,
                reason="is infinite, or nearly so",
                remedy="look for codes that stand for unknown, and leave unknown values out",
            )
        parts.append(values)
    return np.column_stack(parts) if parts else np.zeros((table.height, 0))
