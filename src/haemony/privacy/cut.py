"""A cut: the rows and columns of a table that leave under a policy, and the risk that is left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from haemony.model.errors import RefusedByPolicy, UsageError
from haemony.privacy.anonymity import (
    Anonymised,
    Exposure,
    Hierarchy,
    Recoding,
    Risk,
    anonymise,
    risk,
)
from haemony.privacy.anonymity.faults import NotReachable
from haemony.privacy.anonymity.hierarchy import EVERYTHING, as_text
from haemony.privacy.anonymity.models import failing
from haemony.privacy.anonymity.table import Table, check_columns
from haemony.privacy.blurring import Draws, Floats, factors, multiplied
from haemony.privacy.microaggregation import microaggregate
from haemony.privacy.policy import (
    ALONG_A_HIERARCHY,
    Adversary,
    Coarsening,
    Policy,
    QuasiIdentifier,
    Treatment,
)

_ROW = "__row__"
_EVERYTHING = 1.0


class Unclassified(UsageError):
    """A table holds columns of which the policy says nothing."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        self.columns = columns
        super().__init__(
            f"the policy says nothing of {', '.join(columns)}; name each under quasi_identifiers, "
            "released or dropped: what nobody has judged stays"
        )


class NotNumbers(UsageError):
    """A column that is to be averaged, blurred or rounded holds no numbers."""

    def __init__(self, column: str) -> None:
        self.column = column
        super().__init__(
            f"{column} holds something that is no number; generalise it along a hierarchy instead, "
            "or mend the column"
        )


class PolicyMissed(RefusedByPolicy):
    """What would leave does not reach what its policy asks for."""

    def __init__(self, policy: str, reasons: tuple[str, ...]) -> None:
        self.policy, self.reasons = policy, reasons
        super().__init__(
            f"nothing leaves under {policy!r}: {'; '.join(reasons)}. Generalise more, let more "
            "records be left out, drop a quasi-identifier, or ask for another policy"
        )


@dataclass(frozen=True)
class Cut:
    """What leaves, and what it costs and risks.

    Attributes:
        policy: Under which it leaves.
        frame: The records that leave, in the order of the table: quasi-identifiers as the policy
            treats them, then the released columns.
        rows: (n,) which rows of the table these records are.
        rows_in: Rows of the table.
        before: Risk of the table as it was.
        after: Risk of what leaves.
        loss: What each quasi-identifier lost, between 0 and 1: by its hierarchy where it is
            generalised; as within-group share of the variance where it is microaggregated.
    """

    policy: Policy
    frame: pl.DataFrame
    rows: tuple[int, ...]
    rows_in: int
    before: Risk
    after: Risk
    loss: Mapping[str, float]

    @property
    def suppressed(self) -> int:
        """Records that are left out."""
        return self.rows_in - len(self.rows)

    @property
    def exposure(self) -> Exposure:
        """What is left of the risk that the policy's threshold is about."""
        journalist = self.after.journalist
        if self.policy.adversary is Adversary.JOURNALIST and journalist is not None:
            return journalist
        return self.after.prosecutor

    @property
    def cells_suppressed(self) -> Mapping[str, int]:
        """Cells of the records that leave of which nothing is told, by quasi-identifier."""
        return {
            quasi.column: int((self.frame[quasi.column] == EVERYTHING).sum())
            for quasi in self.policy.quasi_identifiers
            if quasi.treatment in ALONG_A_HIERARCHY
        }

    @property
    def discernibility(self) -> int:
        """Squared class sizes added up; a record left out counts the whole table."""
        sizes = self.after.of_row
        return int(sizes.sum()) + self.suppressed * self.rows_in

    @property
    def average_class_size(self) -> float:
        """Records per class."""
        return self.after.rows / self.after.classes if self.after.classes else 0.0


def cut(frame: pl.DataFrame, policy: Policy, draws: Draws | None = None) -> Cut:
    """Cut a table to what may leave under a policy.

    Within every combination of the kept quasi-identifiers those with a hierarchy are recoded until
    the models hold; then numbers are microaggregated within the classes that result. Records of
    classes that stay too small are left out.

    Args:
        frame: Any table; every column must be named by the policy.
        policy: What may leave.
        draws: Where the noise of blurred numbers comes from, one number for each row of the table.

    Raises:
        Unclassified: When the policy says nothing of a column.
        NoSuchColumn: When the table lacks a column of the policy.
        NotNumbers: When a column that is averaged, blurred or rounded holds something else.
        NoDraws: When the policy blurs numbers and no draws are given.
        PolicyMissed: When the threshold or the suppression limit is not reached.

    Example:
        >>> patients = pl.DataFrame({"age": [60, 61, 62, 30, 31, 80], "dead": [1, 0, 1, 0, 0, 1]})
        >>> policy = Policy("cut", "a colleague", "under agreement",
        ...                 (QuasiIdentifier("age", Treatment.MICROAGGREGATE),), threshold=0.5,
        ...                 released=(Coarsening("dead"),))
        >>> cut(patients, policy).frame["age"].to_list()
        [60.5, 60.5, 71.0, 30.5, 30.5, 71.0]
    """
    check_columns(frame, policy.columns)
    stray = tuple(name for name in frame.columns if name not in (*policy.columns, *policy.dropped))
    if stray:
        raise Unclassified(stray)
    names = [quasi.column for quasi in policy.quasi_identifiers]
    noise = factors(policy.released, draws, frame.height)
    everybody = policy.population.frame if policy.population else None
    before = risk(frame, names, policy.threshold, everybody)
    hierarchies = _hierarchies(frame, policy)
    treated = _treated(frame.select(policy.columns).with_row_index(_ROW), policy, hierarchies)
    rows = treated.records[_ROW]
    left = treated.records.drop(_ROW)
    noise = {name: factor[rows.to_numpy()] for name, factor in noise.items()}
    made = Cut(
        policy,
        left.with_columns(
            _coarsened(left[how.column], how, noise.get(how.column)) for how in policy.released
        ),
        tuple(rows.to_list()),
        frame.height,
        before,
        risk(left, names, policy.threshold, treated.population),
        _loss(frame, treated.records, policy, hierarchies),
    )
    _check(made, frame, treated.population)
    return made


