"""R's own files: data frames, factors, dates and labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rdata

from haemony.intake.readers import Layout, read, tables
from haemony.intake.readers.errors import DamagedFile, NoTable, UnknownTable

R_SAMPLES = Path(str(rdata.TESTDATA_PATH)) / "generated"
PATIENTS = pd.DataFrame(
    {
        "id": ["P1", "P2", None],
        "age": np.array([61, 45, 70], dtype=np.int32),
        "wbc": [3.5, np.nan, 12.0],
        "sex": pd.Categorical(["f", "m", "f"], categories=["m", "f"]),
        "alive": [True, False, True],
    }
)


def written(path: Path) -> Path:
    """The patients as R data, in a workspace with other objects or alone."""
    if path.suffix == ".rds":
        rdata.write_rds(path, PATIENTS)
    else:
        rdata.write_rda(path, {"note": "exported", "empty": PATIENTS[[]], "clinical": PATIENTS})
    return path


@pytest.mark.parametrize("name", ["clinical.rds", "study.rda", "study.RData"])
def test_a_data_frame_is_read_as_r_shows_it(tmp_path: Path, name: str) -> None:
    """Factors are their levels, and the levels in their order are the permitted values."""
    table = read(written(tmp_path / name), Layout(table="clinical"))

    assert table.frame.to_dict(as_series=False) == {
        "id": ["P1", "P2", None],
        "age": ["61", "45", "70"],
        "wbc": ["3.5", "NaN", "12"],
        "sex": ["f", "m", "f"],
        "alive": ["true", "false", "true"],
    }
    assert list(table.value_labels["sex"]) == ["m", "f"]


def test_a_workspace_lists_its_data_frames(tmp_path: Path) -> None:
    """Objects that are no tables are passed over; the first table with columns is read."""
    path = written(tmp_path / "study.rda")

    assert tables(path) == ("empty", "clinical")
    assert read(path).name == "clinical"
    with pytest.raises(UnknownTable, match="'clinical'"):
        read(path, Layout(table="klinik"))


def test_a_workspace_without_tables_says_what_it_holds(tmp_path: Path) -> None:
    """The error names the objects found, never their values."""
    path = tmp_path / "study.rda"
    rdata.write_rda(path, {"secret": "patient name"})

    with pytest.raises(NoTable, match="'secret' of type STR") as refused:
        read(path)
    assert "patient name" not in str(refused.value)


@pytest.mark.parametrize("form", ["xdr", "ascii"])
@pytest.mark.parametrize("version", [2, 3])
def test_files_that_r_wrote_are_read(form: str, version: int) -> None:
    """Row names that somebody gave become a column; R's own numbering does not."""
    if not R_SAMPLES.is_dir():
        pytest.skip("the installed rdata comes without its samples")

    table = read(R_SAMPLES / f"test_dataframe_rownames__{form}__version_{version}.rds")

    assert table.frame["row_names"].to_list() == ["Madrid", "Frankfurt", "Herzberg am Harz"]
    assert table.frame["class"].to_list() == ["a", "b", "b"]


def test_na_is_empty_and_nan_is_not() -> None:
    """R tells a missing value from a calculation that failed."""
    if not R_SAMPLES.is_dir():
        pytest.skip("the installed rdata comes without its samples")

    table = read(R_SAMPLES / "test_dataframe_float_with_na_nan__xdr__version_3.rds")

    assert set(table.frame.to_series().to_list()) >= {"NaN", None}


def test_a_truncated_file_is_damaged(tmp_path: Path) -> None:
    """A half copied file is refused."""
    path = written(tmp_path / "clinical.rds")
    path.write_bytes(path.read_bytes()[:-40])

    with pytest.raises(DamagedFile):
        read(path)
