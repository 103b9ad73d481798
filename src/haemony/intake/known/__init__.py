"""Contributions whose dictionaries are the project's own work; the data stay with their owners."""

from __future__ import annotations

from pathlib import Path


def known(name: str) -> Path | None:
    """The folder with description and dictionary of a contribution haemony knows, by its id.

    Example:
        >>> known("amlsg").name
        'amlsg'
        >>> known("nobody") is None
        True
    """
    here = Path(__file__).parent
    return next(
        (folder for folder in here.iterdir() if folder.name == name and folder.is_dir()), None
    )
