"""The report as one self-contained HTML page: no script, no network; for light, dark and print.

The page prints the results document and nothing else, so what people read and what programs read
cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files
from itertools import groupby
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from haemony.analysis.cautions import p_values
from haemony.analysis.cells import HIDDEN
from haemony.analysis.evidence import Evidence
from haemony.analysis.report import numerals
from haemony.analysis.report.figures import Figure
from haemony.analysis.report.pictures import Pictures
from haemony.analysis.report.values import Document


def render(evidence: Evidence, document: Document, pictures: Pictures) -> str:
    """The page, from the results document and the figures."""
    style = files("haemony.analysis.report") / "templates" / "report.css"
    page = (
        _environment()
        .get_template("report.html")
        .render(
            **document,
            in_silico=evidence.provenance.in_silico,
            all_in_silico=evidence.provenance.all_in_silico,
            style=_trusted(style.read_text(encoding="utf-8")),
            curves=_shown(pictures.survival),
            incidences=_shown(pictures.competing),
            plots=_shown(pictures.models),
            landmark_plots=_shown(pictures.landmarks),
            exposure_plots=_shown(pictures.time_dependent),
            subgroup_plots=_shown(pictures.subgroups),
            state_plots=_shown(pictures.states),
            anchors=_anchors(document),
            links=_links(document),
            missing_words=evidence.protocol.missing.words,
            tests=p_values(evidence),
            unit_days=evidence.protocol.time_unit.days,
            level_names=_LEVELS,
            has_hidden=_has_hidden(document),
        )
    )
    return f"{page.rstrip()}\n"


_SECTIONS = (
    ("survival", "survival"),
    ("means", "means"),
    ("competing_risks", "competing"),
    ("models", "model"),
    ("landmarks", "landmark"),
    ("time_dependent", "exposure"),
    ("subgroups", "subgroups"),
    ("states", "states"),
    ("comutation", "comutation"),
    ("prediction", "prediction"),
    ("weighted", "weighted"),
)
"""The kinds of block in the order of the page, and what their anchors are called."""


def _anchors(document: Document) -> dict[str, str]:
    """Where on the page each block of the protocol stands."""
    return {
        **{
            block["key"]: f"{anchor}-{i}"
            for name, anchor in _SECTIONS
            for i, block in enumerate(document[name], 1)
        },
        "cohort": "cohort",
        **{f"population[{i}]": "cohort" for i, _ in enumerate(document["populations"], 1)},
        **{f"sensitivity[{i}]": "sensitivity" for i, _ in enumerate(document["sensitivity"], 1)},
    }


def _links(document: Document) -> list[dict[str, str]]:
    """The table of contents."""
    return [
        {"anchor": f"{anchor}-{i}", "title": block["title"]}
        for name, anchor in _SECTIONS
        for i, block in enumerate(document[name], 1)
    ]


def _shown(blocks: Iterable[Iterable[Figure]]) -> list[list[dict[str, Any]]]:
    """The figures of each block."""
    return [[_picture(figure) for figure in block] for block in blocks]


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
    environment.filters["whole"] = _whole
    environment.filters["limits_days"] = _limits_in_days
    environment.filters["days_ci"] = _days_with_limits
    environment.filters["ratio_ci"] = _ratio_with_limits
    environment.filters["share_ci"] = _share_with_limits
    environment.filters["missing_words"] = _missing_words
    environment.filters["incidence_ci"] = _incidence_with_limits
    environment.filters["effect_ratio"] = _effect_ratio
    environment.filters["effect_on"] = _effect_on
    environment.filters["effect_time"] = _effect_time
    environment.filters["odds_ci"] = _odds_with_limits
    environment.filters["gap_ci"] = _gap_with_limits
    environment.filters["c_se"] = _concordance_with_error
    environment.filters["by_block"] = _by_block
    environment.filters["lower_first"] = _lower_first
    environment.filters["capitalize_first"] = _capitalize_first
    return environment


def _trusted(text: str) -> Markup:
    """Text that is markup of our own: the style sheet, and drawings whose words are escaped."""
    return Markup(text)  # noqa: S704


def _picture(figure: Figure) -> dict[str, Any]:
    return {"svg": _trusted(figure.inline), "file": f"figures/{figure.name}"}


def _quartiles(found: Document, whole: bool) -> str:
    return numerals.quartiles(found["median"], found["lower"], found["upper"], whole=whole)


def _whole(columns: Sequence[Document]) -> bool:
    """Whether a row of medians and quartiles is printed without decimals: no value has any."""
    shown = [c[key] for c in columns for key in ("median", "lower", "upper") if c[key] is not None]
    return all(value == int(value) for value in shown)


def _days_with_limits(found: Document) -> str:
    """A median in a table; NR stands for not reached."""
    value, *limits = (
        "NR" if found[key] is None else numerals.days(found[key])
        for key in ("value", "lower", "upper")
    )
    return value if limits == ["NR", "NR"] else f"{value} ({numerals.interval(*limits)})"


def _limits_in_days(found: Document) -> str:
    return numerals.interval(numerals.days(found["lower"]), numerals.days(found["upper"]))


def _ratio_with_limits(row: Document) -> str:
    if row["p"] is None:
        return "no finite estimate"
    limits = numerals.interval(numerals.ratio(row["lower"]), numerals.ratio(row["upper"]))
    return f"{numerals.ratio(row['hazard_ratio'])} ({limits})"


def _share_with_limits(at: Document) -> str:
    if at["survival"] is None:
        return "beyond follow-up"
    if at["lower"] is None or at["upper"] is None:
        return numerals.share(at["survival"])
    return f"{numerals.share(at['survival'])} ({numerals.shares(at['lower'], at['upper'])})"


def _incidence_with_limits(at: Document) -> str:
    if at["value"] is None:
        return "beyond follow-up"
    if at["lower"] is None or at["upper"] is None:
        return numerals.share(at["value"])
    return f"{numerals.share(at['value'])} ({numerals.shares(at['lower'], at['upper'])})"


def _gap_with_limits(found: Document) -> str:
    """A difference of shares in percentage points."""
    if found["value"] is None:
        return "beyond follow-up"
    value, *limits = (_signed(100 * (found[key] or 0.0), 1) for key in ("value", "lower", "upper"))
    return f"{value} ({' to '.join(limits)})" if found["lower"] is not None else value


def _signed(value: float, digits: int) -> str:
    """A number that may be negative; what rounds to zero has no sign."""
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def _concordance_with_error(found: Document) -> str:
    """Harrell's C with its standard error."""
    value, error = (found[key] for key in ("mean" if "mean" in found else "value", "std_err"))
    if value is None:
        return "–"
    return f"{value:.3f}" if error is None else f"{value:.3f} ({error:.3f})"