@dataclass(frozen=True)
class _Treated:
    """The records that stay, in the order of the table, and the population told as they are."""

    records: pl.DataFrame
    population: pl.DataFrame | None = None


def _hierarchies(frame: pl.DataFrame, policy: Policy) -> dict[str, Hierarchy]:
    """How the columns that are told along a hierarchy generalise, by name."""
    found = {quasi.column: quasi.along(frame[quasi.column]) for quasi in policy.quasi_identifiers}
    return {name: hierarchy for name, hierarchy in found.items() if hierarchy}


def _missed_models(made: Cut, table: pl.DataFrame, population: pl.DataFrame | None) -> int:
    """Classes of the finished cut that miss a model, measured against the whole table."""
    models = made.policy.models
    if not models:
        return 0
    names = [quasi.column for quasi in made.policy.quasi_identifiers]
    sensitive = [column for model in models for column in model.columns]
    told = made.frame.select(pl.Series(name, as_text(made.frame[name])) for name in names)
    left = told.with_columns(table[list(made.rows)].select(sensitive).get_columns())
    labels = told if population is None else pl.concat([told, population.select(names)])
    untouched = {name: _untouched(labels[name]) for name in names}
    classes = Table.of(
        left, untouched, population=population, sensitive=dict.fromkeys(sensitive)
    ).classes((0,) * len(names))
    return int(failing(models, classes).sum())


def _untouched(column: pl.Series) -> Hierarchy:
    """A hierarchy whose leaves are the labels that leave."""
    rows = [(label, f"* {column.name}") for label in column.unique().sort().to_list()]
    return Hierarchy.of_rows(column.name, rows)


def _check(made: Cut, table: pl.DataFrame, population: pl.DataFrame | None) -> None:
    policy, reasons = made.policy, []
    if made.after.rows and made.exposure.highest > policy.threshold:
        reasons.append(
            f"the highest risk is {made.exposure.highest:.4f} (at most {policy.threshold})"
        )
    if made.suppressed > policy.suppression_limit * made.rows_in:
        reasons.append(
            f"{made.suppressed} of {made.rows_in} records would be left out "
            f"(at most {policy.suppression_limit:.1%})"
        )
    if not made.rows:
        reasons.append("no record is left")
    elif missed := _missed_models(made, table, population):
        reasons.append(f"{missed} of the classes that would leave miss the models")
    if reasons:
        raise PolicyMissed(policy.name, tuple(reasons))


def _treated(frame: pl.DataFrame, policy: Policy, hierarchies: Mapping[str, Hierarchy]) -> _Treated:
    """The records that stay, with their quasi-identifiers treated."""
    if policy.population:
        return _mapped(frame, policy, policy.population.frame, hierarchies)
    by = {how: [q for q in policy.quasi_identifiers if q.treatment is how] for how in Treatment}
    kept = [quasi.column for quasi in by[Treatment.KEEP]]
    parts: list[pl.DataFrame] = []
    for part in _parts(frame, kept):
        recoded = _generalised(part, policy, hierarchies)
        for same in _parts(recoded, [*kept, *hierarchies]):
            parts += _averaged(same, by[Treatment.MICROAGGREGATE], policy.k)
    records = pl.concat(parts) if parts else _generalised(frame.clear(), policy, hierarchies)
    return _Treated(records.sort(_ROW))


def _mapped(
    frame: pl.DataFrame,
    policy: Policy,
    population: pl.DataFrame,
    hierarchies: Mapping[str, Hierarchy],
) -> _Treated:
    """The records that stay, and the population generalised to the same levels."""
    done = _anonymised(frame, policy, hierarchies, population)
    assert done.node is not None  # noqa: S101 a population asks for full-domain recoding
    told = [
        pl.Series(name, hierarchy.levels[level], dtype=pl.String).gather(
            pl.Series(hierarchy.encode(population[name]))
        )
        for (name, hierarchy), level in zip(hierarchies.items(), done.node, strict=True)
    ]
    return _Treated(_held(done), pl.DataFrame(told))


