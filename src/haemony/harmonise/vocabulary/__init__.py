"""Vocabularies: what OMOP's concepts are, loaded or not, and which of them are ours."""

from haemony.harmonise.vocabulary.check import Fault, Problem, check
from haemony.harmonise.vocabulary.core import Known, Licence, core, licence_of
from haemony.harmonise.vocabulary.labels import labelled
from haemony.harmonise.vocabulary.loaded import Vocabulary, load
from haemony.harmonise.vocabulary.local import (
    Local,
    chain,
    current,
    local_concepts,
    renewed,
    successors,
    superseded_labels,
)
from haemony.harmonise.vocabulary.search import Hit, search
from haemony.harmonise.vocabulary.uses import Use, uses

__all__ = [
    "Fault",
    "Hit",
    "Known",
    "Licence",
    "Local",
    "Problem",
    "Use",
    "Vocabulary",
    "chain",
    "check",
    "core",
    "current",
    "labelled",
    "licence_of",
    "load",
    "local_concepts",
    "renewed",
    "search",
    "successors",
    "superseded_labels",
    "uses",
]
