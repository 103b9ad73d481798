"""Vocabularies: loaded whole or not at all, searched by what people say, and never leaked."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

import haemony as hm
from haemony.harmonise.omop.read import read
from haemony.harmonise.vocabulary import (
    Licence,
    Problem,
    Use,
    Vocabulary,
    chain,
    check,
    core,
    current,
    licence_of,
    load,
    local_concepts,
    renewed,
    search,
    uses,
)
from haemony.harmonise.vocabulary.athena import REQUIRED
from haemony.harmonise.vocabulary.errors import BadVocabularyFile, NoDownload, VocabularyBusy
from haemony.harmonise.vocabulary.local import Status, registry, successors
from haemony.harmonise.vocabulary.search import NothingToSearch
from haemony.lake.lake import Health
from haemony.lake.manifest import COMMON
from haemony.model.element import LOCAL_CONCEPTS
from haemony.services.cli import main
from support.athena import HEADERS, download, zipped
from support.contributions import contribution

SCRIPT = Path(__file__).parent.parent / "support" / "load_and_die.py"


@pytest.fixture
def athena(tmp_path: Path) -> Path:
    """A download of eight concepts."""
    return download(tmp_path / "athena")


@pytest.fixture
def vocabulary(athena: Path, tmp_path: Path) -> Vocabulary:
    """The same, loaded."""
    return load(athena, tmp_path)


def use(concept: int, table: str, field: str) -> Use:
    """A concept as an element would use it."""
    return Use(concept, "ours", "", "element", "", table, field)


# Loading


def test_a_zip_file_and_its_folder_are_the_same(athena: Path, tmp_path: Path) -> None:
    """What is loaded does not depend on how the download is packed."""
    (tmp_path / "other").mkdir()
    folder = load(athena, tmp_path)

    packed = load(zipped(athena, tmp_path / "vocabulary.zip"), tmp_path / "other")

    assert packed.files == folder.files
    assert packed.rows["concept"] == 8
    assert packed.version == "v5.0 for a test"


def test_cells_are_taken_as_they_are(vocabulary: Vocabulary) -> None:
    """Athena quotes nothing: quotation marks are text, NA is a code, only nothing is missing."""
    platelets = vocabulary.scan("concept").filter(pl.col("concept_id") == 3007461).collect()

    assert platelets["concept_name"][0] == 'platelets "in blood"'
    assert platelets["concept_code"][0] == "NA"
    assert platelets["invalid_reason"][0] is None
    assert str(platelets["valid_end_date"][0]) == "2099-12-31"


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_table_is_named(athena: Path, tmp_path: Path, name: str) -> None:
    """A download that lacks a table is refused before anything is written."""
    (athena / f"{name.upper()}.csv").unlink()

    with pytest.raises(NoDownload, match=f"it lacks {name.upper()}.csv"):
        load(athena, tmp_path)

    assert not (tmp_path / "vocabulary").exists()


CONCEPT = "\t".join(HEADERS["CONCEPT"].split())
BAD = {
    "a date that is none": (f"{CONCEPT}\n1\tx\tx\tx\tx\tS\tx\t20200230\t20991231\t\n", "line 2"),
    "an id that is none": (f"{CONCEPT}\nx\tx\tx\tx\tx\tS\tx\t19700101\t20991231\t\n", "concept_id"),
    "too few cells": (f"{CONCEPT}\n1\tx\tx\n", "line 2"),
    "a header that lacks a column": ("concept_id\tconcept_name\n", "header lacks domain_id"),
    "commas": (f"{CONCEPT}\n".replace("\t", ","), "header lacks"),
}


@pytest.mark.parametrize(("text", "said"), BAD.values(), ids=BAD)
def test_a_line_that_is_wrong_is_named(athena: Path, tmp_path: Path, text: str, said: str) -> None:
    """A file that cannot be understood changes nothing and leaves nothing."""
    before = load(athena, tmp_path)
    kept = sorted(path.name for path in before.folder.iterdir())

    with pytest.raises(BadVocabularyFile, match=said):
        load(download(tmp_path / "bad", {"CONCEPT": text}), tmp_path)

    assert Vocabulary.at(tmp_path) == before
    assert sorted(path.name for path in before.folder.iterdir()) == kept


def test_a_damaged_zip_file_is_refused(athena: Path, tmp_path: Path) -> None:
    """Bytes that were changed on the way are noticed."""
    packed = zipped(athena, tmp_path / "vocabulary.zip")
    content = bytearray(packed.read_bytes())
    content[60:70] = b"0123456789"
    packed.write_bytes(content)

    with pytest.raises((BadVocabularyFile, NoDownload)):
        load(packed, tmp_path)

    assert Vocabulary.at(tmp_path) is None


@pytest.mark.parametrize("step", ["concept_ancestor", "put in place", "tidy"])
def test_a_killed_load_leaves_the_old_vocabulary_or_the_new(
    athena: Path, tmp_path: Path, step: str
) -> None:
    """Whenever a load is killed, a whole vocabulary is there, and the next load tidies up."""
    load(athena, tmp_path)
    (athena / "DOMAIN.csv").write_text("domain_id\tdomain_name\tdomain_concept_id\n")
    command = [sys.executable, str(SCRIPT), str(athena), str(tmp_path), step]

    ended = subprocess.run(command, check=False, capture_output=True, timeout=60)

    assert ended.returncode < 0, ended.stderr
    left = Vocabulary.at(tmp_path)
    assert left is not None
    assert left.rows["domain"] == (0 if step == "tidy" else 1)
    assert search("white cells", left)
    after = load(athena, tmp_path)
    names = {path.name for path in after.folder.iterdir()}
    assert names == {".lock", "vocabulary.json", *after.files.values()}


def test_two_loads_do_not_meet(athena: Path, vocabulary: Vocabulary, tmp_path: Path) -> None:
    """While one process loads, another is told to wait."""
    with (vocabulary.folder / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)

        with pytest.raises(VocabularyBusy):
            load(athena, tmp_path)


# Judging


def test_what_is_wrong_with_a_concept_is_said(vocabulary: Vocabulary) -> None:
    """Each way to be wrong has its name, and the concept to use instead where it is known."""
    place = ("measurement", "measurement_concept_id")
    used = [
        use(3010813, *place),
        use(1, *place),
        use(4298431, *place),
        use(3009106, *place),
        use(140352, *place),
        use(3007461, "observation", "observation_concept_id"),
        use(32946, "episode", "episode_concept_id"),
    ]

    found = {fault.use.concept_id: fault for fault in check(vocabulary, used)}

    assert {concept: fault.problem for concept, fault in found.items()} == {
        1: Problem.UNKNOWN,
        4298431: Problem.NOT_STANDARD,
        3009106: Problem.INVALID,
        140352: Problem.WRONG_DOMAIN,
        3007461: Problem.WRONG_DOMAIN,
        32946: Problem.NOT_LOADED,
    }
    assert found[4298431].advice == "use 3010813 (white cells in blood)"
    assert found[3009106].advice == "use 35948926"
    assert found[3007461].advice == "write it to measurement"
    assert [c for c, fault in found.items() if not fault.problem.blocks] == [32946]


def test_domains_are_judged_with_nothing_loaded() -> None:
    """The open core knows enough to notice a concept in a place where it cannot be right."""
    (fault,) = check(None, [use(140352, "measurement", "measurement_concept_id")])

    assert fault.problem is Problem.WRONG_DOMAIN


def test_the_source_field_of_an_episode_takes_any_concept() -> None:
    """What the source says needs no standard concept."""
    assert not check(None, [use(8522, "episode", "episode_source_concept_id")])


# Searching


def test_the_name_comes_before_the_words_in_it(vocabulary: Vocabulary) -> None:
    """Whole names first, then what begins so; what is not standard comes behind its equals."""
    begins = [hit.known.id for hit in search("white cell", vocabulary, limit=3)]
    exact = [hit.known.id for hit in search("white cell count", vocabulary, limit=2)]

    assert begins == [3010813, 3000905, 4298431]
    assert exact == [3010813, 4298431]


def test_synonyms_codes_and_ids_are_found(vocabulary: Vocabulary) -> None:
    """What people say, write or copy leads to the concept; words may come in any order."""
    assert search("wbc COUNT", vocabulary, standard=True)[0].known.id == 3010813
    assert search("count wbc", vocabulary, standard=True)[0].known.id == 3010813
    assert search("6690-2", vocabulary)[0].known.id == 3010813
    assert search("443392", vocabulary)[0].known.id == 443392


def test_a_search_can_be_narrowed(vocabulary: Vocabulary) -> None:
    """Domain, standard and limit hold for the vocabulary and for our own core alike."""
    assert not search("white", vocabulary, domain="Drug")
    assert {hit.known.domain for hit in search("leuk", vocabulary, domain="condition")} == {
        "Condition"
    }
    standard = search("white", vocabulary, standard=True)
    assert {hit.known.standard for hit in standard} == {"S"}
    assert len(search("white", vocabulary, limit=1)) == 1


def test_our_own_core_is_searched_without_a_vocabulary() -> None:
    """Labels, synonyms of partners in their languages, former gene symbols."""
    assert search("Leukozyten")[0].known.id == 3010813
    assert search("MLL2")[0].label == "KMT2D mutation"


def test_a_name_that_a_licence_keeps_does_not_leave(vocabulary: Vocabulary) -> None:
    """Of a restricted vocabulary the id and our label may be passed on; the rest by its class."""
    (leukaemia,) = search("140352", vocabulary)
    (cancer,) = search("443392", vocabulary)
    white = search("white cells in blood", vocabulary)[0]

    assert leukaemia.may_leave == "acute myeloid leukaemia"
    assert (cancer.name, cancer.may_leave) == ("cancer", "")
    assert white.may_leave == white.name
    assert licence_of("a vocabulary nobody looked into") is Licence.ID_ONLY


def test_a_question_without_a_word_is_refused() -> None:
    """Blanks would find everything."""
    with pytest.raises(NothingToSearch):
        search("  ")


# Our own concepts


def test_every_concept_in_use_is_known() -> None:
    """What elements use is ours, or a line of the open core."""
    strangers = {u.concept_id for u in uses() if not u.is_local} - core().keys()

    assert not strangers, "add what public files say of them to core.csv"


def test_every_concept_in_use_is_right() -> None:
    """What elements use is valid, standard, and of the domain that its field takes."""
    wrong = [fault for fault in check(None) if fault.problem.blocks]

    assert not wrong, "; ".join(f"{f.use.concept_id} {f.use.who}: {f.said}" for f in wrong)


def test_every_local_concept_is_in_use_or_superseded() -> None:
    """The registry speaks of nothing that is not there."""
    in_use = {u.concept_id for u in uses()}
    for entry in registry().values():
        gone = entry.status is Status.SUPERSEDED
        assert gone != (entry.id in in_use), entry


def test_no_local_concept_means_two_things() -> None:
    """An id stands for one element, or for one value by one name, in all diseases together."""
    meanings: dict[int, set[str]] = defaultdict(set)
    for one in uses():
        if one.is_local:
            meanings[one.concept_id].add(f"value {one.label}" if one.value else one.element)

    assert not {concept: said for concept, said in meanings.items() if len(said) > 1}


def test_above_every_local_concept_is_a_known_one() -> None:
    """Parents are ours, or standard; no chain runs in a circle."""
    known = local_concepts()
    for entry in registry().values():
        if entry.parent is not None and entry.parent < LOCAL_CONCEPTS:
            assert core()[entry.parent].standard == "S", entry
        elif entry.parent is not None:
            assert entry.parent in known, entry
        if entry.id in known:
            assert len(chain(entry.id)) <= len(known)
    assert not set(successors().values()) & set(successors())


def test_a_chain_goes_on_in_the_vocabulary(vocabulary: Vocabulary) -> None:
    """Above the first standard concept the loaded vocabulary says what is wider."""
    assert [known.id for known in chain(2_000_002_101)] == [4175485]
    assert [known.id for known in chain(2_000_002_101, vocabulary)] == [4175485, 443392]


# Releases that follow


OLD_ELEMENT, NEW_ELEMENT = 35948005, 2_000_999_001  # NPM1, as if it had been local
OLD_VALUE, NEW_VALUE = 2_000_003_091, 2_000_999_002  # the subtype of a relapse
REPLACED = {OLD_ELEMENT: NEW_ELEMENT, OLD_VALUE: NEW_VALUE}


def test_facts_are_the_same_before_and_after(tmp_path: Path, workspace: hm.Workspace) -> None:
    """The law of the lake, through a migration: old and new releases read alike, rows stay."""
    hm.admit([contribution(tmp_path / "small")], workspace)
    lake, old = workspace.lake, workspace.lake.latest()
    elements = [e for e in old.disease.catalogue.values() if e.name in {"NPM1", "relapse_day"}]
    later = [
        replace(
            element,
            concept_id=REPLACED.get(element.concept_id, element.concept_id),
            values=tuple(
                replace(v, concept_id=REPLACED.get(v.concept_id, v.concept_id))
                for v in element.values
            ),
        )
        for element in elements
    ]

    new = lake.with_concepts(REPLACED)

    facts = read(elements, old.scan)
    assert facts.height
    assert read(later, new.scan).equals(facts)
    assert read(later, current(old.scan, REPLACED)).equals(facts)
    assert read(later, current(new.scan, REPLACED)).equals(facts)
    assert not read(later, old.scan).height
    assert new.table("measurement")["measurement_concept_id"].is_sorted()
    assert (new.number, new.manifest.members) == (2, old.manifest.members)
    for name in old.manifest.tables:
        assert new.table(name).height == old.table(name).height
    changed = {
        part.table for part in new.manifest.partitions if part not in old.manifest.partitions
    }
    assert changed == {"measurement", "episode"}
    assert all(lake.verify(number).state is Health.INTACT for number in lake.numbers)


def test_a_release_without_superseded_concepts_stays(
    tmp_path: Path, workspace: hm.Workspace
) -> None:
    """Where nothing is to be replaced no release is made."""
    hm.admit([contribution(tmp_path / "small")], workspace)

    assert workspace.lake.with_concepts({2_000_999_999: 2_000_999_998}).number == 1


def test_every_concept_field_is_renewed() -> None:
    """Keys and texts stay; every field that holds a concept follows."""
    frame = pl.DataFrame(
        {
            "measurement_id": [5],
            "value_as_concept_id": [5],
            "measurement_source_concept_id": [5],
            "value_as_number": [5.0],
            "unit_concept_id": [None],
        },
        schema_overrides={"unit_concept_id": pl.Int64},
    )

    assert renewed("measurement", frame, {5: 6}).row(0) == (5, 6, 6, 5.0, None)


def test_labels_of_a_release_are_ours(tmp_path: Path, workspace: hm.Workspace) -> None:
    """CONCEPT is common to all contributions and names every concept that rows hold."""
    hm.admit([contribution(tmp_path / "small")], workspace)
    release = workspace.lake.latest()

    (part,) = release.manifest.of("concept")

    assert part.contribution == COMMON
    held = set(release.table("measurement")["measurement_concept_id"])
    assert held <= set(release.table("concept")["concept_id"])


# The command line


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, object]:
    """The exit code and the JSON value of a command."""
    with pytest.raises(SystemExit) as ended:
        main(["vocabulary", *arguments, "--json"])
    code = ended.value.code
    return int(code or 0), json.loads(capsys.readouterr().out)


def test_the_commands_answer_in_json(
    athena: Path, workspace: hm.Workspace, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Load, check, search, local and migrate: exit codes as documented, one JSON value each."""
    hm.admit([contribution(tmp_path / "small")], workspace)
    at = ("-w", str(workspace.folder))

    code, loaded = run(capsys, "load", str(athena), *at)
    assert isinstance(loaded, dict)
    assert code == (1 if loaded["wrong"] else 0)
    assert loaded["rows"]["concept"] == 8
    assert run(capsys, "check", "--all", *at)[0] == code
    code, found = run(capsys, "search", "WBC count", "--limit", "1", *at)
    assert (code, found[0]["concept_id"], found[0]["licence"]) == (0, 3010813, "notice")
    code, own = run(capsys, "local", "thrombocythaemia", *at)
    assert own[0]["ancestors"][-1] == {"concept_id": 443392, "name": "cancer"}
    code, made = run(capsys, "migrate", *at)
    assert (code, made["made"]) == (0, bool(made["replaced"]))
    assert workspace.governance.events()[-1]["action"] == "vocabulary loaded"


def test_wrong_use_ends_with_2(
    athena: Path, tmp_path: Path, workspace: hm.Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    """No workspace, no download."""
    assert run(capsys, "load", str(athena), "-w", str(tmp_path))[0] == 2
    assert run(capsys, "load", str(tmp_path / "none"), "-w", str(workspace.folder))[0] == 2
