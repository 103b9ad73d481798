"""How vocabularies are refused."""

from __future__ import annotations

from pathlib import Path

from haemony.model.errors import EnvironmentFault, UsageError


class NoDownload(UsageError):
    """What was given is no Athena download."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(
            f"{path} is no Athena download: {reason}; give the zip file as it came from "
            "athena.ohdsi.org, or the folder it was unpacked to"
        )


class BadVocabularyFile(UsageError):
    """A file of a download does not say what its table declares."""

    def __init__(self, file: str, reason: str) -> None:
        self.file, self.reason = file, reason
        super().__init__(
            f"{file}: {reason}. Nothing was loaded and the vocabulary in use is as before; "
            "download it again"
        )


class VocabularyBusy(EnvironmentFault):
    """Another process is loading a vocabulary."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(f"another process is loading a vocabulary into {folder}; wait until done")


class CannotKeep(EnvironmentFault):
    """The disk refuses; the vocabulary in use is as before."""

    def __init__(self, folder: Path, reason: str) -> None:
        self.folder, self.reason = folder, reason
        super().__init__(
            f"cannot write to {folder}: {reason}. The vocabulary in use is as before; "
            "make room or correct the permissions and load again"
        )


class NotReadable(EnvironmentFault):
    """A loaded vocabulary cannot be read any more."""

    def __init__(self, folder: Path, reason: str) -> None:
        self.folder, self.reason = folder, reason
        super().__init__(
            f"the vocabulary in {folder} cannot be read: {reason}; load the download again"
        )
