"""Why a CDM cannot become a contribution, each with the next step."""

from __future__ import annotations

from collections.abc import Collection

from haemony.model.errors import HaemonyError, UsageError

SHOWN = 8


class NoTable(UsageError):
    """A table without which nothing can be said was not brought."""

    def __init__(self, table: str, why: str) -> None:
        self.table = table
        super().__init__(f"the table {table!r} was not brought, or has no rows; {why}")


class NoOrigin(UsageError):
    """No person has the event that day 0 should stand for."""

    def __init__(self, origin: str, stated: Collection[str]) -> None:
        self.origin = origin
        others = f" (they state {', '.join(sorted(stated))})" if stated else ""
        super().__init__(
            f"the tables state no {origin} as time origin{others}; use --origin diagnosis for the "
            "first row of the diagnosis, or --origin observation-period"
        )


class Nobody(HaemonyError):
    """No person of the CDM would be in the contribution."""

    def __init__(self, persons: int, concepts: Collection[int]) -> None:
        self.persons, self.concepts = persons, concepts
        shown = ", ".join(map(str, sorted(concepts)[:SHOWN]))
        more = f" and {len(concepts) - SHOWN} more" if len(concepts) > SHOWN else ""
        super().__init__(
            f"none of {persons:,} persons has a dated CONDITION_OCCURRENCE of {shown}{more}; name "
            "the concepts by which your CDM knows the disease with --origin-concept"
        )
