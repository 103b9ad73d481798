"""A draft suggests and never decides, and shows nothing of who the patients are."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter
from typer.testing import CliRunner

import haemony as hm
from haemony.intake import check
from haemony.intake.dictionary import (
    ColumnType,
    Dictionary,
    Entry,
    Role,
    Status,
    read_dictionary,
)
from haemony.intake.draft import (
    Draft,
    DraftedColumn,
    DraftExists,
    Memory,
    NamesCollide,
    draft,
    write_draft,
)
from haemony.intake.draft.knowledge import synonyms
from haemony.intake.draft.lesions import lesions, overlap
from haemony.intake.draft.memory import NOTHING
from haemony.intake.draft.suggest import BY_CELLS, ENOUGH
from haemony.intake.draft.words import likeness
from haemony.intake.readers import Layout, RawTable
from haemony.model.element import Catalogue
from haemony.model.errors import Exit
from haemony.services.cli import app

ROWS = 40
SEX = ["m", "w"] * (ROWS // 2)
CATALOGUE = hm.disease("aml").catalogue
BLOOD = hm.disease("blood").catalogue
BINARY: list[str | None] = ["0", "1"] * (ROWS // 2)


def table(**columns: list[str | None]) -> RawTable:
    """A table as a reader would give it, with patient numbers in front."""
    numbers: list[str | None] = [f"P{index:03}" for index in range(ROWS)]
    frame = pl.DataFrame(
        {"Pat-ID": numbers, **columns}, schema_overrides=dict.fromkeys(columns, pl.String)
    )
    return RawTable("klinik", Path("klinik.csv"), frame, Layout())


def column(
    raw: RawTable, name: str, catalogue: Catalogue = CATALOGUE, memory: Memory = NOTHING
) -> DraftedColumn:
    """The drafted line of one column."""
    made = draft([raw], catalogue, memory)
    (found,) = (c for c in made.columns if c.entry.column == name)
    return found


def elements(drafted: DraftedColumn) -> list[str]:
    """The elements suggested for a column, best first."""
    return [suggestion.element for suggestion in drafted.suggestions]


def spread(low: float, high: float, digits: int = 1) -> list[str | None]:
    """Texts of numbers from low to high, one per row."""
    return [f"{low + (high - low) * index / (ROWS - 1):.{digits}f}" for index in range(ROWS)]


@pytest.mark.parametrize(
    ("header", "element"),
    [
        ("WBC", "wbc"),
        ("Leukozyten (G/l)", "wbc"),
        ("white_blood_count", "wbc"),
        ("Hb [g/dl]", "haemoglobin"),
        ("PLT", "platelets"),
        ("Thrombozyten", "platelets"),
        ("BM_Blasts", "marrow_blasts"),
        ("KM-Blasten", "marrow_blasts"),
        ("Alter bei Diagnose", "age_at_diagnosis"),
        ("OS_months", "last_contact_day"),
        ("Gesamtüberleben", "last_contact_day"),
    ],
)
def test_numbers_are_known_by_english_and_german_names(header: str, element: str) -> None:
    """Names, synonyms and abbreviations in two languages lead to the element, with evidence."""
    best = column(table(**{header: spread(20, 80)}), header).suggestions[0]

    assert best.element == element
    assert best.evidence[0].startswith("the header")


@pytest.mark.parametrize(
    ("header", "element"),
    [
        ("NPM1", "NPM1"),
        ("MLL_PTD", "KMT2A_PTD"),
        ("SFRS2", "SRSF2"),
        ("t.6.9..p23.q34.", "t_6_9"),
        ("inv16_t16_16", "inv_16"),
        ("mono17_17p_abn17p", "abn_17p"),
        ("trisomy_21", "plus_21"),
        ("del.7q.", "del_7q"),
        ("Splenomegalie", "splenomegaly"),
        ("verstorben", "vital_status"),
    ],
)
def test_findings_are_known_by_genes_and_abnormalities(header: str, element: str) -> None:
    """Former gene symbols and abnormalities in any spelling are recognised."""
    found = column(table(**{header: ["0", "1"] * (ROWS // 2)}), header)

    assert found.suggestions[0].element == element
    assert set(found.entry.value_map) == {"0", "1"}


def test_nothing_is_decided() -> None:
    """Every line awaits a person, says why, and an unknown column names no element."""
    lines = draft([table(sex=SEX, wbc=spread(1, 90), zzqx=spread(1, 9))], CATALOGUE).columns

    assert {line.entry.status for line in lines} == {Status.SUGGESTED}
    assert all(line.entry.note for line in lines)
    assert lines[-1].entry.element == ""
    assert "no element suggested" in lines[-1].entry.note


def test_units_come_from_headers_and_unit_columns() -> None:
    """A header or a unit column says the unit; a capital G per litre is giga, a small one gram."""
    raw = table(
        **{
            "WBC (G/l)": spread(1, 90),
            "Hb (g/l)": spread(60, 150),
            "HGB": spread(4, 9),
            "HGBU": ["mmol/l"] * ROWS,
        }
    )

    units = {line.entry.column: line.entry.unit for line in draft([raw], CATALOGUE).columns}

    assert units["WBC (G/l)"] == "10*9/L"
    assert units["Hb (g/l)"] == "g/L"
    assert units["HGB"] == "mmol/L"


def test_a_unit_that_only_the_range_suggests_is_to_be_confirmed() -> None:
    """Haemoglobin of 90 can only be g/L; one of 8 could be g/dL or mmol/L, and the note says so."""
    high = column(table(HB=spread(60, 150)), "HB").entry
    low = column(table(HB=spread(6, 14)), "HB").entry

    assert (high.unit, "unit by range alone" in high.note) == ("g/L", True)
    assert (low.unit, "to be confirmed: the range also allows mmol/L" in low.note) == ("g/dL", True)


def test_missing_codes_need_evidence() -> None:
    """Words for missing are known; 999 is one far from all other numbers, and no other time."""
    far = column(table(wbc=[*spread(1, 90)[:-4], "999", "999", "NA", "k.A."]), "wbc").entry
    near = column(table(plt=[*spread(1, 990)[:-2], "999", "999"]), "plt").entry
    below = column(table(age=[*spread(20, 80, 0)[:-1], "-9"]), "age").entry

    assert set(far.missing) == {"999", "NA", "k.A."}
    assert "far from all other numbers" in far.note
    assert near.missing == ()
    assert below.missing == ("-9",)


def test_a_dash_is_missing_among_numbers_alone() -> None:
    """Among alleles a dash means that there is no base."""
    among_numbers = column(table(wbc=[*spread(1, 90)[:-1], "-"]), "wbc").entry
    among_alleles = column(table(ref=["A", "-", "C", "GT"] * (ROWS // 4)), "ref").entry

    assert among_numbers.missing == ("-",)
    assert among_alleles.missing == ()


def test_labels_and_missing_codes_of_the_file_are_kept() -> None:
    """What SPSS, SAS and Stata know of a column stands in the draft."""
    raw = table(v17=["1", "2", "1", "9"] * (ROWS // 4))
    labelled = RawTable(
        raw.name,
        raw.path,
        raw.frame,
        raw.layout,
        labels={"v17": "Geschlecht"},
        value_labels={"v17": {"1": "männlich", "2": "weiblich"}},
        missing={"v17": ("9",)},
    )

    found = column(labelled, "v17")

    assert found.entry.label == "Geschlecht"
    assert found.entry.values == {"1": "männlich", "2": "weiblich"}
    assert found.entry.missing == ("9",)
    assert found.suggestions[0].element == "sex"
    assert found.suggestions[0].value_map == {"1": "male", "2": "female"}


def test_codes_whose_meaning_is_not_written_are_not_guessed() -> None:
    """Sex as 1 and 2 is suggested by its name; which is which is left to the steward."""
    found = column(table(sex=["1", "2"] * (ROWS // 2)), "sex")

    assert found.entry.element == "sex"
    assert found.entry.value_map == {}


def test_codes_alone_can_point_to_an_element() -> None:
    """A column of FAB classes is recognised under any header."""
    found = column(table(xyz=["M1", "M2", "M4", "M5"] * (ROWS // 4)), "xyz")

    assert found.suggestions[0].element == "fab"


SECRETS: dict[str, list[str | None]] = {
    "Nachname": [f"Mustermann{index}" for index in range(ROWS)],
    "wer": [f"Erika Muster{'abcdefghij'[index % 10]}" for index in range(ROWS)],
    "kontakt": [f"person{index}@example.org" for index in range(ROWS)],
    "rufnummer": [f"+49 351 {100000 + index}" for index in range(ROWS)],
    "kennung": [f"A{100000000 + index}" for index in range(ROWS)],
    "NHS number": [f"{943476000 + index}0" for index in range(ROWS)],
    "PLZ": [f"0{1000 + index}" for index in range(ROWS)],
    "Geburtsdatum": [f"19{40 + index}-03-07" for index in range(ROWS)],
    "Verlauf": [f"Patient {index} klagt seit Tagen über Schmerzen" for index in range(ROWS)],
    "Hausarzt": ["Dr. Frost", "Dr. Winter"] * (ROWS // 2),
}


@pytest.mark.parametrize("name", SECRETS)
def test_direct_identifiers_are_suspected(name: str) -> None:
    """Names, contacts, numbers, postcodes, dates of birth and free text, in either language."""
    found = column(table(**{name: SECRETS[name]}), name)

    assert found.entry.role is Role.DIRECT
    assert found.entry.note
    assert found.suggestions == ()
    assert not found.entry.values


def test_early_dates_are_dates_of_birth() -> None:
    """Dates decades before all others betray a birthday, whatever the header."""
    born: list[str | None] = [f"19{40 + index}-03-07" for index in range(ROWS)]
    seen: list[str | None] = [f"2015-05-{1 + index % 28:02}" for index in range(ROWS)]
    raw = table(d1=born, d2=seen)

    assert column(raw, "d1").entry.role is Role.DIRECT
    assert column(raw, "d2").entry.role is Role.QUASI


def test_karyotypes_are_not_free_text() -> None:
    """Long cells of a shape that medicine uses stay clinical."""
    texts: list[str | None] = ["46,XX[20]", "46,XY,t(8;21)(q22;q22)[18]/46,XY[2]"] * (ROWS // 2)

    found = column(table(befund=texts), "befund")

    assert found.entry.role is not Role.DIRECT


def test_no_patient_value_is_written(tmp_path: Path) -> None:
    """No identifier, and no text that a single patient has, stands in any file of the draft."""
    rare: list[str | None] = ["de novo", "secondary"] * (ROWS // 2)
    rare[3] = "Schwester von Frau Quint"
    raw = table(**SECRETS, typ=rare, wbc=spread(1.113, 91.117, 3))
    (tmp_path / "klinik.csv").write_text("x\n1\n", encoding="utf-8")
    placed = RawTable(raw.name, tmp_path / "klinik.csv", raw.frame, raw.layout)

    write_draft(draft([placed], CATALOGUE), tmp_path, "aml")

    written = "".join(
        (tmp_path / name).read_text(encoding="utf-8")
        for name in ("contribution.yaml", "dictionary.csv", "suggestions.csv")
    )
    for texts in SECRETS.values():
        assert not any(text and text in written for text in texts)
    assert "Quint" not in written
    assert "P003" not in written
    assert "91.117" not in written
    assert "de novo" in written


def test_the_patient_column_is_found_across_tables() -> None:
    """Each table names its patients; the one with a row for each is the patient table."""
    clinical = table(wbc=spread(1, 90))
    calls = pl.DataFrame(
        {"sample": ["P001", "P001", "P002", "P007"], "gene": ["NPM1", "FLT3", "NPM1", "TP53"]}
    )
    variants = RawTable("mutations", Path("mutations.csv"), calls, Layout())

    drafted = draft([clinical, variants], CATALOGUE)

    patient = [c.entry.column for c in drafted.columns if c.entry.role is Role.PATIENT]
    assert patient == ["Pat-ID", "sample"]
    assert drafted.patients == "klinik"


HOSPITAL = "Pat-ID;Geschlecht;Alter;WBC (G/l);OS_Monate;verstorben;NPM1\n" + "".join(
    f"H{index};{'mw'[index % 2]};{30 + index};{1 + index / 7:.2f};{index + 2};{index % 3 // 2};"
    f"{index % 2}\n".replace(".", ",")
    for index in range(ROWS)
)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A hospital's export: semicolons, decimal commas, German headers."""
    path = tmp_path / "incoming" / "export.csv"
    path.parent.mkdir()
    path.write_text(HOSPITAL, encoding="utf-8")
    return path


