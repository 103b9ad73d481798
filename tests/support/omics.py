"""The small contribution with an expression matrix and copy-number segments beside it."""

from __future__ import annotations

from pathlib import Path

import haemony as hm
from support.contributions import contribution

MATRIX = """\
probe,A,B,C
1_at,7.5,8.25,9.125
2_at,,6.5,6.75
3_at,5.0,5.5,4.5
4_at,2.0,3.0,4.0
"""

ANNOTATION = """\
probe,symbol
1_at,MLL
2_at,KMT2A
3_at,1-Mar
"""

EXPRESSION = """\
expression:
  file: matrix.csv
  orientation: probes in rows
  scale: logarithm of intensity
  annotation: {file: array.csv, probe: probe, symbol: symbol}
"""

SEGS = """\
ID,chrom,loc.start,loc.end,num.mark,seg.mean
A,5,100001,180000000,4000,-1.0
A,7,50001,159000000,3000,0.0
B,8,1,146000000,2500,0.58
"""

SEGMENTS = """\
segments:
  file: cn.csv
  measure: log2 ratio to the reference
  assembly: hg19
"""


def with_omics(
    folder: Path,
    matrix: str = MATRIX,
    segs: str = SEGS,
    described: str = EXPRESSION + SEGMENTS,
    *,
    id: str = "small",  # noqa: A002 the field is called so
    partner: str = "hospital",
) -> hm.Contribution:
    """Write the contribution with these files, and load it."""
    contribution(folder, id=id, partner=partner)
    (folder / "matrix.csv").write_text(matrix, encoding="utf-8")
    (folder / "array.csv").write_text(ANNOTATION, encoding="utf-8")
    (folder / "cn.csv").write_text(segs, encoding="utf-8")
    with (folder / "contribution.yaml").open("a", encoding="utf-8") as yaml:
        yaml.write(described)
    return hm.Contribution.load(folder)