def _effect_ratio(effect: Document) -> str:
    return _effect_on(effect, "hazard ratio")


@pass_context
def _effect_time(context: Context, effect: Document) -> str:
    """An effect in days, told in the unit of the report."""
    unit = float(context["unit_days"])
    told = {
        key: None if effect[key] is None else effect[key] / unit
        for key in ("value", "lower", "upper")
    }
    return _with_limits(effect, told, lambda value: _signed(value or 0.0, 2))


def _effect_on(effect: Document, scale: str) -> str:
    """An effect with its limits, in the digits of its scale."""
    if scale == "incidence":
        return _incidence_with_limits(effect)
    return _with_limits(
        effect, effect, numerals.ratio if scale == "hazard ratio" else numerals.days
    )


_WITHHELD = {HIDDEN[0]: "not shown: it would give back a smaller group", "<": "too few to show"}
"""Why an estimate is not printed, by how its number of patients begins."""


def _with_limits(
    effect: Document, told: Mapping[str, Any], words: Callable[[float | None], str]
) -> str:
    if told["value"] is None:
        return effect["note"] or _WITHHELD.get(str(effect["n"])[:1], numerals.NOT_REACHED)
    if told["lower"] is None and told["upper"] is None:
        return (
            f"{words(told['value'])} ({effect['note']})" if effect["note"] else words(told["value"])
        )
    limits = numerals.interval(words(told["lower"]), words(told["upper"]))
    return f"{words(told['value'])} ({limits})"


def _odds_with_limits(pair: Document) -> str:
    if pair["odds_ratio"] is None:
        return f"{pair['pattern'] or 'undefined'}, too few to show"
    limits = numerals.interval(numerals.ratio(pair["lower"]), numerals.ratio(pair["upper"]))
    return f"{numerals.ratio(pair['odds_ratio'])} ({limits})"


def _by_block(compared: list[Document]) -> list[tuple[str, list[Document]]]:
    """Compared numbers under the titles of their blocks, in the order of the plan."""
    return [(title, list(rows)) for title, rows in groupby(compared, key=lambda row: row["block"])]


def _lower_first(text: str) -> str:
    """A text as it stands within a sentence; acronyms and gene names stay as they are."""
    acronym = text[1:2].isupper() or text[1:2].isdigit() or text[1:2] == "("
    return text if acronym else text[:1].lower() + text[1:]


def _capitalize_first(text: str) -> str:
    """A text as it stands at the beginning of a sentence."""
    return text[:1].upper() + text[1:]


def _missing_words(missing: Document) -> str:
    """Who was left out and why, in one sentence; a patient can lack several variables."""
    if not missing["rows"]:
        return "Nobody was left out for a missing value."
    parts = [f"{v['label']} {v['absence']} in {v['count']:,}" for v in missing["by_variable"]]
    return f"{missing['rows']:,} left out: {', '.join(parts)}."


def _has_hidden(document: Document) -> bool:
    """Whether any count is hidden to protect another."""
    return "'hidden'" in repr({k: v for k, v in document.items() if k != "study"})
