"""Linkability: does a release tell that two records about a person belong together?

The attacker has two sources, each knowing some columns of the same people, and looks in each for
the released rows nearest to a record. Where both lead to the same released row, that row has linked
the two.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from haemony.privacy.attacks.columns import Positions
from haemony.privacy.attacks.faults import BadAttack
from haemony.privacy.attacks.outcome import Attack, Outcome, Rate
from haemony.privacy.attacks.rehearsal import Rehearsal, drawn, generator


def linkability(
    rehearsal: Rehearsal,
    sides: tuple[Sequence[str], Sequence[str]],
    *,
    neighbours: int = 1,
    attempts: int = 500,
    seed: int = 0,
    confidence: float = 0.95,
) -> Outcome:
    """Link two sources through a release.

    Args:
        rehearsal: What the attack is rehearsed on.
        sides: The columns that the first source knows, and the second.
        neighbours: A person counts as linked when one released row is among this many nearest on
            both sides. Rows at the same distance come in random order.
        attempts: Members to attack, and people of the control; at most all.
        seed: Of every random draw.
        confidence: Of the intervals.

    Returns:
        The outcome; guesses are ``neighbours`` released rows drawn on each side.

    Raises:
        BadAttack: When a side is empty or not described, the sides share a column, or
            ``neighbours`` is not positive.

    Example:
        >>> from haemony.privacy.attacks import Numeric
        >>> people = pl.DataFrame({"wbc": range(40), "ldh": range(40)})
        >>> copied = Rehearsal(people[:20], people[:20], people[20:],
        ...                    {"wbc": Numeric(), "ldh": Numeric()})
        >>> linkability(copied, (["wbc"], ["ldh"])).on_members
        Rate(successes=20, attempts=20)
    """
    first, second = (tuple(side) for side in sides)
    for side in (first, second):
        rehearsal.check(side)
    shared = sorted(set(first) & set(second))
    if shared:
        raise BadAttack(
            f"both sides know {', '.join(map(repr, shared))}", remedy="give each column to one side"
        )
    if neighbours < 1:
        raise BadAttack(f"{neighbours} neighbours are no candidates", remedy="choose at least 1")
    rng = generator(seed, "linkability", *first, "and", *second)

    def linked(people: pl.DataFrame) -> Rate:
        targets = drawn(people, attempts, rng)
        left = rehearsal.nearest(targets, first, neighbours, rng)
        return _met(left, rehearsal.nearest(targets, second, neighbours, rng))

    on_members, on_control = linked(rehearsal.members), linked(rehearsal.control)
    rows, tries = rehearsal.released.height, on_members.attempts
    left, right = (_random_rows(tries, rows, min(neighbours, rows), rng) for _ in "ab")
    aim = f"{', '.join(first)} with {', '.join(second)}"
    return Outcome(Attack.LINKABILITY, aim, on_members, on_control, _met(left, right), confidence)


def _met(left: Positions, right: Positions) -> Rate:
    met = sum(bool(np.intersect1d(a, b).size) for a, b in zip(left, right, strict=True))
    return Rate(met, len(left))


def _random_rows(tries: int, rows: int, count: int, rng: np.random.Generator) -> Positions:
    return np.array([rng.choice(rows, count, replace=False) for _ in range(tries)], dtype=np.int64)
