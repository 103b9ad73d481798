"""Time as an endpoint counts it: from its origin, from late entry on, and never backwards.

Sources date everything from a day 0 of their own. Patients whose time ends before the clock starts
(at its origin, or when they came under observation) cannot be analysed; they are counted and left
out. Who came under observation after day 0 is at risk only from then on (delayed entry).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from haemony.analysis.blocks import LateEntry
from haemony.model.endpoint import Anchor, Endpoint

ENTRY = "entry_day"
"""The element with the day on which observation began."""


@dataclass(frozen=True, slots=True)
class Clock:
    """An endpoint on a cohort.

    Attributes:
        endpoint: its definition.
        others: the endpoints that compete with it.
        late: patients with a time who came under observation after day 0.
        modelled: whether they are at risk only from then on.
        outside: patients left out because their time ends before the clock starts.
    """

    endpoint: Endpoint
    others: tuple[Endpoint, ...] = ()
    late: int = 0
    modelled: bool = False
    outside: int = 0

    @property
    def name(self) -> str:
        """The endpoint's name."""
        return self.endpoint.name

    @property
    def label(self) -> str:
        """The endpoint's label."""
        return self.endpoint.label

    @property
    def days(self) -> str:
        """The column of times."""
        return f"{self.name}_days"

    @property
    def event(self) -> str:
        """The column of events."""
        return f"{self.name}_event"

    @property
    def entry(self) -> str:
        """The column of the day from which a patient is at risk, where entry is modelled."""
        return f"{self.name}_entry"

    @property
    def outcome(self) -> str:
        """The column that tells competing events apart."""
        return f"{self.name}_outcome"

    @property
    def times(self) -> tuple[str, ...]:
        """The columns of time: entry, where it is modelled, and end."""
        return (self.entry, self.days) if self.modelled else (self.days,)

    @property
    def response(self) -> str:
        """The left side of a formula."""
        return f"Surv({', '.join((*self.times, self.event))})"

    @property
    def competing_response(self) -> str:
        """The left side of a formula for competing events."""
        return f"Surv({', '.join((*self.times, self.outcome))})"


def wind(
    members: pl.DataFrame,
    endpoint: Endpoint,
    late_entry: LateEntry,
    ends: Mapping[str, Endpoint],
) -> tuple[pl.DataFrame, Clock]:
    """Start an endpoint's clock on a cohort.

    Args:
        members: One row per patient, with the columns of the endpoint and its competing ones.
        endpoint: The endpoint.
        late_entry: What is done about late entry.
        ends: All endpoints of the disease.

    Returns:
        The members with times outside their clock taken away, and the clock. Where late entry is
        modelled a column ``<endpoint>_entry`` is added, and where events compete a column
        ``<endpoint>_outcome``.
    """
    others = tuple(ends[name] for name in endpoint.competing)
    days = pl.col(f"{endpoint.name}_days")
    entered = _entered(members, endpoint)
    late = members.select((days.is_not_null() & (entered > 0)).sum()).item()
    dated = endpoint.origin is Anchor.DAY_0
    modelled = bool(late) and dated and late_entry is LateEntry.MODEL
    outside = (days <= entered) if modelled else (days < 0)
    clock = Clock(
        endpoint, others, int(late), modelled, int(members.select(outside.sum()).item() or 0)
    )
    added = [pl.when(~outside).then(days).alias(clock.days)]
    added += [entered.alias(clock.entry)] if modelled else []
    added += [_outcome(clock)] if others else []
    return members.with_columns(added), clock


def _entered(members: pl.DataFrame, endpoint: Endpoint) -> pl.Expr:
    """The day on which each patient came under observation; 0 where nothing is said."""
    if ENTRY not in members.columns or ENTRY in endpoint.names:
        return pl.lit(0, dtype=pl.Int64)
    return pl.col(ENTRY).fill_null(0).clip(lower_bound=0).cast(pl.Int64)


def _outcome(clock: Clock) -> pl.Expr:
    """What happened first, as an Enum that starts with being censored."""
    kinds = (clock.endpoint, *clock.others)
    labels = pl.Enum(["censored", *(kind.label for kind in kinds)])
    known = pl.all_horizontal(pl.col(f"{kind.name}_event").is_not_null() for kind in kinds)
    first = pl.coalesce(
        *(pl.when(pl.col(f"{kind.name}_event")).then(pl.lit(kind.label)) for kind in kinds),
        pl.lit("censored"),
    )
    return pl.when(known).then(first).cast(labels).alias(clock.outcome)
