"""Which coefficient acts in which transition, and which transitions must be fitted together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from haemony.analysis.multistate.faults import BadHistory
from haemony.analysis.multistate.scheme import Scheme, Transition
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.design import Design


@dataclass(frozen=True, slots=True)
class Coefficient:
    """One coefficient of a multi-state Cox model.

    Attributes:
        term: the covariate's column, or what stands against a shared baseline.
        arrows: the transitions in which it acts.
        column: the position of the column in the design; None for a ratio of baselines.
    """

    term: str
    arrows: tuple[Transition, ...]
    column: int | None

    @property
    def name(self) -> str:
        """The term with its transitions."""
        return f"{self.term} ({'; '.join(map(str, self.arrows))})"


@dataclass(frozen=True, eq=False)
class Plan:
    """How the transitions of a scheme are stacked.

    Attributes:
        scheme: the states and the transitions.
        formula: (K,) the covariates of each transition, as text.
        coefficients: (p,) all coefficients.
        baseline: the name of each transition's baseline, by position.
        components: transitions that share something, together.
    """

    scheme: Scheme
    formula: tuple[str, ...]
    coefficients: tuple[Coefficient, ...]
    baseline: Mapping[int, str]
    components: tuple[tuple[int, ...], ...]

    def positions(self, members: Sequence[int]) -> Integers:
        """The coefficients that act in some transitions."""
        arrows = {self.scheme.transitions[k] for k in members}
        found = [i for i, one in enumerate(self.coefficients) if arrows & set(one.arrows)]
        return np.array(found, dtype=np.intp)

    def block(self, k: int, positions: Integers, matrices: Mapping[str, Floats]) -> Floats:
        """(m, q) the stacked covariates of transition k, from design matrices by formula."""
        matrix = matrices[self.formula[k]]
        block = np.zeros((len(matrix), len(positions)))
        for j, i in enumerate(positions):
            one = self.coefficients[i]
            if self.scheme.transitions[k] in one.arrows:
                block[:, j] = 1.0 if one.column is None else matrix[:, one.column]
        return block


def plan(
    scheme: Scheme,
    formula: Sequence[str],
    designs: Mapping[str, Design],
    seen: Integers,
    same_effect: Mapping[str, Sequence[str]],
    same_baseline: Sequence[Sequence[str]],
) -> Plan:
    """Arrange the transitions that are seen.

    Raises:
        BadHistory: what should be shared does not act in those transitions.
        BadScheme: a transition is named that the scheme does not allow.
    """
    active = [int(k) for k in seen]
    baseline = {k: str(scheme.transitions[k]) for k in active}
    ratios = []
    for names in same_baseline:
        together = [k for k in map(scheme.transition, names) if k in active]
        for k in together[1:]:
            baseline[k] = baseline[together[0]]
            first = scheme.transitions[together[0]]
            ratios.append(Coefficient(f"baseline against {first}", (scheme.transitions[k],), None))
    coefficients = _effects(scheme, formula, designs, active, same_effect)
    coefficients += ratios
    return Plan(
        scheme=scheme,
        formula=tuple(formula),
        coefficients=tuple(coefficients),
        baseline=baseline,
        components=_components(scheme, active, coefficients, baseline),
    )


def _effects(
    scheme: Scheme,
    formula: Sequence[str],
    designs: Mapping[str, Design],
    active: Sequence[int],
    same_effect: Mapping[str, Sequence[str]],
) -> list[Coefficient]:
    """The covariates' coefficients, transition by transition; shared ones where they come first."""
    shared: dict[tuple[str, int], tuple[int, ...]] = {}
    for term, names in same_effect.items():
        together = tuple(k for k in map(scheme.transition, names) if k in active)
        for k in together:
            if term not in _terms(designs[formula[k]]):
                raise BadHistory(
                    f"{term!r} should have the same effect on {scheme.transitions[k]}, whose "
                    f"covariates are {formula[k]!r}",
                    remedy="add it to the covariates of that transition",
                )
            shared[term, k] = together
    found: dict[tuple[str, tuple[int, ...]], Coefficient] = {}
    for k in active:
        design = designs[formula[k]]
        for term, columns in _terms(design).items():
            acts = shared.get((term, k), (k,))
            for column in columns:
                arrows = tuple(scheme.transitions[i] for i in acts)
                one = Coefficient(design.names[column], arrows, column)
                _check_place(one, found.setdefault((one.term, acts), one), scheme, formula)
    return list(found.values())


def _check_place(
    one: Coefficient, known: Coefficient, scheme: Scheme, formula: Sequence[str]
) -> None:
    if one.column != known.column:
        texts = {formula[scheme.transitions.index(arrow)] for arrow in one.arrows}
        raise BadHistory(
            f"{one.term!r} is shared by transitions with different covariates "
            f"({'; '.join(sorted(texts))})",
            remedy="write shared terms first and in the same order",
        )


def _terms(design: Design) -> dict[str, tuple[int, ...]]:
    return {term.replace("`", ""): columns for term, columns in design.terms.items()}


def _components(
    scheme: Scheme,
    active: Sequence[int],
    coefficients: Sequence[Coefficient],
    baseline: Mapping[int, str],
) -> tuple[tuple[int, ...], ...]:
    """Transitions that share an effect or a baseline, in groups."""
    group = {k: k for k in active}

    def join(members: Sequence[int]) -> None:
        old = {group[k] for k in members}
        for k in active:
            if group[k] in old:
                group[k] = min(old)

    for one in coefficients:
        join([k for k in active if scheme.transitions[k] in one.arrows])
    for name in set(baseline.values()):
        join([k for k in active if baseline[k] == name])
    return tuple(tuple(k for k in active if group[k] == g) for g in sorted(set(group.values())))