def test_a_completed_draft_can_be_admitted(
    export: Path, tmp_path: Path, workspace: hm.Workspace
) -> None:
    """Fill in the description, confirm the lines, and the contribution can be admitted."""
    folder = tmp_path / "hospital"
    drafted = CliRunner().invoke(app, ["contribution", "draft", str(export), "-o", str(folder)])
    assert drafted.exit_code == Exit.DONE

    described = (folder / "contribution.yaml").read_text(encoding="utf-8")
    described = described.replace("source: fill in", "source: hospital")
    described = described.replace("origin: fill in", "origin: diagnosis")
    (folder / "contribution.yaml").write_text(described, encoding="utf-8")
    unconfirmed = check(hm.Contribution.load(folder), CATALOGUE)
    lines = (folder / "dictionary.csv").read_text(encoding="utf-8-sig")
    (folder / "dictionary.csv").write_text(lines.replace(",suggested,", ",confirmed,"), "utf-8")
    contribution = hm.Contribution.load(folder)
    release = hm.admit([contribution], workspace).release

    assert unconfirmed.sound
    assert set(unconfirmed.problems["rule"]) == {"a person has confirmed the mapping"}
    features = release.features(["sex", "age_at_diagnosis", "wbc", "os_days", "os_event", "NPM1"])
    assert features.height == ROWS
    assert features.null_count().row(0) == (0,) * 7
    assert features["wbc"].max() == pytest.approx(1 + (ROWS - 1) / 7, abs=0.01)


