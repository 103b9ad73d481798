"""Contributions whose dictionaries are the project's own work; the data stay with their owners."""

from __future__ import annotations

from pathlib import Path

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


def dictionaries() -> dict[str, Dictionary]:
    """The dictionaries of the contributions haemony knows, by id.

    Example:
        >>> "amlsg" in dictionaries()
        True
    """
    found = sorted(_HERE.glob("*/dictionary.csv"))
    return {path.parent.name: read_dictionary(path) for path in found}
