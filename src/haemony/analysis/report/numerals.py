"""Numbers as a paper prints them: thousands apart, sensible digits, no false precision."""

from __future__ import annotations

import math

from haemony.analysis.cells import HIDDEN, Shown

NOT_REACHED = "not reached"


def count(value: Shown) -> str:
    """A count, with thousands apart.

    >>> count(1540), count("<5"), count("hidden")
    ('1,540', '<5', '•')
    """
    if isinstance(value, str):
        return "•" if value == HIDDEN else value
    return f"{value:,}"


def measured(value: float | None) -> str:
    """A measurement with about three significant digits.

    >>> measured(1593.4), measured(53.26), measured(-0.5)
    ('1,593', '53.3', '−0.5')
    """
    if value is None or math.isnan(value):
        return "–"
    digits = 0 if abs(value) >= 100 else 1
    return f"{value:,.{digits}f}".replace("-", "−")


def quartiles(
    median: float | None, lower: float | None, upper: float | None, *, whole: bool | None = None
) -> str:
    """A median with its quartiles; whole numbers stay whole.

    Args:
        median: the median.
        lower: the lower quartile.
        upper: the upper one.
        whole: whether the row it stands in has whole numbers alone; of itself unless given.

    >>> quartiles(50.0, 40.0, 57.0), quartiles(9.0, 7.6, 10.4), quartiles(None, None, None)
    ('50 (40–57)', '9.0 (7.6–10.4)', '–')
    >>> quartiles(50.0, 40.0, 57.0, whole=False)
    '50.0 (40.0–57.0)'
    """
    values = [value for value in (median, lower, upper) if value is not None]
    if len(values) < 3:
        return "–"
    whole = all(value == int(value) for value in values) if whole is None else whole
    middle, *limits = (f"{value:,.0f}" if whole else measured(value) for value in values)
    return f"{middle} ({interval(*limits)})"


def share(value: float | None) -> str:
    """A share as a percentage.

    >>> share(0.271), share(0.034), share(0.0), share(None)
    ('27%', '3.4%', '0%', '–')
    """
    if value is None or math.isnan(value):
        return "–"
    percent = 100 * value
    return f"{percent:.1f}%" if 0 < percent < 9.95 else f"{percent:.0f}%"


def shares(lower: float | None, upper: float | None) -> str:
    """Two limits as percentages.

    >>> shares(0.71, 0.89), shares(0.027, 0.37)
    ('71–89%', '2.7–37%')
    """
    return interval(share(lower).removesuffix("%"), share(upper))


def ratio(value: float | None) -> str:
    """A hazard ratio.

    >>> ratio(1.4138), ratio(0.61), ratio(12.345), ratio(None)
    ('1.41', '0.61', '12.3', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    if value >= 1000:
        return ">1,000"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def p(value: float | None) -> str:
    """A p-value, without its name.

    >>> p(0.5432), p(0.0481), p(0.00312), p(1e-46)
    ('0.54', '0.048', '0.003', '<0.001')
    """
    if value is None or math.isnan(value):
        return "–"
    if value < 0.001:
        return "<0.001"
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def p_equation(value: float | None) -> str:
    """A p-value with its name.

    It never breaks across lines.

    >>> p_equation(0.0481).split(), p_equation(1e-9).split()
    (['p', '=', '0.048'], ['p', '<', '0.001'])
    """
    text = p(value)
    words = ("p", "<", text[1:]) if text.startswith("<") else ("p", "=", text)
    return "\N{NO-BREAK SPACE}".join(words)


def days(value: float | None) -> str:
    """A time in days, or that it was not reached.

    >>> days(1008.0), days(None)
    ('1,008', 'not reached')
    """
    return NOT_REACHED if value is None or math.isnan(value) else f"{value:,.0f}"


def interval(lower: str, upper: str) -> str:
    """Two limits, joined the way they can be told apart.

    >>> interval("739", "1,008"), interval("2,029", "not reached"), interval("−1.9", "0.8")
    ('739–1,008', '2,029 to not reached', '−1.9 to 0.8')
    """
    words = NOT_REACHED in (lower, upper) or "−" in lower + upper
    return f"{lower} to {upper}" if words else f"{lower}–{upper}"
