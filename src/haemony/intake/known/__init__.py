"""Contributions whose dictionaries are the project's own work; the data stay with their owners."""

from __future__ import annotations

from pathlib import Path

from haemony.intake.contribution import DESCRIPTION, SourceKind, read_description
from haemony.intake.dictionary import Dictionary, read_dictionary

_HERE = Path(__file__).parent


def known(name: str) -> Path | None:
    """The folder with description and dictionary of a contribution haemony knows, by its id.

    Example:
        >>> known("amlsg").name
        'amlsg'
        >>> known("nobody") is None
        True
    """
    return next(
        (folder for folder in _HERE.iterdir() if folder.name == name and folder.is_dir()), None
    )


def at_hand(data: Path) -> dict[str, tuple[Path, Path]]:
    """The contributions haemony knows whose files are at hand.

    Args:
        data: A folder with one folder per source, named as the descriptions say (`found_in`).

    Returns:
        By id the folder of description and dictionary, and the folder of the files. Tables that
        are in OMOP already are graded, not admitted, and not among them.
    """
    found = {}
    for folder in sorted(_HERE.iterdir()):
        if (folder / DESCRIPTION).is_file():
            described = read_description(folder)
            files = data / str(described.get("found_in", folder.name))
            if described.get("source") != SourceKind.OMOP and files.is_dir():
                found[folder.name] = folder, files
    return found


def dictionaries() -> dict[str, Dictionary]:
    """The dictionaries of the contributions haemony knows, by id.

    Example:
        >>> "amlsg" in dictionaries()
        True
    """
    found = sorted(_HERE.glob("*/dictionary.csv"))
    return {path.parent.name: read_dictionary(path) for path in found}
