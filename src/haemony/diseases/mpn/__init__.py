"""Myeloproliferative neoplasms: polycythaemia vera, essential thrombocythaemia, myelofibrosis."""

from importlib.resources import files

from haemony.model.disease import load_disease

_HERE = files("haemony.diseases")
_FOLDERS = tuple(_HERE / name for name in ("common", "transplant", "myeloid", "mpn"))

mpn = load_disease("mpn", "myeloproliferative neoplasm", *_FOLDERS)
pv = load_disease("pv", "polycythaemia vera", *_FOLDERS)
et = load_disease("et", "essential thrombocythaemia", *_FOLDERS)
mf = load_disease("mf", "myelofibrosis", *_FOLDERS)
