"""Three contributions as three kinds of partner would send them, with in-silico patients."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Protocol

from haemony.analysis.synthetic.company_trial import write_company_trial
from haemony.analysis.synthetic.hospital import write_hospital
from haemony.analysis.synthetic.trial_group import write_trial_group


class Shape(StrEnum):
    """What kind of partner a contribution looks as if it came from."""

    TRIAL_GROUP = "trial group"
    COMPANY_TRIAL = "company trial"
    HOSPITAL = "hospital"


class _Writer(Protocol):
    def __call__(self, folder: Path, *, patients: int, seed: int) -> Path: ...


_WRITERS: dict[Shape, tuple[_Writer, int]] = {
    Shape.TRIAL_GROUP: (write_trial_group, 1540),
    Shape.COMPANY_TRIAL: (write_company_trial, 717),
    Shape.HOSPITAL: (write_hospital, 680),
}
"""Who writes each shape, and how many patients the first three such partners brought."""


def write_contribution(
    shape: Shape, folder: Path, *, patients: int | None = None, seed: int = 1
) -> Path:
    """Write a complete contribution folder of in-silico patients.

    Args:
        shape: What kind of partner it looks as if it came from.
        folder: Where; made if absent.
        patients: How many; as many as the first partner of this kind brought unless given.
        seed: Whole number from which everything follows: the same seed gives the same bytes.

    Returns:
        The folder, ready for :meth:`haemony.intake.Contribution.load`.

    Raises:
        TooFewPatients: When fewer than one patient is asked for.

    Example:
        >>> from tempfile import mkdtemp
        >>> from haemony.intake import Contribution
        >>> folder = write_contribution(Shape.COMPANY_TRIAL, Path(mkdtemp()), patients=20)
        >>> Contribution.load(folder).in_silico
        True
    """
    write, usual = _WRITERS[shape]
    return write(folder, patients=usual if patients is None else patients, seed=seed)
