"""Singling out: does a release tell something that is true of exactly one person?

The attacker learns predicates from the released table and claims of each that exactly one member
fits it. A narrow predicate is right about somebody by chance, too: one that fits a share of 1/n of
people is right in 37 of 100 populations of n (Cohen, Nissim 2020, doi:10.1073/pnas.1914598117).
What that chance is, the control tells.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from enum import Enum
from itertools import islice

import numpy as np
import polars as pl

from haemony.privacy.attacks.columns import Bools
from haemony.privacy.attacks.faults import BadAttack
from haemony.privacy.attacks.outcome import Attack, Outcome, Rate
from haemony.privacy.attacks.rehearsal import Rehearsal, drawn, generator

TRIES = 8
"""How many predicates are looked at for each attempt."""


class Predicates(Enum):
    """What a predicate speaks of."""

    UNIVARIATE = "one column"
    MULTIVARIATE = "several columns"


HALVES = 200
"""Random halves of all people, to see how much the rates differ between them by chance."""

ABOUT_ONE = 0.1
"""A predicate is expected to fit about one released row when the logarithm is this near to 0."""

Predicate = tuple[tuple[str, Hashable], ...]
"""A claim about each of some columns; a person fits it when all are true."""


def singling_out(
    rehearsal: Rehearsal,
    predicates: Predicates = Predicates.MULTIVARIATE,
    columns: Sequence[str] = (),
    *,
    attempts: int = 500,
    seed: int = 0,
    confidence: float = 0.95,
) -> Outcome:
    """Claim of predicates learned from a release that each is true of exactly one person.

    A predicate takes cells of one released row. True values lie under its labels; half of them,
    drawn at random, are narrowed to one value under them, as a release in classes of k offers
    nothing better. True values lie around its numbers: of one column, nearer than to any other
    released number; of several, up to half the way to the next released row that shares the labels,
    in shares of the rows and the column in which the two differ most. Claimed are the predicates
    that most nearly one released row is expected to fit, were all values under a label equally
    likely.

    Args:
        rehearsal: What the attack is rehearsed on. The control must be at least as large as the
            members; it is cut to their number, since how often a predicate is right by chance
            depends on how many people there are.
        predicates: Of one column, or of two and more.
        columns: What the attacker may use; all unless given.
        attempts: Predicates to claim; fewer when the release does not yield as many.
        seed: Of every random draw.
        confidence: Of the intervals.

    Returns:
        The outcome; guesses are predicates put together from cells of different rows. Predicates
        may be about the same people, so their number says too much about the precision: the
        ``spread`` is the variance of the difference between the two rates over 200 random halves
        of all people, as a multiple of what independent attempts would have; at least 1.

    Raises:
        BadAttack: When a column is not described, the control is too small, or no cell says
            anything.

    Example:
        >>> from haemony.privacy.attacks import Numeric
        >>> people = pl.DataFrame({"wbc": [i * i % 211 for i in range(100)]})
        >>> copied = Rehearsal(people[:50], people[:50], people[50:], {"wbc": Numeric()})
        >>> found = singling_out(copied, Predicates.UNIVARIATE)
        >>> found.on_members, found.on_control.share < 0.5
        (Rate(successes=50, attempts=50), True)
    """
    names = tuple(columns) or tuple(rehearsal.columns)
    rehearsal.check(names)
    members, control = rehearsal.members, rehearsal.control
    if control.height < members.height:
        raise BadAttack(
            f"the control has {control.height} people and the members {members.height}",
            remedy="hold back as many people as are released",
        )
    if attempts < 1:
        raise BadAttack(f"{attempts} attempts are asked for", remedy="ask for at least one")
    rng = generator(seed, "singling out", predicates.value, *names)
    control = drawn(control, members.height, rng)
    told = [name for name in names if _tells(rehearsal, name)]
    if not told:
        raise BadAttack(
            "no released cell says anything in the columns to be used", remedy="name other columns"
        )
    if predicates is Predicates.MULTIVARIATE and len(told) < 2:
        raise BadAttack(
            "fewer than two columns say anything", remedy="use predicates of one column"
        )
    width = (1, 1) if predicates is Predicates.UNIVARIATE else (2, len(told))
    claims = _nearest_to_one(rehearsal, _learned(rehearsal, told, width, rng), attempts)
    blind = _blind(rehearsal, told, width, len(claims), rng)
    fits = _fits(rehearsal, claims, pl.concat([members.select(told), control.select(told)]))
    return Outcome(
        Attack.SINGLING_OUT,
        f"{predicates.value} of {', '.join(names)}",
        _isolated(fits[:, : members.height]),
        _isolated(fits[:, members.height :]),
        _isolated(_fits(rehearsal, blind, members)),
        confidence,
        _spread(fits, rng),
    )


def _tells(rehearsal: Rehearsal, name: str) -> bool:
    return any(map(rehearsal.readings[name].tells, range(rehearsal.released.height)))


def _learned(
    rehearsal: Rehearsal, names: Sequence[str], width: tuple[int, int], rng: np.random.Generator
) -> Iterator[Predicate]:
    """Cells of one row after the other, each time in other columns; every row once a round."""
    while True:
        for row in rng.permutation(rehearsal.released.height).tolist():
            telling = [name for name in names if rehearsal.readings[name].tells(row)]
            yield _about(rehearsal, row, _some(telling, width, rng), rng)


def _blind(
    rehearsal: Rehearsal,
    names: Sequence[str],
    width: tuple[int, int],
    count: int,
    rng: np.random.Generator,
) -> list[Predicate]:
    """Each claim from a row of its own."""
    predicates = []
    for _ in range(count):
        rows = rng.integers(rehearsal.released.height, size=len(names))
        drawn_rows = dict(zip(names, rows.tolist(), strict=True))
        telling = [name for name, row in drawn_rows.items() if rehearsal.readings[name].tells(row)]
        predicates.append(
            tuple(
                (name, rehearsal.readings[name].claim(drawn_rows[name], rng))
                for name in _some(telling, width, rng)
            )
        )
    return predicates


def _some(names: Sequence[str], width: tuple[int, int], rng: np.random.Generator) -> list[str]:
    size = int(rng.integers(width[0], width[1] + 1))
    return [names[i] for i in sorted(rng.permutation(len(names))[:size])]


def _about(
    rehearsal: Rehearsal, row: int, names: Sequence[str], rng: np.random.Generator
) -> Predicate:
    """The predicate that a row suggests in some columns."""
    readings = rehearsal.readings
    claims = {name: readings[name].claim(row, rng) for name in names}
    gaps = {name: gap for name in names if (gap := readings[name].gaps(row)) is not None}
    if len(names) == 1 or not gaps:
        return tuple(claims.items())
    apart = np.maximum.reduce(list(gaps.values()))
    for name in claims.keys() - gaps.keys():
        apart = np.where(readings[name].chances(claims[name]) > 0, apart, np.inf)
    apart[row] = np.inf
    nearest = float(apart.min())
    if nearest > 0:
        claims |= {name: readings[name].around(row, nearest / 2) for name in gaps}
    return tuple(claims.items())


def _nearest_to_one(
    rehearsal: Rehearsal, learned: Iterator[Predicate], attempts: int
) -> list[Predicate]:
    """The predicates that most nearly one released row is expected to fit."""
    off: dict[Predicate, float] = {}
    about_one = 0
    tries = max(attempts * TRIES, rehearsal.released.height)
    for predicate in islice(learned, tries):
        if predicate and predicate not in off:
            chances = [rehearsal.readings[name].chances(claim) for name, claim in predicate]
            expected = float(np.multiply.reduce(chances).sum())
            off[predicate] = abs(math.log(expected)) if expected else math.inf
            about_one += off[predicate] < ABOUT_ONE
        if about_one == attempts:
            break
    return sorted(off, key=off.__getitem__)[:attempts]


def _fits(rehearsal: Rehearsal, predicates: Sequence[Predicate], people: pl.DataFrame) -> Bools:
    """Whether predicates fit people: (predicates, people)."""
    readings = rehearsal.readings
    truth = {
        name: readings[name].truth(people[name]) for name in people.columns if name in readings
    }
    fits = np.ones((len(predicates), people.height), dtype=np.bool_)
    for number, predicate in enumerate(predicates):
        for name, claim in predicate:
            fits[number] &= readings[name].holds(claim, truth[name])
    return fits


def _isolated(fits: Bools) -> Rate:
    """How many predicates exactly one person fits."""
    return Rate(int((fits.sum(axis=1) == 1).sum()), len(fits))


def _spread(fits: Bools, rng: np.random.Generator) -> float:
    """How much more the two rates differ between random halves than independent rates would."""
    total = fits.sum(axis=1)
    differences, successes = [], 0
    for _ in range(HALVES):
        half = np.zeros(fits.shape[1], dtype=np.bool_)
        half[rng.permutation(fits.shape[1])[: fits.shape[1] // 2]] = True
        here = fits[:, half].sum(axis=1)
        ours, theirs = int((here == 1).sum()), int((total - here == 1).sum())
        differences.append(ours - theirs)
        successes += ours + theirs
    share = successes / (2 * HALVES * len(fits))
    expected = 2 * len(fits) * share * (1 - share)
    return max(1.0, float(np.mean(np.square(differences))) / expected) if expected else 1.0
