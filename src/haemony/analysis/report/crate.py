"""The study as an RO-Crate 1.2: what was computed from what, by which program, on which machine.

Soiland-Reyes S et al. (2022) Packaging research artefacts with RO-Crate. Data Science 5:97-138. The
run is described as the Process Run Crate profile 0.5 asks. There is no clock in it: the day of
publication is the plan's own `published`; without one it is the day on which the plan was frozen,
or else the last day that a source reports on, and the crate says which.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping

from haemony.analysis.cells import HIDDEN, Shown, shown_row
from haemony.analysis.evidence import Evidence, Source
from haemony.analysis.report.values import Document

NAME = "ro-crate-metadata.json"
CRATE = "https://w3id.org/ro/crate/1.2"
PROCESS = "https://w3id.org/ro/wfrun/process/0.5"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
"""A day as RO-Crate wants it; sources may also say "not stated", or a year."""
_TYPES = {
    "html": ("text/html", "The report, for people"),
    "json": ("application/json", "The results, for programs"),
    "toml": ("application/toml", "The protocol, as it was run"),
    "csv": ("text/csv", "The results as a summarised_result, for the tools of OMOP"),
    "svg": ("image/svg+xml", "A figure"),
}


def crate(evidence: Evidence, written: Mapping[str, str]) -> str:
    """The metadata file of the crate.

    Args:
        evidence: what was found.
        written: the files of the report, by path.
    """
    graph = [*_root(evidence, written), *_run(evidence, written), *_data(evidence)]
    graph += [_file(path, text) for path, text in written.items()]
    context = [f"{CRATE}/context", "https://w3id.org/ro/terms/workflow-run/context"]
    whole = {"@context": context, "@graph": graph}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _root(evidence: Evidence, written: Mapping[str, str]) -> Iterator[Document]:
    protocol = evidence.protocol
    day, said = published(evidence)
    yield {
        "@id": NAME,
        "@type": "CreativeWork",
        "conformsTo": {"@id": CRATE},
        "about": {"@id": "./"},
    }
    yield {
        "@id": "./",
        "@type": "Dataset",
        "conformsTo": {"@id": PROCESS},
        "name": f"{'In silico: ' if evidence.provenance.in_silico else ''}{protocol.title}",
        "description": f"{protocol.question} {said}",
        **({"datePublished": day} if day else {}),
        "license": {"@id": "#conditions"},
        "hasPart": [{"@id": path} for path in written],
        "mentions": {"@id": "#run"},
        "identifier": f"sha256:{protocol.sha256}",
    }
    yield {
        "@id": "#conditions",
        "@type": "CreativeWork",
        "name": "Conditions of use",
        "description": _conditions(evidence.provenance.sources),
    }
    yield {
        "@id": PROCESS,
        "@type": ["CreativeWork", "Profile"],
        "name": "Process Run Crate",
        "version": "0.5",
    }


def published(evidence: Evidence) -> tuple[str, str]:
    """The day of publication and a sentence on where it is from; both empty where there is none."""
    if evidence.protocol.published:
        return evidence.protocol.published, ""
    if evidence.frozen:
        return evidence.frozen.at[:10], "The date is that on which the plan was frozen."
    stated = [source.cut_off[:10] for source in evidence.provenance.sources]
    days = [day for day in stated if _DAY.fullmatch(day)]
    if days:
        return max(days), "Not published: the date is the last that a source reports on."
    return "", "Not published, and no source says until when it reports."


def _conditions(sources: tuple[Source, ...]) -> str:
    stated = sorted({condition for source in sources for condition in source.conditions})
    listed = f" ({', '.join(stated)}, Data Use Ontology)" if stated else ""
    return (
        f"The results may be used as the contributors of the release allow{listed}. They contain "
        "no row of any patient."
    )


def _run(evidence: Evidence, written: Mapping[str, str]) -> Iterator[Document]:
    known = evidence.provenance
    results = [path for path in written if not path.startswith("study.")]
    yield {
        "@id": "#run",
        "@type": "CreateAction",
        "name": f"haemony study run, seed {known.seed}",
        "instrument": {"@id": "#haemony"},
        "object": [{"@id": "study.toml"}, {"@id": "#release"}],
        "result": [{"@id": path} for path in results],
    }
    packages = [name for name in known.environment if name != "Python"]
    yield {
        "@id": "#haemony",
        "@type": "SoftwareApplication",
        "name": "haemony",
        "softwareVersion": known.haemony,
        "softwareRequirements": [{"@id": f"#{name.lower()}"} for name in packages],
        "runtimePlatform": f"Python {known.environment.get('Python', '')}".strip(),
    }
    for name in packages:
        yield {
            "@id": f"#{name.lower()}",
            "@type": "SoftwareApplication",
            "name": name,
            "softwareVersion": known.environment[name],
        }


def _data(evidence: Evidence) -> Iterator[Document]:
    """The release, which is not part of the crate: its id is what it can be found by."""
    known = evidence.provenance
    yield {
        "@id": "#release",
        "@type": "Dataset",
        "name": f"Release {known.release} of the lake",
        "description": f"Patients with {known.disease}. It is not contained in this crate.",
        "version": str(known.release),
        "identifier": [f"sha256:{known.manifest}", f"content:{known.content}"],
        "isBasedOn": [{"@id": f"#contribution-{source.id}"} for source in known.sources],
    }
    least = evidence.protocol.minimum_cell
    sizes = shown_row([source.patients for source in known.sources], least)
    for source, size in zip(known.sources, sizes, strict=True):
        patients = "patients" if size == HIDDEN else f"{_count(size, least)} patients"
        origin = f"; day 0 is {source.origin}" if source.origin else ""
        yield {
            "@id": f"#contribution-{source.id}",
            "@type": "Dataset",
            "name": source.title,
            "description": f"A contribution of {patients}{origin}.",
        }


def _count(size: Shown, least: int) -> str:
    return f"{size:,}" if isinstance(size, int) else f"fewer than {least}"


def _file(path: str, text: str) -> Document:
    content = text.encode()
    kind, name = _TYPES[path.rpartition(".")[2]]
    name = "The plan, as it was frozen" if path == "study.frozen.json" else name
    return {
        "@id": path,
        "@type": "File",
        "name": name,
        "encodingFormat": kind,
        "contentSize": str(len(content)),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
