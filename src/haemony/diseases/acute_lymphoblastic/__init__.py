"""Acute lymphoblastic leukaemia."""

from importlib.resources import files

from haemony.model.disease import load_disease

_HERE = files("haemony.diseases")
_FOLDERS = tuple(
    _HERE / name for name in ("common", "transplant", "lymphoid", "acute_lymphoblastic")
)

acute_lymphoblastic = load_disease("all", "acute lymphoblastic leukaemia", *_FOLDERS)