def _parts(frame: pl.DataFrame, columns: list[str]) -> Iterator[pl.DataFrame]:
    yield from frame.partition_by(columns, maintain_order=True) if columns else [frame]


def _generalised(
    part: pl.DataFrame, policy: Policy, hierarchies: Mapping[str, Hierarchy]
) -> pl.DataFrame:
    """One part with its hierarchies applied; records that are suppressed are left out."""
    if not hierarchies:
        return part if part.height >= policy.k else part.clear()
    if part.height < policy.k:
        texts = [pl.col(name).cast(pl.String) for name in hierarchies]
        return part.clear().with_columns(texts)
    return _held(_anonymised(part, policy, hierarchies))


def _anonymised(
    frame: pl.DataFrame,
    policy: Policy,
    hierarchies: Mapping[str, Hierarchy],
    population: pl.DataFrame | None = None,
) -> Anonymised:
    """One table recoded; a column told to one level everywhere knows the policy's own limit."""
    whole = policy.recoding is Recoding.FULL_DOMAIN
    try:
        return anonymise(
            frame,
            hierarchies,
            policy.all_models,
            suppression_limit=policy.suppression_limit if whole else _EVERYTHING,
            recoding=policy.recoding,
            population=population,
            threshold=policy.threshold,
        )
    except NotReachable as fault:
        reason = (
            f"at best {fault.failing} records miss {' and '.join(fault.models)} and "
            f"{fault.allowed} may be left out"
        )
        raise PolicyMissed(policy.name, (reason,)) from fault


def _held(done: Anonymised) -> pl.DataFrame:
    return done.frame.filter(pl.Series(done.class_sizes > 0))


def _averaged(same: pl.DataFrame, quasi: list[QuasiIdentifier], k: int) -> list[pl.DataFrame]:
    """One class with its numbers replaced by group means; too few are left out."""
    if not quasi:
        return [same]
    column = quasi[0].column
    known = same.filter(pl.col(column).is_not_null())
    empty = same.filter(pl.col(column).is_null())
    numbers = _numbers(known[column])
    parts = []
    if known.height >= k:
        means = pl.Series(column, microaggregate(numbers.to_numpy(), k)).round(2)
        parts.append(known.with_columns(means))
    if empty.height >= k:
        parts.append(empty.with_columns(pl.lit(None, pl.Float64).alias(column)))
    return parts


def _numbers(column: pl.Series) -> pl.Series:
    numbers = column.cast(pl.Float64, strict=False)
    if numbers.null_count() > column.null_count() or not numbers.is_finite().all():
        raise NotNumbers(column.name)
    return numbers


def _coarsened(column: pl.Series, how: Coarsening, factor: Floats | None) -> pl.Series:
    if how == Coarsening(how.column):
        return column
    numbers = _numbers(column)
    if factor is not None:
        numbers = multiplied(numbers, factor)
    if how.bottom is not None or how.top is not None:
        numbers = numbers.clip(how.bottom, how.top)
    if how.round_to:
        numbers = (numbers / how.round_to).round() * how.round_to
    if how.digits:
        numbers = numbers.round_sig_figs(how.digits)
    days = factor is not None and not column.dtype.is_float() and bool((numbers % 1 == 0).all())
    return numbers.cast(pl.Int64) if days else numbers


def _loss(
    frame: pl.DataFrame,
    treated: pl.DataFrame,
    policy: Policy,
    hierarchies: Mapping[str, Hierarchy],
) -> dict[str, float]:
    lost = {}
    for quasi in policy.quasi_identifiers:
        name = quasi.column
        if quasi.treatment is Treatment.KEEP:
            lost[name] = (frame.height - treated.height) / max(frame.height, 1)
        elif name in hierarchies:
            lost[name] = _hierarchy_loss(treated[name], frame.height, hierarchies[name])
        else:
            lost[name] = _variance_lost(frame[name], treated, name)
    return lost


def _hierarchy_loss(cells: pl.Series, rows: int, hierarchy: Hierarchy) -> float:
    """Loss as the hierarchy counts it: share of its leaves under each cell."""
    under = {
        label: int(count)
        for labels, counts in zip(hierarchy.levels, hierarchy.leaf_counts, strict=True)
        for label, count in zip(labels, counts, strict=True)
    }
    told = sum(under[cell] for cell in as_text(cells).to_list()) / hierarchy.size
    share = (told + rows - cells.len()) / max(rows, 1)
    least = 1 / hierarchy.size
    return (share - least) / (1 - least) if hierarchy.size > 1 else 0.0


def _variance_lost(before: pl.Series, treated: pl.DataFrame, name: str) -> float:
    numbers = _numbers(before).to_numpy()[treated[_ROW].to_numpy()]
    told = treated[name].cast(pl.Float64).to_numpy()
    spread = np.nansum((numbers - np.nanmean(numbers)) ** 2) if len(numbers) else 0.0
    return float(np.nansum((numbers - told) ** 2) / spread) if spread else 0.0
