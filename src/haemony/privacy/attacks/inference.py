"""Inference: does a release tell what somebody did not want told?

The attacker knows some columns of a target, looks for the released rows nearest to it, and takes
for the secret what these rows say. Rows at the same distance vote, so that all members of a class
of equal rows are heard.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from haemony.privacy.attacks.columns import Floats
from haemony.privacy.attacks.faults import BadAttack
from haemony.privacy.attacks.outcome import Attack, Outcome, Rate
from haemony.privacy.attacks.rehearsal import TIE, Rehearsal, drawn, generator


def inference(
    rehearsal: Rehearsal,
    secret: str,
    known: Sequence[str] = (),
    *,
    attempts: int = 500,
    seed: int = 0,
    confidence: float = 0.95,
) -> Outcome:
    """Guess one column of a target from others.

    Args:
        rehearsal: What the attack is rehearsed on. A number is guessed within the tolerance of its
            column; a generalised cell is guessed down to a leaf.
        secret: The column to guess. People without a value in it are not attacked.
        known: What the attacker knows of the target; every other column unless given.
        attempts: Members to attack, and people of the control; at most all.
        seed: Of every random draw.
        confidence: Of the intervals.

    Returns:
        The outcome; guesses are the secrets of released rows drawn at random.

    Raises:
        BadAttack: When a column is not described, the secret is known, or nobody has a secret.

    Example:
        >>> from haemony.privacy.attacks import Categorical, Numeric
        >>> people = pl.DataFrame({"wbc": range(40), "NPM1": ["mutated", "wild type"] * 20})
        >>> copied = Rehearsal(people[:20], people[:20], people[20:],
        ...                    {"wbc": Numeric(), "NPM1": Categorical()})
        >>> found = inference(copied, "NPM1")
        >>> found.on_members, found.on_control
        (Rate(successes=20, attempts=20), Rate(successes=10, attempts=20))
    """
    known = tuple(known) or tuple(name for name in rehearsal.columns if name != secret)
    rehearsal.check([secret, *known])
    if secret in known or not known:
        raise BadAttack(
            f"{secret!r} is to be guessed" + (" and known" if known else " from no column"),
            remedy="name other columns as known",
        )
    rng = generator(seed, "inference", secret, *known)
    reading = rehearsal.readings[secret]

    def targets(people: pl.DataFrame) -> pl.DataFrame:
        open_ = people.filter(pl.col(secret).is_not_null())
        if open_.is_empty():
            raise BadAttack(
                f"nobody among the members or the control has a value in {secret!r}",
                remedy="choose another secret",
            )
        return drawn(open_, attempts, rng)

    def inferred(people: pl.DataFrame) -> Rate:
        guesses = _guesses(rehearsal, people, secret, known, rng)
        return _right(rehearsal, guesses, people, secret)

    members, control = targets(rehearsal.members), targets(rehearsal.control)
    on_members, on_control = inferred(members), inferred(control)
    rows = rng.integers(rehearsal.released.height, size=members.height)
    random = np.array([reading.guess(rows[i : i + 1], rng) for i in range(len(rows))])
    by_guessing = _right(rehearsal, random, members, secret)
    aim = f"{secret} from {', '.join(known)}"
    return Outcome(Attack.INFERENCE, aim, on_members, on_control, by_guessing, confidence)


def _guesses(
    rehearsal: Rehearsal,
    people: pl.DataFrame,
    secret: str,
    known: Sequence[str],
    rng: np.random.Generator,
) -> Floats:
    reading = rehearsal.readings[secret]
    guesses = []
    for _, distances in rehearsal.distances(people, known):
        nearest = distances.min(axis=1, keepdims=True) + TIE
        guesses += [reading.guess(np.flatnonzero(row), rng) for row in distances <= nearest]
    return np.array(guesses)


def _right(rehearsal: Rehearsal, guesses: Floats, people: pl.DataFrame, secret: str) -> Rate:
    reading = rehearsal.readings[secret]
    right = reading.right(guesses, reading.truth(people[secret]))
    return Rate(int(right.sum()), people.height)
