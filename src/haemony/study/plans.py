"""Plans to start from, and plans that ship with a disease."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from haemony.analysis.protocol import Protocol, parse
from haemony.model.disease import Disease
from haemony.study.faults import CannotWriteResult, FolderTaken, UnknownTemplate

_TEMPLATES = (
    "prognostic-factor",
    "biomarker-treatment",
    "external-control",
    "post-authorisation",
    "natural-history",
    "outcome-validation",
)


def packaged(name: str, disease: Disease) -> Protocol | None:
    """The study of this name that ships with a disease; None where there is none.

    Example:
        >>> from haemony.model.disease import disease
        >>> found = packaged("amlsg", disease("aml"))
        >>> found.title if found else ""
        'Acute myeloid leukaemia in three AMLSG trials'
    """
    file = disease.studies.get(name)
    return None if file is None else parse(file.read_text(encoding="utf-8"))


def templates() -> dict[str, str]:
    """The protocols to start from, by name, with what each is for."""
    return {name: parse(_template(name)).title for name in _TEMPLATES}


def new(path: Path | str, template: str = "prognostic-factor") -> Path:
    """Write a commented protocol to start from into a folder, and return its path.

    Args:
        path: The folder.
        template: Which of :func:`templates`.

    Raises:
        FolderTaken: When the folder holds a protocol already.
        UnknownTemplate: When there is no template of this name.
    """
    text = _template(template)
    file = Path(path) / "study.toml"
    if file.exists():
        raise FolderTaken(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise CannotWriteResult(file.parent, error.strerror or "unknown reason") from error
    return file


def _template(name: str) -> str:
    if name not in _TEMPLATES:
        raise UnknownTemplate(name, _TEMPLATES)
    file = files("haemony.analysis") / "templates" / f"{name}.toml"
    return file.read_text(encoding="utf-8")
