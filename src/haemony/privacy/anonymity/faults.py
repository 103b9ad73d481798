"""What anonymisation can refuse, each fault naming its cause and the next step, never a value."""

from __future__ import annotations

from collections.abc import Sequence

from haemony.model.errors import RefusedByPolicy, UsageError


class BadHierarchy(UsageError):
    """A generalisation hierarchy contradicts itself."""

    def __init__(self, attribute: str, *, reason: str, remedy: str) -> None:
        self.attribute, self.reason, self.remedy = attribute, reason, remedy
        super().__init__(f"the hierarchy of {attribute!r} {reason}; {remedy}")


class UnknownValues(UsageError):
    """A column holds values that its hierarchy does not list."""

    def __init__(self, column: str, *, values: int, rows: int) -> None:
        self.column, self.values, self.rows = column, values, rows
        super().__init__(
            f"{values} value{'s' * (values != 1)} of {column!r} in {rows} row{'s' * (rows != 1)} "
            f"stand{'s' * (values == 1)} in no row of its hierarchy; add a row for each, or mend "
            f"the column"
        )


class MissingValues(UsageError):
    """A column has empty cells and its hierarchy no row for them."""

    def __init__(self, column: str, *, rows: int) -> None:
        self.column, self.rows = column, rows
        super().__init__(
            f"{column!r} is missing in {rows} row{'s' * (rows != 1)} and its hierarchy has no row "
            f"for that; missing is a value of its own: use with_missing(), or add a row whose "
            f"first cell is empty"
        )


class NoSuchColumn(UsageError):
    """A call names a column that the frame does not have."""

    def __init__(self, columns: Sequence[str], *, present: Sequence[str]) -> None:
        self.columns, self.present = tuple(columns), tuple(present)
        super().__init__(
            f"the frame has no column {', '.join(map(repr, columns))}; "
            f"it has {', '.join(present) or 'none'}"
        )


class BadModel(UsageError):
    """A privacy model, a limit or a threshold lies outside what it can mean."""

    def __init__(self, what: str, *, remedy: str) -> None:
        self.what, self.remedy = what, remedy
        super().__init__(f"{what}; {remedy}")


class NotReachable(RefusedByPolicy):
    """No generalisation satisfies the models within the suppression limit."""

    def __init__(self, models: Sequence[str], *, failing: int, allowed: int) -> None:
        self.models, self.failing, self.allowed = tuple(models), failing, allowed
        super().__init__(
            f"no generalisation was found that satisfies {' and '.join(models)}: at best {failing} "
            f"rows fail and {allowed} may be suppressed; raise the suppression limit, relax the "
            f"models, or add rows"
        )