def test_an_uncompleted_description_is_refused(export: Path, tmp_path: Path) -> None:
    """A field that says *fill in* stops the check and is named."""
    folder = tmp_path / "hospital"
    runner = CliRunner()
    runner.invoke(app, ["contribution", "draft", str(export), "-o", str(folder)])

    with pytest.raises(hm.HaemonyError, match="fill in"):
        hm.Contribution.load(folder)


def test_the_command_speaks_json(export: Path, tmp_path: Path) -> None:
    """Programs get every suggestion with its score and evidence."""
    folder = tmp_path / "hospital"

    answer = CliRunner().invoke(
        app, ["contribution", "draft", str(export), "-o", str(folder), "--json"]
    )

    told = json.loads(answer.stdout)
    assert told["patients"] == "export"
    wbc = next(line for line in told["columns"] if line["column"] == "WBC (G/l)")
    assert (wbc["element"], wbc["unit"], wbc["status"]) == ("wbc", "10*9/L", "suggested")
    assert wbc["suggestions"][0]["evidence"]
    assert set(told["files"]) == {
        "contribution.yaml", "dictionary.csv", "suggestions.csv", "export.csv",
    }  # fmt: skip


def test_data_inside_the_folder_stay_where_they_are(export: Path) -> None:
    """Files that lie in the folder are referred to, others are copied into it."""
    folder = export.parent
    raw = hm.intake.readers.read(export)

    written = write_draft(draft([raw], CATALOGUE), folder, "aml")

    assert [path.name for path in written] == [
        "contribution.yaml", "dictionary.csv", "suggestions.csv",
    ]  # fmt: skip
    assert "file: export.csv" in (folder / "contribution.yaml").read_text(encoding="utf-8")


