"""Chronic myeloid leukaemia."""

from importlib.resources import files

from haemony.model.disease import load_disease

_HERE = files("haemony.diseases")
_FOLDERS = tuple(_HERE / name for name in ("common", "transplant", "myeloid", "cml"))

cml = load_disease("cml", "chronic myeloid leukaemia", *_FOLDERS)
