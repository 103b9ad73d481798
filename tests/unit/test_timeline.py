"""Timeline: calendar dates become days since day 0, and are gone."""

from __future__ import annotations

from pathlib import Path

import haemony as hm
from haemony.intake import check
from haemony.intake.dictionary import ColumnType, Entry, Role, Status
from haemony.privacy import Protected
from support.contributions import contribution
from support.protection import protected as in_memory

ENTRIES = (
    Entry("clinical", "patient", role=Role.PATIENT),
    Entry("clinical", "diagnosed", type=ColumnType.DATE, unit="DD.MM.YYYY", note="day 0",
          status=Status.UNMAPPED),
    Entry("clinical", "relapsed", type=ColumnType.DATE, unit="DD.MM.YYYY", element="relapse_day"),
)  # fmt: skip
ROWS = """\
patient,diagnosed,relapsed
A,01.03.2015,31.03.2015
B,15.06.2016,
C,,01.01.2017
"""


def protected(folder: Path) -> Protected:
    """The contribution after protection."""
    given = contribution(folder, ROWS, ENTRIES)
    described = (folder / "contribution.yaml").read_text(encoding="utf-8")
    dated = described.replace("{origin: diagnosis}", "{origin: diagnosis, column: diagnosed}")
    (folder / "contribution.yaml").write_text(dated, encoding="utf-8")
    checked = check(hm.Contribution.load(given.folder), hm.disease("aml").catalogue)
    assert checked.sound, checked.summary().to_dicts()
    return in_memory(checked)


def test_dates_are_counted_from_day_zero(tmp_path: Path) -> None:
    """Thirty days to relapse; none; and a date without a day 0 cannot be counted."""
    frame = protected(tmp_path / "c").tables["clinical"].frame

    assert frame["relapsed"].to_list() == ["30", None, "■"]


def test_no_calendar_date_is_left(tmp_path: Path) -> None:
    """Neither the day of diagnosis nor any other date goes on."""
    frame = protected(tmp_path / "c").tables["clinical"].frame

    assert frame.columns == ["person_id", "source_row", "relapsed"]
    assert "201" not in str(frame["relapsed"].to_list())
