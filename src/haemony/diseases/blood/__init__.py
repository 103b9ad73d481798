"""Any blood cancer: for sources that mix diseases, and for rare ones without own tables."""

from importlib.resources import files

from haemony.model.disease import load_disease

_HERE = files("haemony.diseases")
_FOLDERS = tuple(
    _HERE / name
    for name in (
        "common", "transplant", "myeloid", "lymphoid", "aml", "mds", "mpn", "cml",
        "acute_lymphoblastic", "cll", "lymphoma", "plasma_cell", "paediatric", "blood",
    )
)  # fmt: skip

blood = load_disease("blood", "blood cancer", *_FOLDERS)
