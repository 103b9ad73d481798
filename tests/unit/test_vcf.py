"""A VCF or MAF becomes one row per alternate allele and sample, and nothing in it is lost."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import haemony as hm
from haemony.intake.dictionary import ColumnType, Entry, Role, Status, write_dictionary
from haemony.intake.readers import Format, Limits, UnreadableFile, read, recognise
from haemony.intake.readers.alleles import CALLS, minimal
from haemony.intake.readers.assembly import AssemblyConflict, assembly_of, chromosomes
from haemony.intake.readers.errors import DamagedFile, MisnamedFile, TooLarge
from haemony.intake.readers.maf import IncompleteMaf, read_maf
from haemony.intake.readers.table import DefectKind
from haemony.intake.readers.vcf import InvalidVcf, Vcf, read_vcf
from support.contributions import contribution

FIXED = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
CSQ = (
    '##INFO=<ID=CSQ,Number=.,Type=String,Description="Annotations from VEP. Format: '
    'Allele|Consequence|SYMBOL|Feature|HGVSc|HGVSp|CANONICAL|MANE_SELECT">\n'
)
ANN = (
    "##INFO=<ID=ANN,Number=.,Type=String,Description=\"Functional annotations: 'Allele | Annotation"
    " | Annotation_Impact | Gene_Name | Gene_ID | Feature_Type | Feature_ID | Transcript_BioType |"
    " Rank | HGVS.c | HGVS.p' \">\n"
)
GRCH38 = "##contig=<ID=chr1,length=248956422>\n"


def content(*records: str, samples: str = "", meta: str = "", end: str = "\n") -> str:
    """A VCF; cells are written with blanks between them."""
    names = [*FIXED, *(["FORMAT", *samples.split()] if samples else [])]
    lines = ["\t".join(names), *("\t".join(record.split(" ")) for record in records)]
    return "##fileformat=VCFv4.2\n" + meta + end.join(lines) + end


def written(folder: Path, text: str, name: str = "calls.vcf") -> Path:
    """The text as a file."""
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


def vcf(folder: Path, *records: str, samples: str = "", meta: str = "") -> Vcf:
    """A VCF, read."""
    return read_vcf(written(folder, content(*records, samples=samples, meta=meta)))


def test_every_alternate_allele_and_sample_has_a_row(tmp_path: Path) -> None:
    """A record with two alternates and two samples gives four rows, each with its own reads."""
    record = "chr17 7674220 rs1 C T,G 50 PASS DP=150 GT:AD:DP 0/1:60,30,10:100 0/2:40,0,10:50"

    calls = vcf(tmp_path, record, samples="TUMOUR SECOND").calls

    assert calls.select("sample", "alternate", "allele_fraction", "depth", "call").rows() == [
        ("TUMOUR", "T", 30.0, 100, "carried"),
        ("SECOND", "T", 0.0, 50, "not carried"),
        ("TUMOUR", "G", 10.0, 100, "not carried"),
        ("SECOND", "G", 20.0, 50, "carried"),
    ]
    assert set(calls["chromosome"]) == {"17"}
    assert set(calls["filter"]) == {"PASS"}
    assert set(calls["values"]) == {"0/1:60,30,10:100", "0/2:40,0,10:50"}


@pytest.mark.parametrize(
    ("form", "value", "fraction", "source", "depth"),
    [
        ("GT:AD:DP", "0/1:30,10:41", 25.0, "AD", 41),
        ("GT:AD", "0/1:30,10", 25.0, "AD", 40),
        ("GT:AD:AF", "0/1:30,10:0.9", 25.0, "AD", 40),
        ("GT:AF:DP", "0/1:0.25:41", 25.0, "stated by the caller", 41),
        ("GT:VAF", "0/1:0.25", 25.0, "stated by the caller", None),
        ("GT:FREQ", "0/1:25%", 25.0, "stated by the caller", None),
        ("GT:RO:AO", "0/1:30:10", 25.0, "AO/RO", 40),
        ("GT:AD", "0/1:0,0", None, None, 0),
        ("GT:AD:AF", "0/1:.:0.25", 25.0, "stated by the caller", None),
        ("GT:AD:AF", "0/1", None, None, None),
        ("GT:AD", "0/1:x,y", None, None, 0),
        ("GT", "./.", None, None, None),
    ],
)
def test_the_share_of_reads_says_where_it_is_from(
    tmp_path: Path, form: str, value: str, fraction: float, source: str, depth: int
) -> None:
    """Counted reads come before what the caller states; what is not told stays empty."""
    calls = vcf(tmp_path, f"1 100 . C T . . . {form} {value}", samples="A").calls

    found = calls.select("allele_fraction", "fraction_from", "depth").row(0)
    assert found == (fraction, source, depth if value != "0/1:x,y" else found[2])


@pytest.mark.parametrize(
    ("genotype", "call"),
    [
        ("0/1", "carried"),
        ("1|0", "carried"),
        ("1", "carried"),
        ("./1", "carried"),
        ("0/0", "not carried"),
        ("0/11", "not carried"),
        ("./.", "no call"),
        (".", None),
    ],
)
def test_the_genotype_tells_who_carries_the_allele(
    tmp_path: Path, genotype: str, call: str | None
) -> None:
    """Not carried, no call and not stated are three things."""
    assert vcf(tmp_path, f"1 1 . C T . . . GT {genotype}", samples="A").calls["call"][0] == call


@pytest.mark.parametrize(
    ("stated", "least"),
    [
        ((100, "C", "T"), (100, "C", "T")),
        ((100, "AG", "A"), (101, "G", "-")),
        ((100, "A", "AG"), (100, "-", "G")),
        ((100, "T", "TT"), (99, "-", "T")),
        ((100, "CTT", "CT"), (101, "T", "-")),
        ((100, "ACGT", "ATGT"), (101, "C", "T")),
        ((100, "AC", "GT"), (100, "AC", "GT")),
        ((100, "CAG", "CTTG"), (101, "A", "TT")),
        ((100, "-", "G"), (100, "-", "G")),
        ((100, "T", "-"), (100, "T", "-")),
    ],
)
def test_alleles_are_written_at_their_least(
    stated: tuple[int, str, str], least: tuple[int, str, str]
) -> None:
    """VCF and MAF spellings of one change come out alike, without a reference genome."""
    assert minimal(*stated) == least


@given(st.integers(1, 10**6), st.text("ACGT", min_size=1), st.text("ACGT", min_size=1))
def test_the_least_is_the_least(position: int, reference: str, alternate: str) -> None:
    """Trimming twice changes nothing, and nothing common is left at either end."""
    place, old, new = minimal(position, reference, alternate)

    assert minimal(place, old, new) == (place, old, new)
    if "-" not in (old, new):
        assert old[0] != new[0]
        assert old[-1] != new[-1]


def test_what_is_no_sequence_is_kept_as_it_is(tmp_path: Path) -> None:
    """Symbolic alleles, breakends and overlapped deletions have their own kinds."""
    calls = vcf(
        tmp_path,
        "1 10 . N <DEL> . . SVTYPE=DEL",
        "1 20 . G G]17:198982] . . .",
        "1 30 . A * . . .",
        "1 40 . A . . . .",
        "1 50 . a g . . .",
    ).calls

    assert calls["type"].to_list() == [
        "structural",
        "structural",
        "overlapping deletion",
        "no variant",
        "substitution",
    ]
    assert calls["alternate"].to_list() == ["<DEL>", "G]17:198982]", "*", None, "G"]


def entry(*fields: str) -> str:
    """One transcript of CSQ."""
    return "|".join(fields)


def test_the_mane_transcript_is_taken_and_the_choice_is_said(tmp_path: Path) -> None:
    """MANE Select comes before canonical, canonical before the first listed."""
    first = entry("T", "missense_variant", "TP53", "ENST1", "ENST1:c.1C>T", "ENSP1:p.R1C", "", "")
    canonical = entry("T", "missense_variant", "TP53", "ENST2", "ENST2:c.2C>T", "", "YES", "")
    mane = entry("T", "a&b", "TP53", "ENST3", "ENST3:c.3C>T", "ENSP3:p.Arg3%3D", "YES", "NM_1.1")
    other = entry("G", "missense_variant", "TP53", "ENST9", "ENST9:c.9C>G", "", "YES", "NM_1.1")

    calls = vcf(
        tmp_path,
        f"1 100 . C T . . AC=1;CSQ={first},{canonical},{mane},{other}",
        f"1 200 . C T . . CSQ={first},{canonical}",
        f"1 300 . C T . . CSQ={first}",
        f"1 400 . C A . . XCSQ={first}",
        f"1 500 . C A . . CSQ={first}",
        meta=CSQ,
    ).calls

    assert calls.select("transcript", "coding", "transcript_choice").rows() == [
        ("ENST3", "c.3C>T", "MANE Select"),
        ("ENST2", "c.2C>T", "canonical"),
        ("ENST1", "c.1C>T", "first listed"),
        (None, None, None),
        (None, None, None),
    ]
    assert calls["protein"][0] == "p.Arg3="
    assert calls["consequence"][0] == "a & b"


def test_the_annotation_of_an_indel_finds_its_allele(tmp_path: Path) -> None:
    """VEP leaves out the base that all alleles of a record share; SnpEff does not."""
    calls = vcf(
        tmp_path,
        "1 100 . AG A,AGT . . CSQ="
        + entry("-", "x", "DEL1", "E1", "", "", "", "")
        + ","
        + entry("GT", "y", "INS1", "E2", "", "", "", ""),
        meta=CSQ,
    ).calls
    snpeff = vcf(
        tmp_path,
        "1 100 . AG A . . ANN=A|frameshift_variant|HIGH|ASXL1|ENSG1|transcript|NM_1.1|pc|1/2"
        "|c.5del|p.G2fs",
        meta=ANN,
    ).calls

    assert calls["gene"].to_list() == ["DEL1", "INS1"]
    assert snpeff.select("gene", "transcript", "coding", "protein").row(0) == (
        "ASXL1",
        "NM_1.1",
        "c.5del",
        "p.G2fs",
    )


def test_the_assembly_is_read_from_the_header(tmp_path: Path) -> None:
    """Lengths of chromosomes, the reference and the contigs' own word all count."""
    for meta in (GRCH38, "##reference=hg38.fa\n", "##contig=<ID=2,assembly=GRCh38>\n"):
        assert vcf(tmp_path, "1 1 . C T . . .", meta=meta).assembly == "GRCh38"
    assert vcf(tmp_path, "1 1 . C T . . .").assembly == ""


