"""The page that tells a partner how far their OMOP tables have come, and what to mend."""

from __future__ import annotations

from itertools import groupby

from haemony.intake.omop import OmopContribution
from haemony.quality.grade import Level
from haemony.quality.omop import OmopGrade
from haemony.services.report import render


def omop_grade_page(contribution: OmopContribution, grade: OmopGrade) -> str:
    """The grade of OMOP tables: level by level what was found, where, why it matters, how to mend.

    Args:
        contribution: Who brings what.
        grade: What was found.

    Returns:
        A page of its own: no script, no network, no cell of a patient.
    """
    return render(
        "omop_grade.html.j2",
        contribution=contribution,
        grade=grade,
        plausible=int(Level.PLAUSIBLE),
        blocking=sum(weighed.blocks for weighed in grade.findings),
        sections={
            verdict.level: [
                (rule, list(group))
                for rule, group in groupby(grade.of(verdict.level), lambda weighed: weighed.rule)
            ]
            for verdict in grade.verdicts
            if grade.of(verdict.level)
        },
        files={
            name: ", ".join(path.name for path, _ in sources)
            for name, sources in contribution.tables.items()
        },
    )
