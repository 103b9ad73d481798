"""The follow-up of each group, counted once, and the variance that its curves are given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, TypedDict, get_args

import numpy as np

from haemony.analysis.survival.curves.influence import (
    Hazard,
    Stays,
    hazard_variance,
    leaving,
    on_grid,
)
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.counts import Counts, count
from haemony.analysis.survival.data.response import Grid
from haemony.analysis.survival.data.sample import Sample, check_choice
from haemony.analysis.survival.faults import BadCovariate

Variance = Literal["greenwood", "robust"]
ROUNDING = 1e-12


class Told(TypedDict):
    """What every curve says of its group, as `StepCurve` has it."""

    group: str
    n: int
    times: Floats
    n_risk: Floats
    n_event: Floats
    n_censored: Floats


@dataclass(frozen=True, eq=False)
class Group:
    """The follow-up of one group of m rows at its T distinct times.

    Attributes:
        label: its name.
        rows: the positions of its rows.
        counts: at risk, events and censored.
        data: the whole sample.
        grid: the times of the whole sample.
    """

    label: str
    rows: Integers | slice
    counts: Counts
    data: Sample
    grid: Grid

    @property
    def told(self) -> Told:
        """What its curve says of it; events of all kinds together."""
        return {
            "group": self.label,
            "n": len(self.grid.stop[self.rows]),
            "times": self.counts.times,
            "n_risk": self.counts.n_risk,
            "n_event": self.died,
            "n_censored": self.counts.n_censored,
        }

    @cached_property
    def died(self) -> Floats:
        """(T,) events of any kind."""
        return np.asarray(self.counts.n_event.sum(axis=1))

    @cached_property
    def survival(self) -> Floats:
        """(T,) probability of no event of any kind up to each time."""
        shares = (self.counts.n_risk - self.died) / self.counts.n_risk
        return np.asarray(np.cumprod(shares), np.float64)

    @property
    def survival_before(self) -> Floats:
        """(T,) probability of no event of any kind before each time."""
        return np.concatenate([[1.0], self.survival[:-1]])

    @cached_property
    def stays(self) -> Stays:
        """When its rows enter and leave."""
        data = self.data
        return Stays.of(data.response, self.grid, self.rows, data.weights, data.cluster)

    @cached_property
    def seen(self) -> Integers:
        """(T,) where its times lie on the grid."""
        return np.searchsorted(self.grid.times, self.counts.times)

    @cached_property
    def loss(self) -> Hazard:
        """How a row moves log survival."""
        return Hazard(*leaving(self.stays, self.counts, self.died, self.seen))

    def gain(self, kind: int) -> Hazard:
        """How a row moves the increments of an incidence while survival is held fixed."""
        events, risk = self.counts.n_event[:, kind], self.counts.n_risk
        height = self.survival_before / risk
        return Hazard(self.spread(height), np.cumsum(self.spread(height * events / risk)))

    def spread(self, values: Floats) -> Floats:
        """Values (T,) of its times on the whole grid."""
        return on_grid(values, self.seen, self.stays.size)

    def jackknife(self, hazard: Hazard) -> Floats:
        """(T,) robust variance of a process that its rows move like this."""
        return hazard_variance(self.stays, hazard.heights, hazard.drift)[self.seen]


def groups_followed(data: Sample) -> list[Group]:
    """The groups of a sample in their order."""
    grid = Grid.of(data.response)
    found = []
    for code, label in enumerate(data.groups.labels):
        rows = data.rows(code)
        counts = count(data.response, grid, rows, data.weights)
        if data.weights is not None:
            counts = _emptied(counts, float(data.weights[rows].sum()))
        found.append(Group(label, rows, counts, data, grid))
    return found


def _emptied(counts: Counts, total: float) -> Counts:
    """The same counts, nobody left where sums of weights differ by their rounding error alone."""
    died = counts.n_event.sum(axis=1)
    nobody = np.abs(counts.n_risk - died) <= ROUNDING * total
    return replace(counts, n_risk=np.where(nobody, died, counts.n_risk))


def choose_variance(data: Sample, asked: Variance | None) -> tuple[Variance, tuple[str, ...]]:
    """The variance asked for, and what a reader must know of it.

    By default it is Greenwood's, and robust with a cluster or with weights that are not whole
    numbers and so cannot be counts, as in R's `survfit`.

    Raises:
        BadCovariate: it has no such name, or Greenwood's is asked for in spite of a cluster.
    """
    if asked is not None:
        check_choice(asked, "variance", get_args(Variance))
    if asked == "greenwood" and data.cluster is not None:
        raise BadCovariate(
            "variance",
            reason="of Greenwood takes rows as independent, but a cluster is named",
            remedy="choose 'robust', or leave out the cluster",
        )
    fractional = data.weights is not None and bool(np.any(data.weights % 1))
    if asked is None and fractional and data.cluster is None:
        return "robust", (
            "the weights are not whole numbers, so standard errors are robust, each row a patient; "
            "variance='greenwood' takes weights as counts, cluster(...) joins a patient's rows",
        )
    if asked == "greenwood" and fractional:
        return "greenwood", (
            "the standard errors take weights as counts, but they are not whole numbers; "
            "for weights of inverse probability choose variance='robust'",
        )
    return asked or ("greenwood" if data.cluster is None else "robust"), ()
