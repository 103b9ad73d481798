r"""One question's story, from a protocol to evidence: cohort → baseline → survival → models.

The protocol is read at the border, the people come from one release, and what was found can be
written as a report that people read and as results that programs read.

Example:
    >>> protocol = parse('title = "Age"\nquestion = "How old are they?"\nseed = 1')
    >>> protocol.question
    'How old are they?'
"""

from __future__ import annotations

from haemony.analysis.freezing import (
    BEFORE,
    Frozen,
    Runs,
    earlier_runs,
    freeze,
    read_record,
    write_record,
)
from haemony.analysis.keys import BadProtocol
from haemony.analysis.protocol import NoProtocol, Protocol, file_of, load, parse, write
from haemony.study.checks import check_can_run
from haemony.study.faults import (
    CannotAnswer,
    CannotPool,
    CannotWriteResult,
    EmptyCohort,
    FolderTaken,
    NotRecorded,
    UnknownTemplate,
    WrongRelease,
)
from haemony.study.plans import new, packaged, templates
from haemony.study.result import StudyResult
from haemony.study.running import run

__all__ = [
    "BEFORE",
    "BadProtocol",
    "CannotAnswer",
    "CannotPool",
    "CannotWriteResult",
    "EmptyCohort",
    "FolderTaken",
    "Frozen",
    "NoProtocol",
    "NotRecorded",
    "Protocol",
    "Runs",
    "StudyResult",
    "UnknownTemplate",
    "WrongRelease",
    "check_can_run",
    "earlier_runs",
    "file_of",
    "freeze",
    "load",
    "new",
    "packaged",
    "parse",
    "read_record",
    "run",
    "templates",
    "write",
    "write_record",
]
