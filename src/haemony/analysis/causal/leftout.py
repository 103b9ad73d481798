"""Who is not in an analysis, and why, as results print it."""

from __future__ import annotations

from collections.abc import Iterable

from haemony.analysis.survival.data.complete import Missing


def left_out(missing: Missing, attrition: Iterable[tuple[str, int]] = ()) -> str:
    """One line with the rows left out for each reason; empty when there are none.

    Args:
        missing: rows left out as incomplete, and the variables they lack.
        attrition: (reason, rows) of all others who were left out.

    >>> left_out(Missing(3, {"age": 2, "wbc": 1}), [("not eligible", 4)])
    'left out: 4 rows, not eligible; 3 rows, incomplete (age missing in 2, wbc in 1)'
    >>> left_out(Missing())
    ''
    """
    parts = [f"{_rows(count)}, {why}" for why, count in attrition if count]
    if missing.rows:
        named = [f"{name} missing in {count:,}" for name, count in missing.by_variable.items()]
        lacking = ", ".join([*named[:1], *(one.replace(" missing", "", 1) for one in named[1:])])
        why = f" ({lacking})" if lacking else ""
        parts.append(f"{_rows(missing.rows)}, incomplete{why}")
    return f"left out: {'; '.join(parts)}" if parts else ""


def _rows(count: int) -> str:
    return f"{count:,} row" if count == 1 else f"{count:,} rows"
