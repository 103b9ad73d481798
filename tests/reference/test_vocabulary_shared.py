"""The open mini-vocabulary and the compiled concepts: real ids, where they are at hand."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from haemony.harmonise.vocabulary import Known, Vocabulary, check, core, load, search, uses
from haemony.harmonise.vocabulary.core import Licence, licence_of


@pytest.fixture(scope="module")
def omop(shared_data: Path) -> Path:
    """The folder of OMOP reference files."""
    folder = shared_data.parent / "omop"
    if not (folder / "vocab").is_dir():
        pytest.skip(f"the OMOP reference files are absent ({folder})")
    return folder


@pytest.fixture(scope="module")
def vocabulary(omop: Path, tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    """The mini-vocabulary, loaded."""
    return load(omop / "vocab", tmp_path_factory.mktemp("workspace"))


def test_the_mini_vocabulary_is_loaded_whole(vocabulary: Vocabulary) -> None:
    """Every row of every table arrives."""
    assert dict(vocabulary.rows) == {
        "vocabulary": 59,
        "domain": 50,
        "concept": 76_249,
        "concept_relationship": 76_216,
        "concept_ancestor": 76_216,
        "concept_synonym": 123_674,
        "concept_class": 423,
        "relationship": 696,
    }
    assert vocabulary.version == "v5.0 29-FEB-24"


def test_elements_use_no_wrong_concept(vocabulary: Vocabulary) -> None:
    """What the elements use is valid, standard and of the right domain."""
    wrong = [fault for fault in check(vocabulary) if fault.problem.blocks]

    assert not wrong, "; ".join(f"{f.use.concept_id} {f.use.who}: {f.said}" for f in wrong)


def test_the_core_says_what_the_vocabulary_says(vocabulary: Vocabulary) -> None:
    """Domain, vocabulary and standard of the open core are those of the download."""
    held = vocabulary.known(core().keys())

    differing = {
        i: (core()[i], known)
        for i, known in held.items()
        if (known.domain, known.vocabulary) != (core()[i].domain, core()[i].vocabulary)
        or core()[i].standard not in {known.standard, ""}
    }

    assert len(held) > 8_000
    assert not differing


def test_the_core_says_what_the_compilation_says(omop: Path) -> None:
    """Every compiled concept is in the open core, under the licence class that was found for it."""
    compiled = pl.read_csv(omop / "heme_concepts.csv", infer_schema_length=0)
    classes = {"id-only": Licence.ID_ONLY, "nc": Licence.NON_COMMERCIAL, "open": Licence.OPEN}
    for row in compiled.iter_rows(named=True):
        known = core()[int(row["concept_id"])]
        said = Known(
            known.id, row["domain_id"], row["vocabulary_id"], row["standard_concept"] or ""
        )
        assert known == said
        text = row["licence_class"]
        notice = text == "open-with-notice"
        licence = Licence.NOTICE if notice else classes[text.split(" ")[0]]
        assert licence_of(known.vocabulary) is licence, known


def test_hgvs_leads_to_a_variant(vocabulary: Vocabulary) -> None:
    """The synonyms of OMOP Genomic hold HGVS names."""
    (hit,) = search("NC_000001.11:g.26779062C>T", vocabulary, limit=1)

    assert (hit.known.id, hit.known.vocabulary) == (35979210, "OMOP Genomic")


def test_no_core_name_is_shipped() -> None:
    """The open core holds facts about ids; names are ours, and stand in the catalogue."""
    assert not any(known.name for known in core().values())
    assert all(use.label for use in uses())
