"""How a policy stands up to attacks: half of the people leave under it, half are the control.

The attacker knows the quasi-identifiers of the policy, exactly, and has what leaves. What the
attacks achieve on people whose records left, beyond what they achieve on people whose records did
not, is what the release gives away about its members.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from haemony.privacy.attacks import (
    Categorical,
    Column,
    Generalised,
    Numeric,
    Outcome,
    Predicates,
    Rehearsal,
    Verdict,
    inference,
    linkability,
    singling_out,
)
from haemony.privacy.attacks.rehearsal import generator
from haemony.privacy.blurring import Seeded
from haemony.privacy.cut import cut
from haemony.privacy.policy import AttackPlan, Policy, QuasiIdentifier

_CONFIDENCE = 0.95
_LESS_THAN_ALL = 0.999


@dataclass(frozen=True, slots=True)
class Tried:
    """An attack, and the excess that the policy tolerates of it.

    Attributes:
        outcome: What the attack has shown.
        tolerated: The policy's figure.
    """

    outcome: Outcome
    tolerated: float

    @property
    def verdict(self) -> Verdict:
        """Whether more than that is shown."""
        return self.outcome.verdict(self.tolerated)


def resist(table: pl.DataFrame, policy: Policy, plan: AttackPlan) -> tuple[Tried, ...]:
    """Attack what would leave under a policy.

    Args:
        table: One row per person.
        policy: What may leave.
        plan: Share held out, seed, attempts.

    Returns:
        Singling out by one and by several quasi-identifiers, linkability of two halves of them, and
        inference of every released column from all of them. The intervals of each kind hold
        together with 95 % confidence (Bonferroni). An exact number in a class of k is guessed right
        once in k times, as its own record is among them, and more often where numbers cluster: what
        is tolerated of such guesses is a figure of its own. Numbers are blurred by noise of the
        plan's seed, not by that of the people, which belongs to what leaves.
    """
    people = table.select(policy.columns).sort(policy.columns)
    order = generator(plan.seed, "halves").permutation(people.height)
    left = round(people.height * (1 - plan.held_out))
    members, control = people[order[:left].tolist()], people[order[left:].tolist()]
    lenient = replace(policy, suppression_limit=1.0, attacks=None, utility=None)
    released = cut(members, lenient, Seeded(plan.seed))
    columns = _columns(people, policy)
    rehearsal = Rehearsal(released.frame, members, control, columns)
    known = [quasi.column for quasi in policy.quasi_identifiers]
    secrets = [how.column for how in policy.released]
    outcomes = (*_singled_out(rehearsal, known, plan), *_linked(rehearsal, known, plan))
    guessed = zip(secrets, _inferred(rehearsal, known, secrets, plan), strict=True)
    own = plan.tolerated_numbers
    exact = min(policy.threshold if own is None else own, _LESS_THAN_ALL)
    return (
        *(Tried(outcome, plan.tolerated) for outcome in outcomes),
        *(
            Tried(outcome, exact if isinstance(columns[secret], Numeric) else plan.tolerated)
            for secret, outcome in guessed
        ),
    )


def _columns(people: pl.DataFrame, policy: Policy) -> dict[str, Column]:
    """How the released cells of every column are to be read."""
    columns = {
        quasi.column: _reading(people[quasi.column], quasi) for quasi in policy.quasi_identifiers
    }
    return columns | {how.column: _reading(people[how.column]) for how in policy.released}


def _reading(values: pl.Series, quasi: QuasiIdentifier | None = None) -> Column:
    if quasi and (hierarchy := quasi.along(values)):
        return Generalised(hierarchy)
    return Numeric() if values.dtype.is_numeric() else Categorical()


def _singled_out(rehearsal: Rehearsal, known: Sequence[str], plan: AttackPlan) -> list[Outcome]:
    kinds = [Predicates.UNIVARIATE, *([Predicates.MULTIVARIATE] if len(known) > 1 else [])]
    confidence = 1 - (1 - _CONFIDENCE) / len(kinds)
    return [
        singling_out(
            rehearsal, kind, known, attempts=plan.attempts, seed=plan.seed, confidence=confidence
        )
        for kind in kinds
    ]


def _linked(rehearsal: Rehearsal, known: Sequence[str], plan: AttackPlan) -> list[Outcome]:
    if len(known) < 2:
        return []
    sides = known[::2], known[1::2]
    return [linkability(rehearsal, sides, attempts=plan.attempts, seed=plan.seed)]


def _inferred(
    rehearsal: Rehearsal, known: Sequence[str], secrets: Sequence[str], plan: AttackPlan
) -> list[Outcome]:
    confidence = 1 - (1 - _CONFIDENCE) / max(len(secrets), 1)
    return [
        inference(
            rehearsal, secret, known, attempts=plan.attempts, seed=plan.seed, confidence=confidence
        )
        for secret in secrets
    ]