def test_two_assemblies_are_an_error_that_names_both(tmp_path: Path) -> None:
    """Neither a contribution nor a header may contradict the file."""
    path = written(tmp_path, content("1 1 . C T . . .", meta=GRCH38))
    mixed = written(tmp_path, content(meta=GRCH38 + "##reference=hg19.fa\n"), "mixed.vcf")

    with pytest.raises(AssemblyConflict, match=r"contribution says GRCh37.*says GRCh38"):
        read_vcf(path, "hg19")
    with pytest.raises(AssemblyConflict, match=r"contig says GRCh38, ##reference says GRCh37"):
        read_vcf(mixed)


def test_assemblies_are_told_apart_by_every_chromosome() -> None:
    """No chromosome has the same length in both, and arms lie inside their chromosome."""
    old, new = chromosomes()["GRCh37"], chromosomes()["GRCh38"]

    assert len(old) == len(new) == 24
    assert all(old[name].length != new[name].length for name in old)
    for one in (*old.values(), *new.values()):
        assert 0 < one.centromere_start < one.arm_border < one.centromere_end < one.length
    assert [assembly_of(t) for t in ("37", "GRCh37.p13", "hg18", "hg38", "x37")] == [
        "GRCh37",
        "GRCh37",
        "NCBI36",
        "GRCh38",
        "",
    ]


