"""Omics files of a contribution: what the check finds, what travels, and what is refused."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import haemony as hm
from haemony.intake import CheckReport, check
from haemony.intake.contribution import ContributionFault
from haemony.privacy.payload import Payload
from haemony.privacy.split import NumbersFound, split
from haemony.privacy.wire import Malformed, pack, unpack
from support.omics import EXPRESSION, MATRIX, SEGMENTS, SEGS, with_omics
from support.protection import SITE, protected

CATALOGUE = hm.disease("aml").catalogue


def told(report: CheckReport, file: str, severity: str) -> list[str]:
    """The rules of one severity that a file breaks."""
    rows = report.problems.filter((pl.col("file") == file) & (pl.col("severity") == severity))
    return rows["rule"].to_list()


def test_sound_files_are_read_with_notes(tmp_path: Path) -> None:
    """Patients without a sample and probes without a symbol are counted, and block nothing."""
    report = check(with_omics(tmp_path), CATALOGUE)

    assert report.sound
    assert told(report, "cn.csv", "note") == ["1 of 3 patients have no sample here"]
    assert told(report, "array.csv", "note") == ["1 of 4 probes have no symbol in the annotation"]


def test_a_sample_of_nobody_is_warned_of_and_kept_aside(tmp_path: Path) -> None:
    """The samples of a file are the rows in; each is a patient's, or set aside with its place."""
    report = check(with_omics(tmp_path, MATRIX.replace("B,C", "B,Z")), CATALOGUE)

    ready = protected(report)
    aside = ready.set_aside.filter(pl.col("file") == "matrix.csv").to_dicts()

    assert told(report, "matrix.csv", "warning") == [
        "1 of 3 samples are of no patient of the patient table"
    ]
    assert ready.rows_in["matrix.csv"] == 3
    assert ready.profiles[0].frame.height == 2
    assert [(row["column"], row["element"], row["reason"]) for row in aside] == [
        ("column 4", "expression", "its sample is of no patient of the patient table")
    ]


def test_samples_find_their_patients_in_a_column(tmp_path: Path) -> None:
    """A name that is no patient number is looked up; of two samples of a patient the first counts.

    The second sample of segments is kept aside row by row.
    """
    named = "  samples: {table: arrays, column: array}\n"
    given = with_omics(
        tmp_path,
        MATRIX.replace("A,B,C", "x1,x2,x3"),
        SEGS.replace("A,5", "x1,5").replace("A,7", "x2,7").replace("B,8", "x3,8"),
        EXPRESSION + named + SEGMENTS + named,
    )
    (tmp_path / "arrays.csv").write_text("array,patient\nx1,A\nx2,A\nx3,B\n")
    yaml = (tmp_path / "contribution.yaml").read_text()
    yaml = yaml.replace("tables:\n", "tables:\n  arrays: {file: arrays.csv}\n")
    (tmp_path / "contribution.yaml").write_text(yaml)
    lines = (tmp_path / "dictionary.csv").read_text(encoding="utf-8-sig").splitlines()
    header = lines[0].split(",")
    for column, role, status, note in (
        ("array", "other", "unmapped", "Name of the array."),
        ("patient", "patient identifier", "confirmed", ""),
    ):
        cells = {"table": "arrays", "column": column, "type": "text", "role": role}
        cells |= {"status": status, "note": note, "precedence": "1"}
        lines.append(",".join(cells.get(name, "") for name in header))
    (tmp_path / "dictionary.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    given = hm.Contribution.load(tmp_path)

    report = check(given, CATALOGUE)
    ready = protected(report)
    aside = ready.set_aside.filter(pl.col("element").is_in(["expression", "segments"]))

    assert report.sound, report.summary()
    assert [each.frame.height for each in ready.profiles] == [2, 2]
    assert set(aside["reason"]) == {"an earlier sample of the patient is used"}
    assert aside.select("file", "row", "column").rows() == [
        ("matrix.csv", None, "column 3"),
        ("cn.csv", 3, ""),
    ]


@pytest.mark.parametrize(
    ("matrix", "segs", "file", "rule"),
    [
        (MATRIX.replace("A,B,C", "P,Q,R"), SEGS, "matrix.csv", "samples are those of patients"),
        ("probe,A,B\n1_at,x,y\n", SEGS, "matrix.csv", "the file can be read"),
        (MATRIX, SEGS.replace("-1.0", "n.d."), "cn.csv", "the file can be read"),
        (MATRIX, SEGS.replace("146000000", "246000000"), "cn.csv", "the file can be read"),
        (MATRIX, SEGS.replace("A,7,50001", "A,5,50001"), "cn.csv", "the file can be read"),
        (MATRIX, SEGS.replace("0.58", "inf"), "cn.csv", "the file can be read"),
        (MATRIX, "", "cn.csv", "the file can be read"),
    ],
    ids=["nobody", "no numbers", "no number", "off the chromosome", "overlap", "infinite", "empty"],
)
def test_what_cannot_be_blocks(
    tmp_path: Path, matrix: str, segs: str, file: str, rule: str
) -> None:
    """A file that cannot be read, or segments that cannot be, block the contribution."""
    report = check(with_omics(tmp_path, matrix, segs), CATALOGUE)

    assert told(report, file, "error") == [rule]


def test_single_unreadable_cells_are_counted(tmp_path: Path) -> None:
    """A text in a column of numbers counts as missing; the check and the set-aside rows say so."""
    rows = [f"{place}_at,{place},{place + 1},{place + 2}" for place in range(1, 40)]
    text = "probe,A,B,C\n" + "\n".join(rows).replace("7_at,7,8", "7_at,7,faint", 1) + "\n"
    report = check(with_omics(tmp_path, text, described=SEGMENTS), CATALOGUE)
    assert report.sampled.expression is None

    described = EXPRESSION.split("  annotation")[0]
    report = check(with_omics(tmp_path, text, described=described), CATALOGUE)
    aside = protected(report).set_aside.filter(pl.col("file") == "matrix.csv")

    assert report.sound
    assert "1 cells hold a text that is no number" in told(report, "matrix.csv", "warning")
    assert aside["reason"].to_list() == ["1 cells hold a text that is no number"]


def test_a_scale_that_does_not_look_like_it_is_warned_of(tmp_path: Path) -> None:
    """Intensities declared as logarithms are told; nothing is transformed."""
    report = check(with_omics(tmp_path, MATRIX.replace("9.125", "91250")), CATALOGUE)

    assert told(report, "matrix.csv", "warning") == [
        "the numbers look like the logarithm of intensity"
    ]


def test_a_matrix_on_its_other_side_does_not_travel(tmp_path: Path) -> None:
    """Patients among the probes stop the seal, whatever names the samples were said to have."""
    turned = "probe,A,B,C\nA,1.0,2.0,3.0\nB,1.5,2.5,3.5\nC,2.0,1.0,2.0\n"
    described = EXPRESSION.split("  annotation")[0]
    report = check(with_omics(tmp_path, turned, described=described), CATALOGUE)

    with pytest.raises(NumbersFound, match="the names of its probes"):
        split(report, SITE)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("  orientation: sideways\n", "probes in rows"),
        ("  scale: furlongs\n", "logarithm of intensity"),
        ("  file: ../matrix.csv\n", "outside the folder"),
        ("  orientation: samples in rows\n", "columns names the columns"),
    ],
)
def test_a_description_that_cannot_be_understood_names_the_way_out(
    tmp_path: Path, line: str, said: str
) -> None:
    """What a matrix cannot say of itself is one of a closed list."""
    field = line.split(":", maxsplit=1)[0]
    described = "".join(
        line if each.startswith(field) else f"{each}\n" for each in EXPRESSION.splitlines()
    )

    with pytest.raises(ContributionFault, match=said):
        with_omics(tmp_path, described=described)


