"""The report of a study: a page for people, results for programs, figures for papers.

Everything is derived from the evidence alone, without clock, network or script; the same evidence
gives the same bytes.
"""

from __future__ import annotations

from haemony.analysis.evidence import Evidence
from haemony.analysis.report import results, summarised
from haemony.analysis.report.crate import NAME, crate
from haemony.analysis.report.page import render
from haemony.analysis.report.pictures import draw

__all__ = ["files"]


def files(evidence: Evidence) -> dict[str, str]:
    """The files of a report and their text, by path inside the folder.

    The keys are ``report.html``, ``results.json``, ``summarised_result.csv`` (the results for the
    tools of OMOP), ``study.toml`` (the protocol as it was run), one ``figures/*.svg`` per figure,
    and ``ro-crate-metadata.json``, which describes the others.
    """
    document = results.document(evidence)
    pictures = draw(evidence, document)
    written = {
        "report.html": render(evidence, document, pictures),
        "results.json": results.encode(document),
        **({summarised.NAME: table} if (table := summarised.summarised(document)) else {}),
        "study.toml": evidence.protocol.text,
        **{f"figures/{figure.name}": figure.file for figure in pictures.all},
    }
    if evidence.frozen:
        written["study.frozen.json"] = evidence.frozen.encode()
    return {**written, NAME: crate(evidence, written)}