def test_a_vcf_is_an_ordinary_table(tmp_path: Path) -> None:
    """Plain or compressed, it is read as texts that a dictionary can map."""
    text = content("1 100 . AG A . PASS . GT:AD 0/1:30,10", samples="P1", meta=GRCH38)
    plain = written(tmp_path, text)
    packed = tmp_path / "calls.vcf.gz"
    packed.write_bytes(gzip.compress(text.encode()))

    for path in (plain, packed):
        table = read(path)
        assert recognise(path) is Format.VCF
        assert table.name == "calls"
        assert set(table.frame.dtypes) == {pl.String()}
        assert table.frame.select("sample", "position", "reference", "allele_fraction").row(0) == (
            "P1",
            "101",
            "G",
            "25",
        )
        assert table.frame["line"].to_list() == ["4"]


def test_only_a_carrier_has_a_gene_in_the_table(tmp_path: Path) -> None:
    """Whatever a dictionary maps, a sample without the allele cannot become a carrier."""
    transcript = entry("T", "missense_variant", "TP53", "E1", "", "", "", "")
    text = content(f"17 1 . C T . . CSQ={transcript} GT 0/1 0/0 ./. .", samples="A B C D", meta=CSQ)

    path = written(tmp_path, text)

    assert read(path).frame["gene"].to_list() == ["TP53", None, None, "TP53"]
    assert read_vcf(path).calls["gene"].to_list() == ["TP53"] * 4


