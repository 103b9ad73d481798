"""Acute myeloid leukaemia, with acute promyelocytic leukaemia as one of its classes."""

from importlib.resources import files

from haemony.model.disease import load_disease

_HERE = files("haemony.diseases")
_FOLDERS = tuple(_HERE / name for name in ("common", "transplant", "myeloid", "aml", "adult"))

aml = load_disease("aml", "acute myeloid leukaemia", *_FOLDERS)