def test_a_draft_never_writes_over_work(export: Path) -> None:
    """A folder with a description or dictionary is refused, and stays as it is."""
    raw = hm.intake.readers.read(export)
    (export.parent / "dictionary.csv").write_text("mine", encoding="utf-8")

    with pytest.raises(DraftExists, match="holds dictionary"):
        write_draft(draft([raw], CATALOGUE), export.parent, "aml")

    assert (export.parent / "dictionary.csv").read_text(encoding="utf-8") == "mine"
    assert not (export.parent / "contribution.yaml").exists()


def test_two_files_of_one_name_are_refused(export: Path, tmp_path: Path) -> None:
    """Two different files cannot both be copied to one name."""
    other = tmp_path / "other" / "export.csv"
    other.parent.mkdir()
    other.write_text("id,x\nA,1\n", encoding="utf-8")
    both = [hm.intake.readers.read(path) for path in (export, other)]

    with pytest.raises(NamesCollide, match=r"export\.csv"):
        write_draft(draft(both, CATALOGUE), tmp_path / "out", "aml")

    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", ["id,wbc\n", "id\nA\n", "a,b\n,\n,\n"])
def test_files_with_next_to_nothing_are_drafted(tmp_path: Path, content: str) -> None:
    """No rows, one column, empty columns: every column still gets its line."""
    (tmp_path / "little.csv").write_text(content, encoding="utf-8")
    raw = hm.intake.readers.read(tmp_path / "little.csv")

    lines = draft([raw], CATALOGUE).columns

    assert [line.entry.column for line in lines] == raw.frame.columns
    assert {line.entry.status for line in lines} == {Status.SUGGESTED}


