"""The report as one self-contained HTML page: no script, no network; for light, dark and print.

The page prints the results document and nothing else, so what people read and what programs read
cannot differ.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from haemony.analysis.evidence import Evidence
from haemony.analysis.report import numerals
from haemony.analysis.report.figures import Figure
from haemony.analysis.report.pictures import Pictures
from haemony.analysis.report.results import Document


def render(evidence: Evidence, document: Document, pictures: Pictures) -> str:
    """The page, from the results document and the figures."""
    style = files("haemony.analysis.report") / "templates" / "report.css"
    page = (
        _environment()
        .get_template("report.html")
        .render(
            **document,
            in_silico=evidence.provenance.in_silico,
            style=_trusted(style.read_text(encoding="utf-8")),
            curves=[[_picture(f) for f in block] for block in pictures.survival],
            plots=[[_picture(f) for f in block] for block in pictures.models],
            unit_days=evidence.protocol.time_unit.days,
            level_names=_LEVELS,
            has_hidden=_has_hidden(document),
        )
    )
    return f"{page.rstrip()}\n"


_LEVELS = ("received", "conformant", "complete", "plausible", "accepted")


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("haemony.analysis.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("count", "measured", "share", "ratio", "p", "p_equation", "days"):
        environment.filters[name] = getattr(numerals, name)
    environment.filters["quartiles"] = _quartiles
    environment.filters["days_ci"] = _days_with_limits
    environment.filters["ratio_ci"] = _ratio_with_limits
    environment.filters["share_ci"] = _share_with_limits
    environment.filters["missing_words"] = _missing_words
    return environment


def _trusted(text: str) -> Markup:
    """Text that is markup of our own: the style sheet, and drawings whose words are escaped."""
    return Markup(text)  # noqa: S704


def _picture(figure: Figure) -> dict[str, Any]:
    return {"svg": _trusted(figure.inline), "file": f"figures/{figure.name}"}


def _quartiles(found: Document) -> str:
    return numerals.quartiles(found["median"], found["lower"], found["upper"])


def _days_with_limits(found: Document) -> str:
    """A median in a table; NR stands for not reached."""
    value, *limits = (
        "NR" if found[key] is None else numerals.days(found[key])
        for key in ("value", "lower", "upper")
    )
    return value if limits == ["NR", "NR"] else f"{value} ({numerals.interval(*limits)})"


def _ratio_with_limits(row: Document) -> str:
    limits = numerals.interval(numerals.ratio(row["lower"]), numerals.ratio(row["upper"]))
    return f"{numerals.ratio(row['hazard_ratio'])} ({limits})"


def _share_with_limits(at: Document) -> str:
    if at["survival"] is None:
        return "beyond follow-up"
    return f"{numerals.share(at['survival'])} ({numerals.shares(at['lower'], at['upper'])})"


def _missing_words(missing: Document) -> str:
    """Who was left out and why, in one sentence; a patient can lack several variables."""
    if not missing["rows"]:
        return "Nobody was left out for a missing value."
    parts = [f"{v['label']} {v['absence']} in {v['count']:,}" for v in missing["by_variable"]]
    return f"{missing['rows']:,} left out: {', '.join(parts)}."


def _has_hidden(document: Document) -> bool:
    """Whether any count is hidden to protect another."""
    return "'hidden'" in repr({k: v for k, v in document.items() if k != "study"})
