"""A cut: the rows and columns of a table that leave under a policy, and the risk that is left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from haemony.model.errors import RefusedByPolicy, UsageError
from haemony.privacy.anonymity import Hierarchy, KAnonymity, Risk, anonymise, risk
from haemony.privacy.anonymity.hierarchy import as_text
from haemony.privacy.anonymity.models import failing
from haemony.privacy.anonymity.table import Table, check_columns
from haemony.privacy.blurring import Draws, Floats, factors, multiplied
from haemony.privacy.microaggregation import microaggregate
from haemony.privacy.policy import Coarsening, Policy, QuasiIdentifier, Treatment

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

    Within every combination of the kept quasi-identifiers the generalised ones are recoded until
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
    before = risk(frame, names, policy.threshold)
    treated = _treated(frame.select(policy.columns).with_row_index(_ROW), policy)
    rows = treated[_ROW]
    left = treated.drop(_ROW)
    noise = {name: factor[rows.to_numpy()] for name, factor in noise.items()}
    after = risk(left, names, policy.threshold)
    made = Cut(
        policy,
        left.with_columns(
            _coarsened(left[how.column], how, noise.get(how.column)) for how in policy.released
        ),
        tuple(rows.to_list()),
        frame.height,
        before,
        after,
        _loss(frame, treated, policy),
    )
    _check(made, frame)
    return made


def _missed_models(made: Cut, table: pl.DataFrame) -> int:
    """Classes of the finished cut that miss a model, measured against the whole table."""
    models = made.policy.models
    if not models:
        return 0
    names = [quasi.column for quasi in made.policy.quasi_identifiers]
    sensitive = [column for model in models for column in model.columns]
    left = table.select(sensitive)[list(made.rows)].hstack(
        [as_text(made.frame[name]).alias(name) for name in names]
    )
    told = {name: _untouched(left[name]) for name in names}
    classes = Table.of(left, told, population=None, sensitive=dict.fromkeys(sensitive))
    return int(failing(models, classes.classes((0,) * len(names))).sum())


def _untouched(column: pl.Series) -> Hierarchy:
    """A hierarchy whose leaves are the labels that leave."""
    rows = [(label, f"* {column.name}") for label in column.unique().sort().to_list()]
    return Hierarchy.of_rows(column.name, rows)


def _check(made: Cut, table: pl.DataFrame) -> None:
    policy, reasons = made.policy, []
    if made.after.rows and made.after.prosecutor.highest > policy.threshold:
        reasons.append(
            f"the highest risk is {made.after.prosecutor.highest:.4f} (at most {policy.threshold})"
        )
    if made.suppressed > policy.suppression_limit * made.rows_in:
        reasons.append(
            f"{made.suppressed} of {made.rows_in} records would be left out "
            f"(at most {policy.suppression_limit:.1%})"
        )
    if not made.rows:
        reasons.append("no record is left")
    elif missed := _missed_models(made, table):
        reasons.append(f"{missed} of the classes that would leave miss the models")
    if reasons:
        raise PolicyMissed(policy.name, tuple(reasons))


def _treated(frame: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """The records that stay, with their quasi-identifiers treated, in the order of the table."""
    by = {how: [q for q in policy.quasi_identifiers if q.treatment is how] for how in Treatment}
    kept = [quasi.column for quasi in by[Treatment.KEEP]]
    parts: list[pl.DataFrame] = []
    for part in _parts(frame, kept):
        recoded = _generalised(part, by[Treatment.GENERALISE], policy)
        classes = [*kept, *(quasi.column for quasi in by[Treatment.GENERALISE])]
        for same in _parts(recoded, classes):
            parts += _averaged(same, by[Treatment.MICROAGGREGATE], policy.k)
    return (
        pl.concat(parts).sort(_ROW)
        if parts
        else _generalised(frame.clear(), by[Treatment.GENERALISE], policy)
    )


def _parts(frame: pl.DataFrame, columns: list[str]) -> Iterator[pl.DataFrame]:
    yield from frame.partition_by(columns, maintain_order=True) if columns else [frame]


def _generalised(part: pl.DataFrame, quasi: list[QuasiIdentifier], policy: Policy) -> pl.DataFrame:
    """One part with its hierarchies applied; records that are suppressed are left out."""
    hierarchies = {q.column: q.hierarchy for q in quasi if q.hierarchy}
    if not hierarchies:
        return part if part.height >= policy.k else part.clear()
    if part.height < policy.k:
        texts = [pl.col(name).cast(pl.String) for name in hierarchies]
        return part.clear().with_columns(texts)
    done = anonymise(
        part,
        hierarchies,
        (KAnonymity(policy.k), *policy.models),
        suppression_limit=_EVERYTHING,
        recoding=policy.recoding,
        threshold=policy.threshold,
    )
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


def _loss(frame: pl.DataFrame, treated: pl.DataFrame, policy: Policy) -> dict[str, float]:
    lost = {}
    for quasi in policy.quasi_identifiers:
        name = quasi.column
        if quasi.treatment is Treatment.KEEP:
            lost[name] = (frame.height - treated.height) / max(frame.height, 1)
        elif quasi.hierarchy:
            lost[name] = _hierarchy_loss(treated[name], frame.height, quasi)
        else:
            lost[name] = _variance_lost(frame[name], treated, name)
    return lost


def _hierarchy_loss(cells: pl.Series, rows: int, quasi: QuasiIdentifier) -> float:
    """Loss as the hierarchy counts it: share of its leaves under each cell."""
    hierarchy = quasi.hierarchy
    assert hierarchy is not None  # noqa: S101 only generalised columns come here
    under = {
        label: int(count)
        for labels, counts in zip(hierarchy.levels, hierarchy.leaf_counts, strict=True)
        for label, count in zip(labels, counts, strict=True)
    }
    told = sum(under[cell] for cell in cells.to_list()) / hierarchy.size
    share = (told + rows - cells.len()) / max(rows, 1)
    least = 1 / hierarchy.size
    return (share - least) / (1 - least) if hierarchy.size > 1 else 0.0


def _variance_lost(before: pl.Series, treated: pl.DataFrame, name: str) -> float:
    numbers = _numbers(before).to_numpy()[treated[_ROW].to_numpy()]
    told = treated[name].cast(pl.Float64).to_numpy()
    spread = np.nansum((numbers - np.nanmean(numbers)) ** 2) if len(numbers) else 0.0
    return float(np.nansum((numbers - told) ** 2) / spread) if spread else 0.0
