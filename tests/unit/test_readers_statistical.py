"""SAS, SPSS and Stata: codes stay codes, and what explains them is kept."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyreadstat
import pytest

from haemony.intake.readers import RawTable, read
from haemony.intake.readers.errors import DamagedFile, ReaderFault, SeveralTables
from haemony.model.errors import Exit

PATIENTS = pl.DataFrame(
    {
        "AGE": [61.0, 45.5, None],
        "ECOG": [1, 2, 9],
        "DIAG": [dt.date(2020, 1, 2), None, dt.date(1999, 12, 31)],
        "SEEN": [dt.datetime(2020, 1, 2, 3, 4, 5), None, dt.datetime(2020, 1, 2)],
        "SITE": ["Köln", "", "Ulm"],
    }
)
EXPECTED = {
    "AGE": ["61", "45.5", None],
    "ECOG": ["1", "2", "9"],
    "DIAG": ["2020-01-02", None, "1999-12-31"],
    "SEEN": ["2020-01-02T03:04:05", None, "2020-01-02T00:00:00"],
    "SITE": ["Köln", None, "Ulm"],
}
WRITERS: dict[str, Callable[..., None]] = {
    "sav": pyreadstat.write_sav,
    "zsav": lambda frame, path: pyreadstat.write_sav(frame, path, compress=True),
    "dta": pyreadstat.write_dta,
    "xpt": pyreadstat.write_xport,
}


@pytest.mark.parametrize("extension", WRITERS)
def test_every_value_comes_back_as_text(tmp_path: Path, extension: str) -> None:
    """Whole numbers have no fraction, dates are ISO 8601, an empty text is an empty cell."""
    path = tmp_path / f"clinical.{extension}"
    WRITERS[extension](PATIENTS, path)

    table = read(path)

    assert table.frame.to_dict(as_series=False) == EXPECTED
    assert table.frame.dtypes == [pl.String] * 5
    assert table.row_number(0) == 2


def test_portable_files_of_spss_are_read(tmp_path: Path) -> None:
    """The oldest exchange format of SPSS still turns up."""
    path = tmp_path / "clinical.por"
    pyreadstat.write_por(PATIENTS.drop("SITE"), path)

    assert read(path).frame["DIAG"].to_list() == EXPECTED["DIAG"]


def spss(path: Path) -> RawTable:
    """The patients as SPSS stores them, with labels and declared missing values."""
    pyreadstat.write_sav(
        PATIENTS,
        path,
        column_labels={"AGE": "Age at diagnosis"},
        variable_value_labels={"ECOG": {1: "restricted", 9: "unknown"}},
        missing_ranges={"ECOG": [{"lo": 5, "hi": 9}, -1]},
    )
    return read(path)


def test_labels_and_missing_codes_of_spss_are_kept(tmp_path: Path) -> None:
    """User-missing codes stay in their cells and are listed; of a range, those that occur."""
    table = spss(tmp_path / "clinical.sav")

    assert table.labels == {"AGE": "Age at diagnosis"}
    assert table.value_labels == {"ECOG": {"1": "restricted", "9": "unknown"}}
    assert sorted(table.missing["ECOG"]) == ["-1", "9"]
    assert table.frame["ECOG"].to_list() == ["1", "2", "9"]


def test_tagged_missing_values_of_stata_are_kept(tmp_path: Path) -> None:
    """`.a` says why a value is missing, so it is a code and no empty cell."""
    path = tmp_path / "clinical.dta"
    values = pd.DataFrame({"ECOG": pd.Series([1, "a", 3], dtype=object), "ID": [1, 2, 3]})
    pyreadstat.write_dta(values, path, missing_user_values={"ECOG": ["a"]})

    table = read(path)

    assert table.frame["ECOG"].to_list() == ["1", ".a", "3"]
    assert table.missing == {"ECOG": (".a",)}


def test_single_precision_is_written_shortest(tmp_path: Path) -> None:
    """A Stata float of 0.1 is 0.1, not 0.10000000149011612."""
    path = tmp_path / "clinical.dta"
    pd.DataFrame({"VAF": np.array([0.1, 0.25], dtype="float32")}).to_stata(path, write_index=False)

    assert read(path).frame["VAF"].to_list() == ["0.1", "0.25"]


def test_several_data_sets_in_a_transport_file_are_refused(tmp_path: Path) -> None:
    """No data set of a transport file is passed over in silence."""
    path = tmp_path / "clinical.xpt"
    pyreadstat.write_xport(PATIENTS, path, file_format_version=5)
    first = path.read_bytes()
    path.write_bytes(first + first[first.index(b"HEADER RECORD*******MEMBER") :])

    with pytest.raises(SeveralTables, match="2 data sets"):
        read(path)


@pytest.mark.parametrize("extension", ["sav", "dta", "xpt"])
@pytest.mark.parametrize("kept", [0.3, 0.99])
def test_a_file_that_was_cut_is_damaged(tmp_path: Path, extension: str, kept: float) -> None:
    """A truncated file is refused rather than read as far as it goes."""
    path = tmp_path / f"clinical.{extension}"
    WRITERS[extension](pl.concat([PATIENTS] * 50), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])

    with pytest.raises(DamagedFile, match="clinical"):
        read(path)


def test_a_broken_installation_is_not_blamed_on_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the reader cannot even start, the file is not called damaged."""
    path = tmp_path / "clinical.sav"
    pyreadstat.write_sav(PATIENTS, path)
    monkeypatch.setattr("sys.executable", "/bin/false")

    with pytest.raises(ReaderFault) as failed:
        read(path)
    assert failed.value.exit_code is Exit.ENVIRONMENT


@pytest.mark.skip(reason="no library writes sas7bdat, and no installed package brings a sample")
def test_sas_data_sets_are_read() -> None:
    """A sas7bdat file is read like the others."""
