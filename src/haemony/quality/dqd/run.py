"""Run every check on a set of tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from haemony.quality.dqd.applicability import lacks, not_applicable, without_concept
from haemony.quality.dqd.definitions import Check, Level, checks
from haemony.quality.dqd.results import Outcome, Results
from haemony.quality.dqd.surroundings import Surroundings
from haemony.quality.dqd.tallies import Tally, tally, tally_persons
from haemony.quality.dqd.thresholds import Thresholds
from haemony.quality.dqd.views import Frame


def run(
    tables: Mapping[str, Frame],
    *,
    today: date | None = None,
    watch: Callable[[str], None] = lambda _table: None,
) -> Results:
    """Ask every check of these tables and judge them by the default thresholds.

    Args:
        tables: OMOP tables by name, in memory or lazy; a table that is not among them is absent.
            With CONCEPT and CONCEPT_ANCESTOR among them, concepts are looked up there.
        today: The day by which a date lies in the future; the day of the call unless given.
        watch: Told the name of each table before it is counted.

    Returns:
        One result per check, in the order of the R package's check types.

    Raises:
        UnknownTable: When a name is none of the declared tables.

    Example:
        >>> import polars as pl
        >>> twins = run({"person": pl.DataFrame({"person_id": [1, 1, 2]})})
        >>> found = twins["field_isprimarykey_person_person_id"]
        >>> found.status.value, found.tally.broken, found.tally.rows
        ('failed', 2, 3)
    """
    asked = checks()
    around = Surroundings.of(tables, asked, today or date.today())
    outcomes: dict[Check, Outcome] = {}
    waiting: dict[str, list[Check]] = {}
    for check in asked:
        if why := not_applicable(check, around):
            outcomes[check] = Outcome(check, not_applicable=why)
        elif (here := _presence(check, around)) is not None:
            outcomes[check] = Outcome(check, here)
        elif why := lacks(check, around):
            outcomes[check] = Outcome(check, error=why)
        elif check.type.level is Level.TABLE:
            outcomes[check] = Outcome(check, tally_persons(check, around))
        else:
            waiting.setdefault(check.table, []).append(check)
    for table, together in waiting.items():
        watch(table)
        for check, counted in tally(together, around.views[table], around).items():
            why = without_concept(check, counted.rows)
            outcomes[check] = Outcome(check, None if why else counted, not_applicable=why)
    return Results(tuple(outcomes[check] for check in asked), Thresholds({}))


def _presence(check: Check, around: Surroundings) -> Tally | None:
    """Whether the table or the field is there; nothing for any other check."""
    view = around.views.get(check.table)
    if check.type.name == "cdmTable":
        return Tally(int(view is None), 1)
    if check.type.name == "cdmField":
        return Tally(int(view is None or check.field not in view.filled), 1)
    return None
