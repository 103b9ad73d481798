"""Myelodysplastic syndromes, and chronic myelomonocytic leukaemia beside them."""

from importlib.resources import files

from haemony.model.disease import load_disease

_HERE = files("haemony.diseases")
_FOLDERS = tuple(_HERE / name for name in ("common", "transplant", "myeloid", "mds"))

mds = load_disease("mds", "myelodysplastic syndrome", *_FOLDERS)
