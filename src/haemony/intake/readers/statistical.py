"""Files of the statistical packages: SAS, SPSS and Stata.

They know more than a text file does: labels, the meaning of codes, and which codes stand for a
missing value. All of it is kept, and the codes stay codes.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import MappingProxyType

from haemony.intake.readers import readstat
from haemony.intake.readers.errors import DamagedFile, SeveralTables
from haemony.intake.readers.formats import Format, recognise
from haemony.intake.readers.limits import Limits
from haemony.intake.readers.table import Layout, RawTable

_XPORT_MEMBER = re.compile(rb"HEADER RECORD\*{7}(?:MEMBER  |MEMBV8  )HEADER RECORD")
_XPORT_RECORD = 80


def tables(path: Path, limits: Limits) -> tuple[str, ...]:
    """The one table of the file, named as the file."""
    del limits
    return (path.stem,)


def read(path: Path, layout: Layout, limits: Limits) -> RawTable:
    """Read a file of SAS, SPSS or Stata; of the layout only the encoding matters."""
    form = recognise(path)
    limits.check(path, path.stat().st_size)
    if form is Format.XPORT:
        _check_transport(path)
    frame, facts = readstat.load(path, form, layout.encoding, limits)
    return RawTable(
        name=path.stem,
        path=path,
        frame=frame,
        layout=Layout(encoding=layout.encoding),
        labels=MappingProxyType(facts.labels),
        value_labels=MappingProxyType(
            {name: MappingProxyType(codes) for name, codes in facts.value_labels.items()}
        ),
        missing=MappingProxyType({name: tuple(codes) for name, codes in facts.missing.items()}),
    )


def _check_transport(path: Path) -> None:
    """Refuse what the library would pass over: a cut in the records, and further data sets."""
    data = path.read_bytes()
    if len(data) % _XPORT_RECORD:
        raise DamagedFile(path, Format.XPORT)
    count = sum(place.start() % _XPORT_RECORD == 0 for place in _XPORT_MEMBER.finditer(data))
    if count > 1:
        raise SeveralTables(path, count)
