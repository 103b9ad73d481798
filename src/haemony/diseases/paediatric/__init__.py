"""Blood cancers of children: every disease, with what matters in a child."""

from importlib.resources import files

from haemony.model.disease import load_disease

_HERE = files("haemony.diseases")
_FOLDERS = tuple(
    _HERE / name
    for name in (
        "common", "transplant", "myeloid", "lymphoid", "aml", "mds", "cml",
        "acute_lymphoblastic", "lymphoma", "paediatric",
    )
)  # fmt: skip

paediatric = load_disease(
    "paediatric", "blood cancer of a child", *_FOLDERS, diagnosis="blood cancer"
)
