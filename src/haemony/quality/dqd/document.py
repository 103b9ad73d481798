"""Results as the JSON of the DataQualityDashboard, so that its viewer and its tools read them.

The keys and their nesting are those of the R package (a scalar is an array of one, a value that is
not there has no key). There is no clock in it: the same tables give the same bytes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping

from haemony.quality.dqd.results import Result, Results, Status

_NO_CLOCK = "not recorded"
_CATEGORIES = ("Plausibility", "Conformance", "Completeness")

Document = dict[str, object]


def document(results: Results, metadata: Mapping[str, str]) -> Document:
    """The results in the shape of the R package.

    Args:
        results: What was found.
        metadata: About the source, by the names of the fields of CDM_SOURCE in camel case:
            ``cdmSourceName``, ``cdmVersion``, ``vocabularyVersion`` and so on.

    Example:
        >>> from haemony.quality.dqd import run
        >>> sorted(document(run({}), {"cdmSourceName": "nothing"}))[:3]
        ['CheckResults', 'Metadata', 'Overview']
    """
    return {
        "startTimestamp": [_NO_CLOCK],
        "endTimestamp": [_NO_CLOCK],
        "executionTime": [_NO_CLOCK],
        "CheckResults": [_row(result) for result in results],
        "Metadata": [dict(metadata)],
        "Overview": {key: [value] for key, value in _overview(results).items()},
    }


def encode(results: Results, metadata: Mapping[str, str]) -> str:
    """The document as text, one check to a line."""
    parts = document(results, metadata)
    rows = parts.pop("CheckResults")
    lines = ",\n".join(_compact(row) for row in rows) if isinstance(rows, list) else ""
    head = ",\n".join(f"{_compact(key)}:{_compact(part)}" for key, part in parts.items())
    return f'{{{head},\n"CheckResults":[\n{lines}\n]}}\n'


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _row(result: Result) -> Document:
    check, kind = result.check, result.check.type
    tally = result.outcome.tally
    row: dict[str, object | None] = {
        "numViolatedRows": tally.broken if tally else None,
        "pctViolatedRows": round(result.share, 4) if tally else None,
        "numDenominatorRows": tally.rows if tally else None,
        "executionTime": _NO_CLOCK,
        "queryText": result.question if result.status is Status.FAILED else f"{check.asks}.",
        "checkName": kind.name,
        "checkLevel": kind.level.value,
        "checkDescription": check.asks,
        "cdmTableName": check.table.upper(),
        "cdmFieldName": check.field.upper() or None,
        "conceptId": check.concept_text or None,
        "category": kind.category,
        "subcategory": kind.subcategory or None,
        "context": kind.context,
        "error": result.outcome.error or None,
        "checkId": check.id,
        "failed": int(result.status is Status.FAILED),
        "passed": int(result.status is Status.PASSED),
        "isError": int(result.status is Status.ERROR),
        "notApplicable": int(result.status is Status.NOT_APPLICABLE),
        "notApplicableReason": result.outcome.not_applicable or None,
        "thresholdValue": _number(result.threshold),
    }
    return {key: value for key, value in row.items() if value is not None}


def _number(threshold: float | None) -> float | None:
    """A whole number as such: 95, not 95.0."""
    return int(threshold) if threshold is not None and threshold == int(threshold) else threshold


def _overview(results: Results) -> dict[str, float]:
    """Counts as the R package reckons them: what is not applicable counts as passed there."""
    statuses = Counter(result.status for result in results)
    by_category = Counter((result.check.type.category, result.status) for result in results)
    in_category = Counter(result.check.type.category for result in results)
    total, failed = len(results), statuses[Status.FAILED]
    found: dict[str, float] = {
        "countTotal": total,
        "countPassed": total - failed,
        "countErrorFailed": statuses[Status.ERROR],
        "countThresholdFailed": failed,
        "countOverallFailed": failed,
        "percentPassed": round(100 * (total - failed) / total, 2),
        "percentFailed": round(100 * failed / total, 2),
    }
    found |= {f"countTotal{name}": in_category[name] for name in _CATEGORIES}
    for status, word in ((Status.FAILED, "Failed"), (Status.PASSED, "Passed")):
        found |= {f"count{word}{name}": by_category[name, status] for name in _CATEGORIES}
    return found