def test_every_sheet_of_a_workbook_becomes_a_table(tmp_path: Path) -> None:
    """A workbook of two sheets gives two tables, and the description tells them apart."""
    workbook = tmp_path / "export.xlsx"
    with xlsxwriter.Workbook(str(workbook)) as book:
        for name in ("Klinik", "Labor"):
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, ["Pat-ID", "WBC"])
            for row in range(1, 5):
                sheet.write_row(row, 0, [f"P{row}", row * 1.5])

    answer = CliRunner().invoke(
        app, ["contribution", "draft", str(workbook), "-o", str(tmp_path / "out")]
    )

    assert answer.exit_code == Exit.DONE
    described = (tmp_path / "out" / "contribution.yaml").read_text(encoding="utf-8")
    assert "klinik: {file: export.xlsx, layout: {table: Klinik}}" in described
    assert "labor: {file: export.xlsx, layout: {table: Labor}}" in described


def test_the_dictionary_reads_back(export: Path, tmp_path: Path) -> None:
    """What the draft writes is what the dictionary reader reads."""
    drafted: Draft = draft([hm.intake.readers.read(export)], CATALOGUE)

    write_draft(drafted, tmp_path / "out", "aml")

    read_back = read_dictionary(tmp_path / "out" / "dictionary.csv")
    assert list(read_back) == [line.entry for line in drafted.columns]
    assert read_back.of("export")[2].type is ColumnType.INTEGER


