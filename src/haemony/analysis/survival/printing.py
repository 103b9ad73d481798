"""How results print: like R's summaries, without the call.

One table printer for every result, so that a curve, a test and a model look alike. Figures that
are not known print as NA, as they do in R.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import polars as pl

DIGITS = 4
"""Digits shown of the largest number of a column; of the smallest, at least half as many."""
MOST_DECIMALS = 5
MOST_ROWS = 60


def page(*parts: str | Sequence[str], notes: Sequence[str] = ()) -> str:
    """Paragraphs, and below them the notes.

    >>> print(page("n = 3", ("a", "b"), notes=["few patients"]))
    n = 3
    <BLANKLINE>
    a
    b
    <BLANKLINE>
    Note: few patients
    """
    lines = [part if isinstance(part, str) else "\n".join(part) for part in parts]
    lines.append("\n".join(f"Note: {note}" for note in notes))
    return "\n\n".join(line for line in lines if line)


def counted(n: int, events: float | None, left_out: int) -> str:
    """How many were analysed.

    >>> counted(12, 7, 1)
    'n = 12, events = 7 (1 row left out: incomplete)'
    """
    said = f"n = {n:,}" if events is None else f"n = {n:,}, events = {events:,.6g}"
    if not left_out:
        return said
    return f"{said} ({left_out:,} {'row' if left_out == 1 else 'rows'} left out: incomplete)"


def said_of_test(name: str, statistic: float, df: float, p: float) -> str:
    """One line for a chi-squared test.

    >>> said_of_test("Wald test", 12.3456, 2, 0.00208)
    'Wald test = 12.35 on 2 df, p = 0.00208'
    """
    degrees = f"{df:.2f}".rstrip("0").rstrip(".")
    shown = p_value(p)
    return f"{name} = {statistic:.4g} on {degrees} df, p {shown if '<' in shown else f'= {shown}'}"


def p_value(p: float | None) -> str:
    """A p-value with three digits.

    >>> p_value(0.04321), p_value(1e-20), p_value(None)
    ('0.0432', '<2e-16', 'NA')
    """
    if p is None or math.isnan(p):
        return "NA"
    return "<2e-16" if p < 2e-16 else f"{p:.3g}"


def grid(table: pl.DataFrame, *, p_values: Sequence[str] = (), most: int = MOST_ROWS) -> str:
    """A table in aligned columns, texts to the left and numbers to the right.

    Args:
        table: what to print.
        p_values: the columns that hold p-values.
        most: rows to print; how many more there are is said.

    >>> print(grid(pl.DataFrame({"term": ["age", "NPM1"], "hazard": [1.0273, None], "n": [5, 10]})))
    term  hazard   n
    age    1.027   5
    NPM1      NA  10
    """
    shown = table.head(most)
    columns = [_column(shown[name], p=name in p_values) for name in shown.columns]
    lines = ["  ".join(cells).rstrip() for cells in zip(*columns, strict=True)]
    if table.height > most:
        lines.append(f"... and {table.height - most:,} more rows")
    return "\n".join(lines)


def _column(values: pl.Series, *, p: bool) -> list[str]:
    """The heading and the cells of one column, all of one width."""
    if values.dtype.is_float():
        cells = [p_value(v) for v in values] if p else _numbers(values.to_list())
    else:
        cells = ["NA" if value is None else str(value) for value in values]
    width = max(map(len, [values.name, *cells]))
    left = not values.dtype.is_numeric()
    return [cell.ljust(width) if left else cell.rjust(width) for cell in [values.name, *cells]]


def _numbers(values: Sequence[float | None]) -> list[str]:
    """Floats with as many decimals as show `DIGITS` digits of the largest finite one."""
    finite = [abs(v) for v in values if v is not None and math.isfinite(v)]
    largest = max(finite, default=0.0)
    if largest >= 1e7 or 0 < largest < 1e-4:
        return [_number(v, "{:.3e}") for v in values]
    whole = all(v == int(v) for v in finite)
    smallest = min((v for v in finite if v), default=1.0)
    wanted = max(DIGITS - 1 - _magnitude(largest), DIGITS // 2 - 1 - _magnitude(smallest))
    decimals = 0 if whole else min(max(0, wanted), MOST_DECIMALS)
    return [_number(v, f"{{:.{decimals}f}}") for v in values]


def _magnitude(value: float) -> int:
    return max(math.floor(math.log10(value)), -MOST_DECIMALS) if value else 0


def _number(value: float | None, template: str) -> str:
    if value is None or math.isnan(value):
        return "NA"
    if math.isinf(value):
        return "Inf" if value > 0 else "-Inf"
    return template.format(value)