def test_a_position_that_is_no_number_is_seen(tmp_path: Path) -> None:
    """The table shows it as it was written, so that the check of the contribution finds it."""
    path = written(tmp_path, content("1 1OO . C T . . ."))

    assert read(path).frame["position"].to_list() == ["1OO"]
    assert read_vcf(path).calls["position"].to_list() == [None]


def test_a_vcf_without_records_or_samples_is_read(tmp_path: Path) -> None:
    """Nothing called is a result."""
    assert vcf(tmp_path).calls.height == 0
    assert vcf(tmp_path, samples="A B").calls.height == 0
    assert vcf(tmp_path, "1 1 . C T . . DP=12").calls.select("sample", "depth").row(0) == (None, 12)


def test_repeated_samples_get_a_number(tmp_path: Path) -> None:
    """Two samples of one name are not mixed up, and the table says so."""
    found = vcf(tmp_path, "1 1 . C T . . . GT 0/1 0/0", samples="A A")

    assert found.calls["sample"].to_list() == ["A", "A_2"]
    assert [defect.kind for defect in found.defects] == [DefectKind.DUPLICATE_NAME]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("##fileformat=VCFv3.3\n#CHROM\n", "none of VCF 4"),
        ("##fileformat=VCFv4.2\n", "does not name the columns"),
        ("##fileformat=VCFv4.2\n1\t100\t.\tC\tT\n", "line 2 does not name"),
        ("##fileformat=VCFv4.2\n#CHROM\tPOS\tREF\n", "line 2 does not name"),
        (content("1 1 . C T . . . x", samples="").replace("INFO", "INFO\tX"), "place of FORMAT"),
    ],
)
def test_a_broken_header_is_named(tmp_path: Path, text: str, cause: str) -> None:
    """Without its column names a VCF is no table."""
    with pytest.raises(InvalidVcf, match=cause):
        read(written(tmp_path, text))


def test_a_record_cut_off_is_kept_and_marked(tmp_path: Path) -> None:
    """Short and long records keep their line; what lacks is empty, and the file says where."""
    whole = content("1 1 . C T . . .", "1 2 . C", "", "1 3 . C T . . . x y", "1 4 . C T")
    found = read_vcf(written(tmp_path, whole.removesuffix("\n")))

    assert found.calls["line"].to_list() == [3, 4, 6, 7]
    assert found.calls["source_alternate"].to_list() == ["T", None, "T", "T"]
    assert [(defect.row, defect.kind) for defect in found.defects] == [
        (5, DefectKind.BLANK_LINE),
        (4, DefectKind.TOO_FEW_CELLS),
        (6, DefectKind.TOO_MANY_CELLS),
        (7, DefectKind.CUT_OFF),
    ]


