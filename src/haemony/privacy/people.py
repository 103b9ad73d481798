"""The table of who the patients are: read at the partner, encoded, and never sent."""

from __future__ import annotations

from pathlib import Path

from haemony.intake.readers import read
from haemony.model.errors import UsageError
from haemony.privacy.linkage import BirthDate, Identity, Sex

PATIENT = "patient"
COLUMNS = (
    "given_names", "family_name", "birth_name", "birth_date", "sex", "postcode", "place", "number",
)  # fmt: skip
"""What may stand beside the patient number; every column and every cell may be absent."""


class BadPeople(UsageError):
    """The table of who the patients are cannot be understood."""

    def __init__(self, file: str, reason: str) -> None:
        self.file, self.reason = file, reason
        super().__init__(
            f"{file}: {reason}; its columns are {PATIENT} and any of {', '.join(COLUMNS)}"
        )


def read_people(path: Path) -> dict[str, Identity]:
    """Read who the patients are.

    Args:
        path: A table with the column ``patient`` and any of :data:`COLUMNS`; dates of birth as
            YYYY-MM-DD or DD.MM.YYYY, sex as f, m or x.

    Raises:
        BadPeople: When a column is not known, or a patient comes twice.
        UnreadableBirthDate: When a date of birth has another form.
    """
    raw = read(path)
    names = raw.frame.columns
    unknown = [name for name in names if name not in (PATIENT, *COLUMNS)]
    if PATIENT not in names or unknown:
        what = f"{', '.join(unknown)} is not known" if unknown else "nobody is named"
        raise BadPeople(path.name, what)
    found: dict[str, Identity] = {}
    for index, row in enumerate(raw.frame.iter_rows(named=True)):
        cells = {name: (row.get(name) or "").strip() for name in (PATIENT, *COLUMNS)}
        if cells[PATIENT] in found:
            raise BadPeople(path.name, f"the patient of row {raw.row_number(index)} came before")
        found[cells[PATIENT]] = _identity(cells, path.name, raw.row_number(index))
    return found


def _identity(cells: dict[str, str], file: str, row: int) -> Identity:
    try:
        sex = Sex(cells["sex"].lower()) if cells["sex"] else None
    except ValueError:
        raise BadPeople(file, f"sex in row {row} is none of f, m, x") from None
    return Identity(
        given=cells["given_names"],
        family=cells["family_name"],
        birth_name=cells["birth_name"],
        born=BirthDate.parse(cells["birth_date"]),
        sex=sex,
        postcode=cells["postcode"],
        place=cells["place"],
        number=cells["number"],
    )
