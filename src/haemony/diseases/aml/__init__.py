"""Acute myeloid leukaemia, with acute promyelocytic leukaemia as one of its classes."""

from importlib.resources import files

from haemony.model.disease import load_disease

_HERE = files("haemony.diseases")

aml = load_disease("aml", "acute myeloid leukaemia", 140352, _HERE / "common", _HERE / "aml")
