"""Plasma-cell disorders: multiple myeloma, its forerunners, Waldenström macroglobulinaemia."""

from importlib.resources import files

from haemony.model.disease import load_disease

_HERE = files("haemony.diseases")
_FOLDERS = tuple(_HERE / name for name in ("common", "transplant", "lymphoid", "plasma_cell"))

myeloma = load_disease("myeloma", "multiple myeloma", *_FOLDERS)
mgus = load_disease("mgus", "monoclonal gammopathy", *_FOLDERS)
waldenstrom = load_disease("waldenstrom", "Waldenström macroglobulinaemia", *_FOLDERS)