def test_what_travels_holds_no_name_of_a_sample(tmp_path: Path) -> None:
    """The payload says in which column a sample stood, and not what it was called."""
    names = {"A": "Meier_17", "B": "Huber_18", "C": "Koch_19"}
    text, segs = MATRIX.splitlines(), SEGS
    text[0] = "probe," + ",".join(names.values())
    given = with_omics(tmp_path, "\n".join(text) + "\n", segs)
    clinical = (tmp_path / "clinical.csv").read_text()
    for short, name in names.items():
        clinical = clinical.replace(f"\n{short},", f"\n{name},")
        segs = segs.replace(f"\n{short},", f"\n{name},")
    (tmp_path / "clinical.csv").write_text(clinical)
    (tmp_path / "cn.csv").write_text(segs)

    payload = split(check(given, CATALOGUE), SITE).payload
    content = str(unpack(payload.to_bytes()))

    assert payload.profiles[0].frame.height == 3
    assert not [name for name in names.values() if name in content]


def test_a_payload_comes_back_as_it_was(tmp_path: Path) -> None:
    """Values, gaps, probes and segments are the same after the journey."""
    payload = split(check(with_omics(tmp_path), CATALOGUE), SITE).payload

    back = Payload.from_bytes(payload.to_bytes())

    for sent, got in zip(payload.profiles, back.profiles, strict=True):
        assert got.frame.equals(sent.frame)
        assert got.probes.equals(sent.probes)
        assert (got.file, got.scale, got.assembly) == (sent.file, sent.scale, sent.assembly)
    assert back.profiles[0].frame["values"].to_list()[0] == [7.5, None, 5.0, 2.0]


def _short(profiles: list[dict[str, Any]]) -> None:
    profiles[0]["values"] = base64.b64encode(b"\0" * 8).decode()


def _no_base(profiles: list[dict[str, Any]]) -> None:
    profiles[0]["values"] = "?"


def _twice(profiles: list[dict[str, Any]]) -> None:
    profiles.append(profiles[0])


def _scale(profiles: list[dict[str, Any]]) -> None:
    profiles[0]["scale"] = "furlongs"


def _kind(profiles: list[dict[str, Any]]) -> None:
    profiles[1]["element"] = "weather"


def _beyond(profiles: list[dict[str, Any]]) -> None:
    profiles[1]["columns"]["end"][0] = 10**10


def _stranger(profiles: list[dict[str, Any]]) -> None:
    profiles[1]["columns"]["token"]["values"][0] = "0" * 32


@pytest.mark.parametrize("spoil", [_short, _no_base, _twice, _scale, _kind, _beyond, _stranger])
def test_a_spoilt_payload_is_refused(
    tmp_path: Path, spoil: Callable[[list[dict[str, Any]]], None]
) -> None:
    """Whatever a sender puts there, what does not fit together is not taken."""
    given = unpack(split(check(with_omics(tmp_path), CATALOGUE), SITE).payload.to_bytes())
    spoil(given["profiles"])

    with pytest.raises(Malformed):
        Payload.from_bytes(pack(given))
