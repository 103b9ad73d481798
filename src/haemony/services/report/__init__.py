"""Self-contained pages for stewards and curators: one file, no script, no network."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from haemony.intake import CheckReport
from haemony.lake import Release
from haemony.quality.profile import Guard, Profile

_PAGES = Environment(
    loader=PackageLoader("haemony.services.report", "templates"),
    autoescape=select_autoescape(("html", "j2"), default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def check_page(report: CheckReport) -> str:
    """Every problem of a contribution, by file, with the way to mend it."""
    problems = report.problems
    by_file = {
        key[0]: part.to_dicts()
        for key, part in problems.partition_by("file", as_dict=True, maintain_order=True).items()
    }
    return render(
        "check.html.j2",
        contribution=report.contribution,
        report=report,
        summary=report.summary().to_dicts(),
        by_file=by_file,
    )


def grade_page(release: Release) -> str:
    """The grade of every contribution of a release, with reasons a curator understands."""
    return render("grade.html.j2", manifest=release.manifest)


def profile_page(release: Release, profiles: tuple[Profile, ...], guard: Guard) -> str:
    """What a release holds of each variable, in figures that anyone may see."""
    return render("profile.html.j2", manifest=release.manifest, profiles=profiles, guard=guard)


def cut_page(assessment: Mapping[str, Any], source: str) -> str:
    """The assessment of what leaves under a policy, in the parts that regulators ask for.

    Args:
        assessment: What :func:`~haemony.privacy.assessment.assess` says, and more after an export.
        source: What was cut, in words.
    """
    return render("cut.html.j2", a=assessment, source=source)


def render(name: str, **values: object) -> str:
    """A page from a template of this package, with its style inside."""
    style = (files("haemony.services.report") / "templates" / "page.css").read_text("utf-8")
    return _PAGES.get_template(name).render(style=style, **values)
