"""Lymphomas: diffuse large B-cell, follicular, mantle cell and others, and Hodgkin."""

from importlib.resources import files

from haemony.model.disease import load_disease

_HERE = files("haemony.diseases")
_FOLDERS = tuple(_HERE / name for name in ("common", "transplant", "lymphoid", "lymphoma"))

nhl = load_disease("nhl", "non-Hodgkin lymphoma", *_FOLDERS)
hodgkin = load_disease("hodgkin", "Hodgkin lymphoma", *_FOLDERS)
lymphoma = load_disease("lymphoma", "lymphoma", *_FOLDERS)
