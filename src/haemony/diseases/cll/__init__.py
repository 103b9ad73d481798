"""Chronic lymphocytic leukaemia."""

from importlib.resources import files

from haemony.model.disease import load_disease

_HERE = files("haemony.diseases")
_FOLDERS = tuple(_HERE / name for name in ("common", "transplant", "lymphoid", "cll"))

cll = load_disease("cll", "chronic lymphocytic leukaemia", *_FOLDERS)
