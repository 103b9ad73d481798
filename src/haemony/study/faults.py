"""Why a study cannot be run, or its plan or result not be written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from haemony.model.errors import EnvironmentFault, HaemonyError, UsageError, meant


class WrongRelease(UsageError):
    """The protocol names another release than the one given."""

    def __init__(self, wanted: int, given: int) -> None:
        self.wanted, self.given = wanted, given
        super().__init__(
            f"the protocol is for release {wanted} and release {given} was given; open release "
            f'{wanted}, or write `release = "latest"` in study.toml'
        )


class EmptyCohort(HaemonyError):
    """Nobody meets the criteria."""

    def __init__(self, criterion: str) -> None:
        self.criterion = criterion
        super().__init__(
            f"nobody is left after the criterion {criterion!r}; loosen it, or look whether the "
            "release records that element at all"
        )


class CannotAnswer(HaemonyError):
    """One block of the protocol cannot be computed on this cohort."""

    def __init__(self, key: str, cause: HaemonyError) -> None:
        self.key, self.cause, self.exit_code = key, cause, cause.exit_code
        super().__init__(f"study.toml, {key}: {cause}")


class NotRecorded(HaemonyError):
    """An analysis needs what nobody in the cohort has."""

    def __init__(self, key: str, label: str, needs: Sequence[str]) -> None:
        self.key, self.label, self.needs = key, label, tuple(needs)
        super().__init__(
            f"study.toml, {key}: nobody in the cohort has a value of {label!r}; it needs "
            f"{', '.join(needs)}, which the sources of this release do not record. Use a release "
            "that has it, or leave the block out"
        )


class CannotPool(UsageError):
    """Sources differ in what the protocol does not name."""

    def __init__(self, label: str, what: str, key: str, values: Sequence[str]) -> None:
        self.label, self.what, self.values = label, what, tuple(values)
        listed = ", ".join(f'"{value}"' for value in values)
        super().__init__(
            f"{label}: the sources have different {what} ({', '.join(values)}) and are not pooled "
            f"unless the plan says so; write [pooling] with {key} = [{listed}], or narrow the "
            'cohort to sources that agree: a [[cohort]] block with element = "contribution" and '
            "one_of = [their ids]"
        )


class UnknownTemplate(UsageError):
    """No protocol to start from has this name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.name = name
        super().__init__(
            f"there is no template {name!r}; {meant(name, known)}`haemony study templates` lists "
            f"them: {', '.join(known)}"
        )


class FolderTaken(UsageError):
    """A protocol is there already."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"{path} exists; choose another folder, or edit that file")


class CannotWriteResult(EnvironmentFault):
    """The disk refuses the result."""

    def __init__(self, folder: Path, reason: str) -> None:
        self.folder, self.reason = folder, reason
        super().__init__(f"cannot write to {folder}: {reason}; free the disk or choose another -o")
