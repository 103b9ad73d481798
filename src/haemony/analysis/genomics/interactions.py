"""Do two alterations together change survival by more than the sum of their effects?

Every pair of alterations is tested for its product, by likelihood ratio, in a Cox model with both
effects, stratified as the formula says. With hundreds of pairs some look striking by chance, so
that the same tests are made on shuffled data, in which no pair interacts.

**What is shuffled.** Under the null hypothesis that all alterations act additively, survival
depends on them through the additive risk score alone. Patients of one stratum with the same score
are then exchangeable: their follow-ups may be swapped. Scores are estimated by a Cox model with
random effects of all alterations; patients of a stratum are sorted by score and cut into blocks of
neighbours, and follow-ups are shuffled within the blocks. Main effects and strata stay as they are,
so do the alterations and their correlation. It holds as far as scores within a block are alike,
and as censoring depends on no more than stratum and score.

The statistics of all pairs and permutations together give the false discovery rate (Storey JD,
Tibshirani R (2003) Statistical significance for genomewide studies. PNAS 100:9440-9445, with every
pair taken as null), the largest of each permutation the chance of any false discovery (Westfall PH,
Young SS (1993) Resampling-based multiple testing. Wiley).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.stats import chi2

from haemony.analysis import random_effects
from haemony.analysis.genomics.findings import Findings
from haemony.analysis.genomics.multiplicity import adjust
from haemony.analysis.genomics.pair_fits import Follow, PairFits
from haemony.analysis.survival import printing
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.complete import Missing, complete, groups_of
from haemony.analysis.survival.data.design import Design
from haemony.analysis.survival.data.frames import Tabular, numbers, polars_table
from haemony.analysis.survival.data.given import finite, whole_number
from haemony.analysis.survival.data.response import Surv
from haemony.analysis.survival.faults import BadFormula, NothingToAnalyse
from haemony.analysis.survival.regression.risk_sets import RiskSets

INFINITE = 8.0
SHOWN = 20
P_VALUES = ("p", "q", "q_permutation", "p_family")


@dataclass(frozen=True, eq=False)
class Interactions:
    """Tests of P pairs of m alterations.

    Attributes:
        names: (m,) the alterations with enough carriers.
        pairs: how many pairs they form.
        first: (P,) position of the first alteration of each pair tested.
        second: (P,) of the second.
        n: (P,) patients tested for both.
        both: (P,) of them with both.
        deaths: (P,) events among those with both.
        fits: effects, statistics and standard errors.
        p: (P,) of the likelihood-ratio tests.
        q: (P,) the same adjusted after Benjamini and Hochberg.
        q_permutation: (P,) false discovery rate from the permutations; NaN without them.
        p_family: (P,) chance that any pair of shuffled data is as striking; NaN without them.
        permutations: how many.
        seed: of the shuffling.
        patients: n analysed.
        events: among them.
        missing: rows left out because the formula's own columns are incomplete.
        notes: what a reader must know.
    """

    names: tuple[str, ...]
    pairs: int
    first: Integers
    second: Integers
    n: Integers
    both: Integers
    deaths: Integers
    fits: PairFits
    p: Floats
    q: Floats
    q_permutation: Floats
    p_family: Floats
    permutations: int
    seed: int
    patients: int
    events: int
    missing: Missing
    notes: tuple[str, ...]

    def table(self) -> pl.DataFrame:
        """One row per pair tested, smallest p first.

        Columns: first, second, n, both, events_both, first_effect and second_effect (log hazard
        ratios of either alone), interaction (log hazard ratio of the product; null where infinite),
        std_err, statistic, p, q, q_permutation, p_family.
        """
        far = (np.abs(self.fits.full) > INFINITE).any(axis=1)
        return (
            pl.DataFrame(
                {
                    "first": [self.names[int(i)] for i in self.first],
                    "second": [self.names[int(i)] for i in self.second],
                    "n": self.n,
                    "both": self.both,
                    "events_both": self.deaths,
                    "first_effect": self.fits.full[:, 0],
                    "second_effect": self.fits.full[:, 1],
                    "interaction": np.where(far, np.nan, self.fits.full[:, 2]),
                    "std_err": np.where(far, np.nan, self.fits.std_err),
                    "statistic": self.fits.statistic,
                    "p": self.p,
                    "q": self.q,
                    "q_permutation": self.q_permutation,
                    "p_family": self.p_family,
                }
            )
            .with_columns(
                pl.col("interaction", "std_err", "q_permutation", "p_family").fill_nan(None)
            )
            .sort("p", maintain_order=True)
        )

    def __str__(self) -> str:
        """The most striking pairs."""
        return printing.page(
            printing.counted(self.patients, self.events, self.missing.rows),
            f"{len(self.names)} alterations, {self.pairs} pairs, {len(self.first)} tested, "
            f"{self.permutations} permutations",
            printing.grid(self.table(), p_values=P_VALUES, most=SHOWN),
            notes=self.notes,
        )


def interactions(
    formula: str,
    table: Tabular,
    alterations: Sequence[str],
    *,
    least: int = 20,
    together: int = 1,
    permutations: int = 100,
    block: int = 20,
    seed: int = 1,
    workers: int = 1,
) -> Interactions:
    """Test all pairs of alterations for an interaction in survival.

    Args:
        formula: such as "Surv(os_days, os_event) ~ strata(study)". Covariates that it names enter
            every test with the effects that they have beside all alterations.
        table: one row per patient.
        alterations: columns of "negative" and "positive" (or 0 and 1), null where not tested; a
            patient not tested for one of a pair counts for that pair nowhere.
        least: alterations with fewer carriers are left out.
        together: pairs are tested that at least so many patients carry, one of them with an event
            possible. Those whose product equals one of the two are not tested.
        permutations: how often follow-ups are shuffled; 0 for none.
        block: patients per block of like risk.
        seed: of the shuffling.
        workers: threads that share the permutations; the result is the same for any number.

    Raises:
        NothingToAnalyse: no pair is left, or nobody had the event.

    >>> rng = np.random.default_rng(3)
    >>> a, b, c = (rng.random((3, 400)) < 0.4).astype(int)
    >>> table = pl.DataFrame({"a": a, "b": b, "c": c, "died": np.ones(400, dtype=int),
    ...     "days": rng.exponential(np.exp(-1.5 * a * b))})
    >>> found = interactions("Surv(days, died) ~ 1", table, ["a", "b", "c"], permutations=20)
    >>> found.table().select("first", "second").row(0), found.pairs
    (('a', 'b'), 3)
    """
    block, together = (
        whole_number(block, "block", least=2),
        whole_number(together, "together", least=1),
    )
    permutations = whole_number(permutations, "permutations", least=0)
    workers = whole_number(workers, "workers", least=1)
    seed = whole_number(seed, "seed", least=0)
    given = complete(formula, table)
    model = given.model
    if model.cluster is not None:
        raise BadFormula(formula, reason="cluster(...) is not offered for pairs")
    rows = _rows(polars_table(table), model.columns)
    known = Findings.of(rows, alterations).common(least)
    if len(known.names) < 2:
        raise NothingToAnalyse(
            f"fewer than two alterations have {least} carriers",
            remedy="name more alterations or ask for fewer carriers",
        )
    strata = groups_of(given.table, model.strata)
    design, covariates = Design.of(model, given.table)
    offset = np.zeros(len(rows))
    for column in model.offset:
        offset += finite(numbers(given.table[column]), column)
    score, other = _additive(given.response, known, covariates, design.names, strata.codes, offset)
    follow = Follow(RiskSets.of(given.response, strata.codes), np.exp(other - other.mean()))
    first, second = _pairs(known, together)
    fits = follow.fit(known, first, second) if first.size else None
    kept = np.flatnonzero(~np.isnan(fits.statistic)) if fits else first
    if not fits or not kept.size:
        raise NothingToAnalyse(
            f"no two alterations are carried together by {together} patients at risk",
            remedy="ask for fewer, or name more alterations",
        )
    first, second, fits = first[kept], second[kept], fits.chosen(kept)
    shuffles = Shuffles(_blocks(score, strata.codes, block), permutations, seed)

    def once(patients: Integers) -> Floats:
        return follow.statistics(known, first, second, patients, fits.effects)

    null = shuffles.each(once, workers).reshape(permutations, len(first))
    m = len(known.names)
    pairs = m * (m - 1) // 2
    p = chi2.sf(fits.statistic, 1)
    died = given.response.died.astype(np.float64)
    tested, carried = known.tested, known.carried
    return Interactions(
        names=known.names,
        pairs=pairs,
        first=first,
        second=second,
        n=_count(tested.T @ tested, first, second),
        both=_count(carried.T @ carried, first, second),
        deaths=_count(carried.T @ (died[:, None] * carried), first, second),
        fits=fits,
        p=p,
        q=adjust(p),
        q_permutation=false_discovery_rates(fits.statistic, null),
        p_family=family_wise(fits.statistic, null),
        permutations=permutations,
        seed=seed,
        patients=len(rows),
        events=int(died.sum()),
        missing=given.missing,
        notes=_notes(pairs, len(first), together, fits),
    )


def false_discovery_rates(observed: ArrayLike, null: ArrayLike) -> Floats:
    """(P,) estimated share of false ones among all pairs at least as striking.

    Args:
        observed: (P,) statistics.
        null: (B, P) statistics of shuffled data; without any the rates are NaN.

    >>> false_discovery_rates([9.0, 1.0], [[1.0, 0.5], [2.0, 0.2]])
    array([0. , 0.5])
    """
    found, shuffled = np.asarray(observed, dtype=np.float64), np.asarray(null, dtype=np.float64)
    if not len(shuffled):
        return np.full(len(found), np.nan)
    pooled = np.sort(shuffled[~np.isnan(shuffled)])
    order = np.argsort(-found, kind="stable")
    ordered = found[order]
    false = (len(pooled) - np.searchsorted(pooled, ordered, side="left")) / len(shuffled)
    called = np.searchsorted(-ordered, -ordered, side="right")
    rates = np.minimum(np.minimum.accumulate((false / called)[::-1])[::-1], 1.0)
    result = np.empty(len(found))
    result[order] = rates
    return result


def family_wise(observed: ArrayLike, null: ArrayLike) -> Floats:
    """(P,) chance that the most striking pair of shuffled data is at least as striking.

    >>> family_wise([9.0, 1.0], [[1.0, 0.5], [2.0, 0.2]])
    array([0.33333333, 1.        ])
    """
    found, shuffled = np.asarray(observed, dtype=np.float64), np.asarray(null, dtype=np.float64)
    if not len(shuffled):
        return np.full(len(found), np.nan)
    largest = np.sort(np.fmax.reduce(shuffled, axis=1))
    beyond = len(largest) - np.searchsorted(largest, found, side="left")
    return np.asarray((1 + beyond) / (1 + len(largest)))


def _rows(table: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """The rows of a table that are complete in some columns."""
    number = pl.col(pl.Float32, pl.Float64)
    filled = table.select(columns).with_columns(number.fill_nan(None))
    return table.filter(
        ~pl.Series(filled.select(pl.any_horizontal(pl.all().is_null())).to_series())
    )


def _additive(
    response: Surv,
    known: Findings,
    covariates: Floats,
    names: Sequence[str],
    strata: Integers,
    offset: Floats,
) -> tuple[Floats, Floats]:
    """(n,) additive risk scores, and their part that is not from alterations."""
    tested = np.maximum(known.tested.sum(axis=0), 1.0)
    share = known.carried.sum(axis=0) / tested
    filled = np.where(known.tested > 0, known.carried, share)
    labels = [f"alteration {name}" for name in known.names]
    fit = random_effects.cox(
        response,
        covariates=np.column_stack([covariates, filled]),
        names=[*names, *labels],
        groups={"alterations": labels},
        strata=strata,
        offset=offset,
    )
    beta = fit.coefficients
    other = covariates @ beta[: len(names)] + offset
    return other + filled @ beta[len(names) :], other


def _pairs(known: Findings, together: int) -> tuple[Integers, Integers]:
    """Positions (P,) of the pairs that enough patients carry together."""
    both = known.carried.T @ known.carried
    first, second = np.triu_indices(len(known.names), k=1)
    enough = both[first, second] >= together
    return first[enough], second[enough]


def _blocks(score: Floats, strata: Integers, size: int) -> Integers:
    """(n,) blocks of patients of one stratum with like scores; the last may be smaller."""
    order = np.lexsort((score, strata))
    within = np.empty(len(score), dtype=np.intp)
    begins = np.flatnonzero(np.diff(strata[order], prepend=-1))
    length = np.diff([*begins, len(score)])
    within[order] = np.concatenate([np.arange(n) // size for n in length])
    return strata * (len(score) + 1) + within


@dataclass(frozen=True, eq=False)
class Shuffles:
    """Orders in which patients of one block have swapped places.

    Attributes:
        blocks: (n,) the block of each patient.
        number: of orders.
        seed: of the draws; each order has a generator of its own.
    """

    blocks: Integers
    number: int
    seed: int

    def each(self, task: Callable[[Integers], Floats], workers: int) -> Floats:
        """What a task makes of each order (n,), one row per order."""
        seeds = np.random.SeedSequence(self.seed).spawn(self.number)
        with ThreadPoolExecutor(workers) as pool:
            return np.array(list(pool.map(lambda one: task(self._order(one)), seeds)))

    def _order(self, seed: np.random.SeedSequence) -> Integers:
        draw = np.random.default_rng(seed).random(len(self.blocks))
        order = np.empty(len(self.blocks), dtype=np.intp)
        order[np.argsort(self.blocks, kind="stable")] = np.lexsort((draw, self.blocks))
        return order


def _count(table: Floats, first: Integers, second: Integers) -> Integers:
    return table[first, second].astype(np.intp)


def _notes(pairs: int, tested: int, together: int, fits: PairFits) -> tuple[str, ...]:
    notes = []
    if tested < pairs:
        few = "nobody carries" if together == 1 else f"fewer than {together} patients carry"
        notes.append(
            f"{pairs - tested} of {pairs} pairs are not tested: {few} both, or one of the two "
            f"alterations contains the other"
        )
    far = int(np.count_nonzero((np.abs(fits.full) > INFINITE).any(axis=1)))
    if far:
        notes.append(
            f"in {far} pairs an effect or the interaction has no finite estimate (nobody or "
            f"everybody of a group had the event); the likelihood-ratio test holds"
        )
    return tuple(notes)
