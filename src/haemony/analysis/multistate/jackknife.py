"""The infinitesimal jackknife of state probabilities: how far each patient pulls each estimate.

A patient at risk in state j at a time moves the estimates by p(j) / n(j) times the difference
between where they went and where the step takes everybody. Summed over a course and carried forward
by the later steps this is the patient's influence; the variance is the sum of its squares over
patients. R's `survfit` carries every patient through every time. Here the influences are carried
through a stretch of times in coordinates in which later steps change nothing (the influence times
the inverse of the product of the steps so far), so that whole risk sets are sums. A stretch ends
before these inverses grow large; a step that empties a state is carried out patient by patient.

Therneau TM, Crowson C, Atkinson E (2024) Multi-state models and competing risks, vignette of the R
package survival. Aalen OO, Borgan O, Gjessing HK (2008) Survival and Event History Analysis, 3.4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from haemony.analysis.multistate.histories import STAYS, Histories
from haemony.analysis.multistate.steps import Steps, at_risk
from haemony.analysis.survival.data.arrays import Flags, Floats, Integers
from haemony.analysis.survival.data.counts import sums_by

SINGULAR = 1e-3
LARGEST = 1e4


@dataclass(frozen=True, eq=False)
class Course:
    """Histories, their counts and the state probabilities that they give.

    Attributes:
        histories: n rows of N patients.
        steps: their counts at T times.
        probability: (T + 1, S) state probabilities, before the first time and after each.
        start: (N, S) influence of each patient on the first of them.
    """

    histories: Histories
    steps: Steps
    probability: Floats
    start: Floats

    @property
    def share(self) -> Floats:
        """(T, S) probability of a state over the number at risk in it; 0 where nobody is."""
        before, risk = self.probability[:-1], self.steps.n_risk
        return np.divide(before, risk, out=np.zeros_like(before), where=risk > 0)

    @property
    def leaving(self) -> Floats:
        """(T, S, S) what a patient who stays does to the estimates, by state: share · (1 − H)."""
        still = np.eye(len(self.steps.scheme.states)) - self.steps.matrices
        return self.share[:, :, None] * still


def variance(course: Course) -> Floats:
    """(T, S) variance of the state probabilities after each time."""
    matrices = course.steps.matrices
    invertible = np.abs(np.linalg.det(matrices)) > SINGULAR
    found = np.empty(matrices.shape[:2])
    influence = course.start.copy()
    begin = 0
    while begin < len(matrices):
        if not invertible[begin]:
            influence = _one_step(course, begin, influence)
            found[begin] = np.square(influence).sum(axis=0)
            begin += 1
            continue
        stretch = _Stretch.of(matrices, invertible, begin)
        influence = _along(course, stretch, influence, found)
        begin = stretch.end
    return found


def influences(course: Course, carried: Floats) -> Floats:
    """(N, S) influence of each patient on a quantity that later steps carry linearly.

    Args:
        course: whose.
        carried: (T + 1, S, S) what a shift of the state probabilities does to the quantity: at the
            start, and just after each time.
    """
    told, steps = course.histories, course.steps
    stay = course.leaving @ carried[1:]
    exposed = np.concatenate([np.zeros((1, *stay.shape[1:])), np.cumsum(stay, axis=0)])
    rows = exposed[steps.last + 1, told.origin] - exposed[steps.first, told.origin]
    moved = told.moved
    at, origin, target = steps.last[moved], told.origin[moved], told.target[moved]
    gained = carried[at + 1, target] - carried[at + 1, origin]
    rows[moved] += course.share[at, origin][:, None] * gained
    total = course.start @ carried[0]
    np.add.at(total, told.patient, steps.weight[:, None] * rows)
    return np.asarray(total)


@dataclass(frozen=True, eq=False)
class _Stretch:
    """Times begin … end - 1, with the products (m, S, S) of their steps and the inverses."""

    begin: int
    end: int
    product: Floats
    inverse: Floats

    @classmethod
    def of(cls, matrices: Floats, invertible: Flags, begin: int) -> _Stretch:
        stop = begin + int(np.argmin(np.append(invertible[begin:], False)))
        size = matrices.shape[1]
        product, inverse = np.empty((2, stop - begin, size, size))
        now, back = np.eye(size), np.eye(size)
        single = np.linalg.inv(matrices[begin:stop])
        for i in range(stop - begin):
            now, back = now @ matrices[begin + i], single[i] @ back
            if i and np.abs(back).max() > LARGEST:
                stop = begin + i
                break
            product[i], inverse[i] = now, back
        length = stop - begin
        return cls(begin, stop, product[:length], inverse[:length])


def _one_step(course: Course, at: int, influence: Floats) -> Floats:
    """The influences (N, S) after one time, patient by patient."""
    told, steps = course.histories, course.steps
    rows = np.flatnonzero((steps.first <= at) & (at <= steps.last))
    state = told.origin[rows]
    to = np.where((steps.last[rows] == at) & told.moved[rows], told.target[rows], state)
    after = influence @ steps.matrices[at]
    where = np.eye(influence.shape[1])[to] - steps.matrices[at, state]
    change = (steps.weight[rows] * course.share[at, state])[:, None] * where
    np.add.at(after, told.patient[rows], change)
    return np.asarray(after)


def _along(course: Course, stretch: _Stretch, influence: Floats, found: Floats) -> Floats:
    """Fill the variances of a stretch and return the influences (N, S) at its end."""
    span = slice(stretch.begin, stretch.end)
    stay = course.leaving[span] @ stretch.inverse
    exposed = np.concatenate([np.zeros((1, *stay.shape[1:])), np.cumsum(stay, axis=0)])
    origin, target = course.steps.scheme.arrows.T
    inverse = stretch.inverse
    jump = course.share[span, origin][:, :, None] * (inverse[:, target] - inverse[:, origin])
    rows = _rows_within(course, stretch)
    base, after = _bases(course, rows, exposed, jump, influence)
    waiting, moving, two, moves = _sums(course, rows, base, len(stay))
    waiting += two[:, :, None] * exposed[:-1]
    moving += moves[:, :, None] * exposed[:-1, origin]
    cross = _products(waiting, stay) + _products(moving, jump)
    mixed = moves[:, :, None] * jump
    own = _products(two[:, :, None] * stay, stay) + _products(mixed, jump)
    both = _products(mixed, stay[:, origin]) + cross
    grown = np.cumsum(own + both + both.transpose(0, 2, 1), axis=0) + influence.T @ influence
    found[span] = np.einsum("tij,tij->tj", stretch.product, grown @ stretch.product)
    return np.asarray(after @ stretch.product[-1])


@dataclass(frozen=True, eq=False)
class _Rows:
    """The rows at risk in a stretch.

    Attributes:
        index: (m,) their positions.
        first: (m,) first time at risk, counted from the beginning of the stretch.
        last: (m,) last time at risk.
        transition: (m,) the transition at that time; -1 without one.
        rank: (m,) which of its patient's rows within the stretch.
    """

    index: Integers
    first: Integers
    last: Integers
    transition: Integers
    rank: Integers


def _rows_within(course: Course, stretch: _Stretch) -> _Rows:
    steps, told = course.steps, course.histories
    index = np.flatnonzero(
        (steps.first < stretch.end) & (steps.last >= stretch.begin) & (steps.first <= steps.last)
    )
    last = np.minimum(steps.last[index], stretch.end - 1)
    ends = steps.last[index] == last
    patient = told.patient[index]
    new = np.append(True, patient[1:] != patient[:-1])[: len(index)]
    begins = np.flatnonzero(new)
    rank = np.arange(len(index)) - np.repeat(begins, np.diff(np.append(begins, len(index))))
    return _Rows(
        index=index,
        first=np.maximum(steps.first[index], stretch.begin) - stretch.begin,
        last=last - stretch.begin,
        transition=np.where(ends, told.transition[index], STAYS),
        rank=rank,
    )


def _bases(
    course: Course, rows: _Rows, exposed: Floats, jump: Floats, influence: Floats
) -> tuple[Floats, Floats]:
    """What each row's influence is beyond its exposure (m, S), and the patients' at the end."""
    told, weight = course.histories, course.steps.weight
    now = influence.copy()
    base = np.empty((len(rows.index), influence.shape[1]))
    for rank in range(int(rows.rank.max(initial=-1)) + 1):
        mine = np.flatnonzero(rows.rank == rank)
        row = rows.index[mine]
        patient, state, w = told.patient[row], told.origin[row], weight[row, None]
        base[mine] = now[patient] - w * exposed[rows.first[mine], state]
        now[patient] = base[mine] + w * exposed[rows.last[mine] + 1, state]
        moved = rows.transition[mine] != STAYS
        step = jump[rows.last[mine[moved]], rows.transition[mine[moved]]]
        now[patient[moved]] += w[moved] * step
    return base, now


def _sums(
    course: Course, rows: _Rows, base: Floats, length: int
) -> tuple[Floats, Floats, Floats, Floats]:
    """Weighted sums of the bases over risk sets (m, S, S) and movers (m, K, S), and of weights²."""
    scheme = course.steps.scheme
    states, kinds = len(scheme.states), len(scheme.transitions)
    origin, weight = course.histories.origin[rows.index], course.steps.weight[rows.index]
    shape = (length, states)
    held = weight[:, None] * base
    waiting = [at_risk(rows.first, rows.last, origin, column, shape) for column in held.T]
    moved = np.flatnonzero(rows.transition != STAYS)
    cell = rows.last[moved] * kinds + rows.transition[moved]
    moving = [
        sums_by(cell, column, length * kinds).reshape(length, kinds) for column in held[moved].T
    ]
    square = weight**2
    return (
        np.stack(waiting, axis=2),
        np.stack(moving, axis=2),
        at_risk(rows.first, rows.last, origin, square, shape),
        sums_by(cell, square[moved], length * kinds).reshape(length, kinds),
    )


def _products(left: Floats, right: Floats) -> Floats:
    """(m, S, S) sums over states or transitions of left (m, ·, S) times right (m, ·, S)."""
    return np.asarray(left.transpose(0, 2, 1) @ right)
