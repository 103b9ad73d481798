"""The page that tells a committee what the checks of the DataQualityDashboard found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from haemony.quality.dqd import Impact, Result, Results, Status
from haemony.quality.dqd.definitions import types
from haemony.services.report import render

_CATEGORIES = ("Conformance", "Completeness", "Plausibility")


def checks_page(results: Results, title: str, facts: Mapping[str, object]) -> str:
    """What failed, what it concerns and what to ask; then what passed and what says nothing.

    Args:
        results: What was found.
        title: What was checked, in words.
        facts: ``in_silico`` and ``source`` (how to find it again).

    Returns:
        A page of its own: no script, no network, no cell of a patient.
    """
    absent = [r.check.table for r in results.failures if r.check.type.name == "cdmTable"]
    others = [r for r in results.failures if r.check.type.name != "cdmTable"]
    return render(
        "checks.html.j2",
        title=title,
        facts=facts,
        results=results,
        counts=results.counts,
        statuses=Status,
        categories={name: _counted(results, name) for name in _CATEGORIES},
        failures={
            impact: group
            for impact in Impact
            if (group := [r for r in others if r.impact is impact])
        },
        absent=absent,
        tables=[(name, counted) for name, counted in _tables(results) if name not in absent],
        errors=Counter(r.reason for r in results.of(Status.ERROR)).most_common(),
        reasons=Counter(r.reason for r in results.of(Status.NOT_APPLICABLE)).most_common(),
        kinds={
            kind: Counter(r.status for r in results if r.check.type is kind)
            for kind in types().values()
        },
    )


def _counted(results: Results, category: str) -> Mapping[Status, int]:
    found = Counter(r.status for r in results if r.check.type.category == category)
    return {status: found[status] for status in Status}


def _tables(results: Results) -> list[tuple[str, Mapping[Status, int]]]:
    """Tables about which anything could be judged, with their counts."""
    by_table: dict[str, list[Result]] = {}
    for result in results:
        by_table.setdefault(result.check.table, []).append(result)
    counted = {
        table: Counter(result.status for result in those) for table, those in by_table.items()
    }
    judged = (Status.FAILED, Status.ERROR)
    shown = {t for t, c in counted.items() if any(c[s] for s in judged) or c[Status.PASSED] > 9}
    return [(t, {s: c[s] for s in Status}) for t, c in counted.items() if t in shown]