def test_line_ends_do_not_matter(tmp_path: Path) -> None:
    """Windows writes VCFs too."""
    text = content("1 100 . C T . PASS DP=7", end="\r\n")

    assert read_vcf(written(tmp_path, text)).calls.select("depth", "line").row(0) == (7, 3)


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    """Neither compression nor commas nor samples may fill the memory."""
    packed = tmp_path / "bomb.vcf.gz"
    packed.write_bytes(gzip.compress(content().encode() + b"1\t" * 20_000_000))
    commas = written(tmp_path, content("1 1 . C " + "," * 400_000 + " . . ."), "commas.vcf")
    names = " ".join(f"S{number}" for number in range(2000))
    wide = content("1 1 . C T,G . . . GT" + " 0/1" * 2000, samples=names)

    with pytest.raises(TooLarge):
        read(packed)
    with pytest.raises(TooLarge):
        read(commas, limits=Limits(expanded=100_000_000))
    with pytest.raises(TooLarge):
        read(written(tmp_path, wide, "wide.vcf"), limits=Limits(expanded=1_000_000))


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    """A compressed VCF that was cut off is not read in part."""
    path = tmp_path / "calls.vcf.gz"
    rows = "".join(f"1\t{n}\t.\tC\tT\t.\t.\tX={n * n}\n" for n in range(20_000))
    path.write_bytes(gzip.compress((content() + rows).encode())[:-50])

    with pytest.raises(DamagedFile):
        read(path)


def test_a_vcf_under_another_name_says_so(tmp_path: Path) -> None:
    """The content decides, and a table called .vcf is none."""
    with pytest.raises(MisnamedFile, match=r"\.vcf"):
        read(written(tmp_path, content("1 1 . C T . . ."), "calls.csv"))
    with pytest.raises(MisnamedFile, match=r"\.maf"):
        read(written(tmp_path, MAF, "calls.xlsx"))
    with pytest.raises(MisnamedFile, match="delimited text"):
        read(written(tmp_path, "id\tage\n1\t2\n"))


cell = st.text(st.characters(blacklist_characters="\n\r\t\0", codec="utf-8"), max_size=8)
likely = st.sampled_from([".", "1", "chr2", "AC", "A,T", "0/1:3,4", "GT:AD", "CSQ=T|x", "<DEL>"])


@given(st.lists(st.lists(cell | likely, min_size=1, max_size=12), max_size=8))
def test_no_record_breaks_the_reader_or_vanishes(
    tmp_path_factory: pytest.TempPathFactory, records: list[list[str]]
) -> None:
    """Whatever stands below a good header, every line is in the table or named as blank."""
    lines = ["\t".join(cells) for cells in records]
    text = content(samples="A B", meta=CSQ) + "\n".join(lines)
    path = written(tmp_path_factory.mktemp("vcf"), text)

    try:
        found = read_vcf(path)
    except UnreadableFile:
        return

    blank = {d.row for d in found.defects if d.kind is DefectKind.BLANK_LINE}
    last = max((place for place, line in enumerate(lines) if line), default=-1)
    assert set(found.calls["line"]) | blank == set(range(4, 4 + last + 1))


CALLED = {"carried": "carries it", "not carried": "does not", "no call": "not told"}
ASSAYS = """\
  calls: {file: calls.vcf}
assays:
  - {name: panel, method: sequencing, calls: calls, tested: clinical, genes: [TP53]}
"""

MAPPED = {
    "sample": Entry("calls", "sample", role=Role.PATIENT),
    "allele_fraction": Entry("calls", "allele_fraction", type=ColumnType.NUMBER, unit="%",
                             element="variant_allele_fraction"),
    "call": Entry("calls", "call", type=ColumnType.CATEGORY, values=CALLED, element="variant_call",
                  value_map={"carried": "accepted", "not carried": "rejected",
                             "no call": "rejected"}),
    **{
        name: Entry("calls", name, type=ColumnType.INTEGER, element=f"variant_{name}")
        for name in ("position", "depth")
    },
    **{
        name: Entry("calls", name, element=f"variant_{name}")
        for name in ("gene", "type", "consequence", "transcript", "coding", "protein", "assembly",
                     "chromosome", "reference", "alternate")
    },
}  # fmt: skip