def test_values_with_marks_of_the_dictionary_are_left_to_the_steward() -> None:
    """A code with | or = cannot stand in a list of values; it is counted in the note instead."""
    found = column(table(arm=["A|B", "C"] * (ROWS // 2)), "arm").entry

    assert found.values == {"C": ""}
    assert "1 value(s)" in found.note


def test_likeness_orders_names() -> None:
    """The same name beats the same words, which beat a part, which beats another name."""
    scores = [
        likeness(header, "marrow blasts").score
        for header in ("marrow_blasts", "Blasts, marrow", "blasts", "platelets")
    ]

    assert scores == sorted(scores, reverse=True)
    assert scores[0] == 1.0
    assert scores[-1] == 0.0


def test_abnormalities_that_contradict_share_nothing() -> None:
    """A loss is no gain, and 5q is no 7q."""
    assert overlap(lesions("minus7q"), lesions("plus7q")) == 0.0
    assert overlap(lesions("del5q"), lesions("del7q")) == 0.0
    assert overlap(lesions("t_8_21"), lesions("t(8;21)(q22;q22)")) == 1.0


@pytest.mark.parametrize(
    ("header", "element"),
    [
        ("leucocytes (G/l)", "wbc"),
        ("hémoglobine", "haemoglobin"),
        ("plaquettes", "platelets"),
        ("âge au diagnostic", "age_at_diagnosis"),
        ("créatinine", "creatinine"),
        ("date de dernières nouvelles", "last_contact_day"),
        ("leucocitos", "wbc"),
        ("hemoglobina", "haemoglobin"),
        ("plaquetas", "platelets"),
        ("Edad al diagnóstico", "age_at_diagnosis"),
        ("supervivencia global", "last_contact_day"),
        ("leucociti", "wbc"),
        ("emoglobina", "haemoglobin"),
        ("piastrine", "platelets"),
        ("età alla diagnosi", "age_at_diagnosis"),
        ("blasti midollari", "marrow_blasts"),
        ("witte bloedcellen", "wbc"),
        ("hemoglobine", "haemoglobin"),
        ("trombocyten", "platelets"),
        ("leeftijd bij diagnose", "age_at_diagnosis"),
        ("datum laatste contact", "last_contact_day"),
    ],
)
def test_numbers_are_known_in_four_more_languages(header: str, element: str) -> None:
    """French, Spanish, Italian and Dutch headers lead to the element as English ones do."""
    assert elements(column(table(**{header: spread(20, 80)}), header))[0] == element


@pytest.mark.parametrize(
    ("header", "texts"),
    [
        ("sexe", ("homme", "femme")),
        ("sexo", ("varón", "mujer")),
        ("sesso", ("maschio", "femmina")),
        ("geslacht", ("man", "vrouw")),
    ],
)
def test_values_are_known_in_four_more_languages(header: str, texts: tuple[str, str]) -> None:
    """Codes in the partner's language are mapped, too."""
    found = column(table(**{header: [*texts] * (ROWS // 2)}), header).entry

    assert found.element == "sex"
    assert found.value_map == {texts[0]: "male", texts[1]: "female"}


def test_the_synonyms_name_what_there_is() -> None:
    """Each of six languages names at least sixty elements; all of them and their codes exist."""
    named: dict[str, set[str]] = {}
    for name, _, language in synonyms():
        element, _, code = name.partition("=")
        if element in {"yes", "no"}:
            continue
        assert element in BLOOD, element
        assert not code or code in BLOOD[element].codes, name
        named.setdefault(language, set()).add(element)

    assert {"en", "de", "fr", "es", "it", "nl"} <= set(named)
    assert min(len(named[code]) for code in ("en", "de", "fr", "es", "it", "nl")) >= 60


@pytest.mark.parametrize(
    ("header", "element"),
    [
        ("alb", "albumin"),
        ("creat", "creatinine"),
        ("ANC", "neutrophils"),
        ("rltime", "relapse_day"),
        ("AMLT", "aml_transformation_day"),
    ],
)
def test_abbreviations_are_known(header: str, element: str) -> None:
    """The beginning of a word, the first letters of a name, *time* glued to an event."""
    assert elements(column(table(**{header: spread(20, 80)}), header, BLOOD))[0] == element


@pytest.mark.parametrize(
    ("header", "element"),
    [
        ("del17p13", "del_17p"),
        ("gain2p25.3", "gain_2p"),
        ("del6q21", "del_6q"),
        ("t(11;14)", "t_11_14"),
        ("inv(14)", "inv_14"),
        ("trisomy12", "trisomy_12"),
        ("del13q14_bi", "del_13q_both"),
        ("del13q14_mono", "del_13q_one"),
    ],
)
def test_abnormalities_are_known_with_bands_and_brackets(header: str, element: str) -> None:
    """The arm decides, the band may be finer than the element, and a qualifier is heeded."""
    assert element in elements(column(table(**{header: BINARY}), header, BLOOD))[:2]


def test_bands_that_differ_are_not_the_same() -> None:
    """A finer band agrees with its arm, and not with another band of it."""
    assert overlap(lesions("del17p13"), lesions("del(17p)")) > 0.9
    assert overlap(lesions("gain 8q24"), lesions("gain 8q22")) == 0.0


def test_the_table_tells_how_an_abnormality_was_found() -> None:
    """A lost 5q beside copy-neutral losses is one in copy number, else one of the karyotype."""
    catalogue = hm.disease("mds").catalogue
    copies = table(cnloh7q=BINARY, cnloh9p=BINARY, plus14=BINARY, del5q=BINARY)
    bands = table(minus_Y=BINARY, t_8_21=BINARY, inv_3=BINARY, del5q=BINARY)

    assert elements(column(copies, "del5q", catalogue))[0] == "cn_loss_5q"
    assert elements(column(bands, "del5q", catalogue))[0] == "del_5q"


def test_a_series_of_chromosomes_is_seen_as_one() -> None:
    """C1p, C4, C5 and so on are chromosomes; C4 alone is not."""
    catalogue = hm.disease("mpn").catalogue
    names = ("C1p", "C4", "C5", "C7", "C8", "C9g")
    raw = table(**dict.fromkeys(names, BINARY))

    assert elements(column(raw, "C1p", catalogue))[0] == "cn_change_1p"
    assert elements(column(raw, "C9g", catalogue))[0] == "cn_gain_9p"
    assert "cn_change_4" not in elements(column(table(C4=BINARY), "C4", catalogue))


@pytest.mark.parametrize(
    ("header", "element"),
    [
        ("EZH2_646", "EZH2_Y646"),
        ("JAK2e12", "JAK2_exon12"),
        ("CALR1", "CALR_type_1"),
        ("MALT1_amp", "MALT1_amplified"),
        ("BCL2_S", "BCL2_any_change"),
    ],
)
def test_what_follows_a_gene_is_read(header: str, element: str) -> None:
    """A codon, an exon, a short word behind a gene: all elements of the gene are suggested."""
    assert element in elements(column(table(**{header: BINARY}), header, BLOOD))[:3]


def test_a_value_that_names_a_finding_is_evidence() -> None:
    """A class of molecular findings feeds the class and, weakly, each finding among its values."""
    texts: list[str | None] = ["BCR/ABL", "E2A/PBX1", "NEG", "NEG"] * (ROWS // 4)
    found = column(table(befund=texts), "befund", hm.disease("all").catalogue)

    named = {one.element: one for one in found.suggestions}
    assert {"BCR_ABL1", "TCF3_PBX1"} <= set(named)
    assert named["BCR_ABL1"].score < ENOUGH
    assert named["BCR_ABL1"].value_map == {"BCR/ABL": "positive"}


def test_every_column_gets_what_its_cells_allow() -> None:
    """A header that says nothing gets the usual elements, with scores that are never written."""
    lines = (Entry("t", "Leukos", element="wbc"), Entry("t", "Hb", element="haemoglobin"))
    known = Dictionary(lines)
    found = column(table(zzqx=spread(3, 19)), "zzqx", memory=Memory.of({"trial": known}))

    assert len(found.suggestions) == 5
    assert set(elements(found)[:2]) == {"wbc", "haemoglobin"}
    assert all(one.score <= BY_CELLS < ENOUGH for one in found.suggestions)
    assert all(one.evidence[0] == "by its cells alone" for one in found.suggestions)
    assert found.entry.element == ""


def test_what_the_cells_contradict_is_not_suggested_by_them() -> None:
    """Texts are no counts, and fractions no whole numbers."""
    words_ = column(table(zzqx=["blau", "rot"] * (ROWS // 2)), "zzqx")

    assert not {"wbc", "haemoglobin", "platelets"} & set(elements(words_))


def test_a_matrix_gets_no_guesses() -> None:
    """Hundreds of columns whose names say nothing are measurements of one kind."""
    raw = table(**{f"zz{chr(97 + n % 26)}x{n}qq": spread(1, 9) for n in range(220)})

    assert all(line.suggestions == () for line in draft([raw], CATALOGUE).columns[1:])


def test_a_name_that_the_cells_contradict_is_shown_and_not_written() -> None:
    """Total body irradiation in two steps may be a category; a person sees it and decides."""
    found = column(table(LDH=["rot", "blau"] * (ROWS // 2)), "LDH")

    assert "ldh" in elements(found)
    assert found.entry.element != "ldh"


def test_an_element_goes_to_the_column_that_names_it_better() -> None:
    """Beside a column *BCL2*, the column *BCL2_S* is less likely the plain gene."""
    alone = column(table(BCL2_S=BINARY), "BCL2_S", BLOOD)
    beside = column(table(BCL2=BINARY, BCL2_S=BINARY), "BCL2_S", BLOOD)
    score = {
        line: next(one.score for one in found.suggestions if one.element == "BCL2")
        for line, found in (("alone", alone), ("beside", beside))
    }

    assert score["beside"] < score["alone"]


def test_the_time_of_an_event_speaks_where_the_event_came() -> None:
    """A time beside its state gets a condition to confirm; the last contact is true for all."""
    raw = table(rel=spread(5, 900, 0), relstat=BINARY, OS_days=spread(9, 999, 0), OS_status=BINARY)

    relapse = column(raw, "rel").entry
    survival = column(raw, "OS_days").entry

    assert (relapse.element, relapse.where) == ("relapse_day", "relstat=1")
    assert "only where relstat=1" in relapse.note
    assert (survival.element, survival.where) == ("last_contact_day", "")


def test_a_state_is_told_by_the_time_beside_it() -> None:
    """Of two columns about one event the clear one explains the other."""
    raw = table(AMLT=spread(5, 900, 0), AMLTC=BINARY)

    assert "aml_transformation" in elements(column(raw, "AMLTC", BLOOD))[:2]


def test_contributions_like_this_one_count_more() -> None:
    """Age means the age at transplant where other columns are those of a transplant registry."""
    registry = Dictionary(
        tuple(
            Entry("t", name, element=name)
            for name in ("sex", "donor_age", "cmv_donor", "hla_match", "age_at_transplant")
        )
    )
    trial = Dictionary(
        tuple(Entry("t", name, element=name) for name in ("sex", "wbc", "ldh", "age_at_diagnosis"))
    )
    memory = Memory.of({"registry": registry, "trial": trial})
    transplants = table(Age=spread(1, 70), donor_age=spread(1, 70), cmv_donor=BINARY)
    patients = table(Age=spread(1, 70), WBC=spread(1, 90), LDH=spread(100, 900))

    assert elements(column(transplants, "Age", BLOOD, memory))[0] == "age_at_transplant"
    assert elements(column(patients, "Age", BLOOD, memory))[0] == "age_at_diagnosis"


def test_calendar_years_are_an_era() -> None:
    """Years of diagnosis are no ages and no days."""
    years: list[str | None] = [str(1998 + index % 15) for index in range(ROWS)]

    assert elements(column(table(year=years), "year", BLOOD))[0] == "era"
    assert "age_at_diagnosis" not in elements(column(table(zzqx=years), "zzqx", BLOOD))


def test_early_years_are_years_of_birth() -> None:
    """Years decades before all others tell patients apart, whatever their header."""
    born: list[str | None] = [str(1940 + index % 20) for index in range(ROWS)]
    seen: list[str | None] = [str(1998 + index % 15) for index in range(ROWS)]
    raw = table(y1=born, y2=seen)

    assert column(raw, "y1").entry.role is Role.QUASI
    assert "years of birth" in column(raw, "y1").entry.note


def test_dates_in_any_order_are_days() -> None:
    """A date of remission in the American order is one, though no number."""
    dates: list[str | None] = [f"{1 + index % 12}/{1 + index % 28}/1998" for index in range(ROWS)]

    assert elements(column(table(**{"date.cr": dates}), "date.cr"))[0] == "complete_remission_day"


@pytest.mark.parametrize(
    "header",
    ["date de naissance", "prénom", "fecha de nacimiento", "apellidos", "codice fiscale",
     "cognome", "geboortedatum", "achternaam", "burgerservicenummer"],
)  # fmt: skip
def test_direct_identifiers_are_suspected_in_four_more_languages(header: str) -> None:
    """A header that names a person or a birthday hides its column in every language."""
    found = column(table(**{header: [f"x{index}" for index in range(ROWS)]}), header)

    assert found.entry.role is Role.DIRECT
    assert found.suggestions == ()
