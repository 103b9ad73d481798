"""How the lake refuses."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from haemony.model.errors import EnvironmentFault, HaemonyError, UsageError


class NoRelease(UsageError):
    """The release asked for does not exist."""

    def __init__(self, number: int | None, known: tuple[int, ...]) -> None:
        self.number, self.known = number, known
        if not known:
            text = "the lake holds no release yet; `haemony admit CONTRIBUTION` makes the first"
        else:
            text = f"there is no release {number}; the lake holds {known[0]} to {known[-1]}"
        super().__init__(text)


class LakeBusy(EnvironmentFault):
    """Another process is publishing."""

    def __init__(self, lake: Path) -> None:
        self.lake = lake
        super().__init__(f"another admission is writing to {lake}; wait until it has ended")


class CannotWrite(EnvironmentFault):
    """The disk refuses: full, read-only or not permitted. The lake is as before."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(
            f"cannot write to {path}: {reason}. No release was made and the lake is as before; "
            "make room or correct the permissions and admit again"
        )


class Damaged(HaemonyError):
    """A release is not what its manifest says."""

    def __init__(self, number: int, what: str) -> None:
        self.number, self.what = number, what
        super().__init__(
            f"release {number} cannot be trusted: {what}; `haemony release verify {number}` lists "
            "every partition, and a backup brings it back"
        )


class Shredded(HaemonyError):
    """Data of a release were destroyed on purpose; a signed tombstone says so."""

    def __init__(self, number: int, table: str) -> None:
        self.number, self.table = number, table
        super().__init__(
            f"release {number} was shredded in part: by a signed decision {table} lacks data; "
            "use a later release"
        )


class SharedPatients(HaemonyError):
    """Two contributions bring the same persons, and nobody has decided how to count them."""

    def __init__(self, first: str, second: str, persons: int) -> None:
        self.first, self.second, self.persons = first, second, persons
        super().__init__(
            f"{first} and {second} have {persons} patient{'s' * (persons > 1)} in common; "
            "merge them into one contribution, or withdraw one of the two"
        )


class UnknownContribution(UsageError):
    """A release holds no contribution of this name."""

    def __init__(self, contribution: str, known: Iterable[str]) -> None:
        self.contribution = contribution
        super().__init__(
            f"the release holds no contribution {contribution!r}; it holds {', '.join(known)}"
        )