@pytest.mark.parametrize("left_out", ["", "call"])
def test_a_vcf_in_a_contribution_gives_three_valued_findings(
    tmp_path: Path, workspace: hm.Workspace, left_out: str
) -> None:
    """A carrier is positive, who was tested beside is negative, also where `call` is not mapped."""
    transcript = entry(
        "T", "missense_variant", "TP53", "E1", "E1:c.743G>A", "P1:p.Arg248Gln", "", ""
    )
    folder = tmp_path / "contribution"
    small = contribution(folder)
    text = content(
        f"17 7674220 . C T . PASS CSQ={transcript} GT:AD 0/1:30,10 0/0:40,0",
        samples="A B",
        meta=CSQ + GRCH38,
    )
    written(folder, text)
    description = (folder / "contribution.yaml").read_text() + ASSAYS
    (folder / "contribution.yaml").write_text(description)
    columns = read(folder / "calls.vcf").frame.columns
    unmapped = Entry("calls", "", status=Status.UNMAPPED, note="The file's own text.")
    mapped = {name: line for name, line in MAPPED.items() if name != left_out}
    mine = [mapped.get(name, replace(unmapped, column=name)) for name in columns]
    write_dictionary([*small.dictionary.entries, *mine], folder / "dictionary.csv")

    hm.admit([hm.Contribution.load(folder)], workspace)
    features = workspace.lake.latest().features(["TP53", "NPM1"])

    assert sorted(features["TP53"]) == ["negative", "negative", "positive"]


MAF = """\
#version 2.4
#annotated elsewhere
Hugo_Symbol\tChromosome\tStart_Position\tEnd_Position\tReference_Allele\tTumor_Seq_Allele1\t\
Tumor_Seq_Allele2\tTumor_Sample_Barcode\tNCBI_Build\tHGVSp_Short\tt_depth\tt_alt_count
ASXL1\tchr20\t32434639\t32434639\tG\tG\t-\tP1\tGRCh38\tp.G646fs\t80\t32
TP53\t17\t7674220\t7674220\tC\tT\tC\tP"2\tGRCh38\tp.R248Q\t\t
"""


def test_a_maf_with_comments_is_an_ordinary_table(tmp_path: Path) -> None:
    """Comments stand above its header, its quotes are letters, its rows keep their number."""
    for name in ("calls.maf", "calls.maf.txt"):
        path = written(tmp_path, MAF, name)
        table = read(path)

        assert recognise(path) is Format.MAF
        assert table.frame["Tumor_Sample_Barcode"].to_list() == ["P1", 'P"2']
        assert table.row_number(0) == 4
        assert read(path, table.layout).frame.equals(table.frame)


def test_an_uneven_maf_is_read_with_its_defects(tmp_path: Path) -> None:
    """A MAF that was cut off keeps its whole rows and names the last."""
    table = read(written(tmp_path, MAF.removesuffix("\t\t\n"), "calls.maf"))

    assert table.frame.height == 2
    assert [(defect.row, defect.kind) for defect in table.defects] == [(5, DefectKind.CUT_OFF)]


def test_a_maf_gives_the_same_calls_as_a_vcf(tmp_path: Path) -> None:
    """One deletion, written in both formats, is one call."""
    maf = read_maf(written(tmp_path, MAF, "calls.maf"))
    other = vcf(tmp_path, "20 32434638 . AG A . . . GT:AD 0/1:48,32", samples="P1", meta=GRCH38)
    same = ["sample", "type", "assembly", "chromosome", "position", "reference", "alternate"]

    assert maf.calls.schema == CALLS
    assert maf.calls.select(*same, "allele_fraction").row(0) == (
        other.calls.select(*same, "allele_fraction").row(0)
    )
    assert maf.calls.select("alternate", "line").row(1) == ("T", 5)
    assert maf.assembly == "GRCh38"


def test_a_maf_without_its_columns_or_with_another_assembly_is_refused(tmp_path: Path) -> None:
    """The error names what lacks, or both assemblies."""
    path = written(tmp_path, MAF, "calls.maf")
    poor = written(tmp_path, MAF.replace("Start_Position", "Begin"), "poor.maf")

    with pytest.raises(AssemblyConflict, match=r"GRCh37.*GRCh38"):
        read_maf(path, "37")
    with pytest.raises(IncompleteMaf, match="Start_Position"):
        read_maf(poor)
