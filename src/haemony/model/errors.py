"""Every way haemony can refuse, in one tree.

Each error carries its facts as attributes, names its cause in words the reader knows, and ends with
the next step. No patient value ever appears in a message: file names, column names, row numbers,
rule names and vocabulary codes may.

The exit code of the command line is chosen here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from enum import IntEnum


class Exit(IntEnum):
    """What the shell is told when a command ends."""

    DONE = 0
    FINDINGS = 1
    USAGE = 2
    REFUSED = 3
    ENVIRONMENT = 4
    INTERRUPTED = 130


class HaemonyError(Exception):
    """Something haemony refuses to do, with the reason and the next step."""

    exit_code: Exit = Exit.FINDINGS


class UsageError(HaemonyError):
    """The command, the configuration or a call was not what haemony understands."""

    exit_code = Exit.USAGE


class RefusedByPolicy(HaemonyError):
    """The request was understood and a policy forbids it."""

    exit_code = Exit.REFUSED


class EnvironmentFault(HaemonyError):
    """The machine stands in the way: a full disk, a missing permission, a lock."""

    exit_code = Exit.ENVIRONMENT


def meant(word: str, known: Iterable[str], most: int = 1) -> str:
    """What was probably meant, as the beginning of an advice; empty where nothing is near.

    >>> meant("kaplan_meyer", ["[[cox]]", "[[kaplan_meier]]"])
    'did you mean [[kaplan_meier]]? '
    """
    plain = {one.strip("[]"): one for one in known}
    near = get_close_matches(word, plain, n=most)
    return f"did you mean {' or '.join(plain[one] for one in near)}? " if near else ""
