"""Why this exists: the page that says which elements feed a score cannot drift from the table.

Renders `src/haemony/diseases/common/score_inputs.csv` as `docs/reference/scores.md`.

Run it with `python benchmarks/score_inputs.py`: it fails when the page is not that of the table,
and `--write` writes the page.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path

from haemony.model.tables import rows

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "src" / "haemony" / "diseases" / "common" / "score_inputs.csv"
PAGE = ROOT / "docs" / "reference" / "scores.md"

Line = Mapping[str, str]

HEAD = """\
# Reference: the inputs of scores

The scores themselves are not computed yet; they come with the analysis toolbox. This page says
which elements feed each of them: {scores} scores, {inputs} inputs, {elements} elements.
`tests/spec/test_score_inputs.py` proves for every line that the element is in the catalogue of each
disease named, that it holds what the score asks for, and that its unit converts.

Several elements of one input are its parts, or stand in for each other; the note says which. A
group or a number that the source itself gives is an element too (`ipss_r`, `dipss`, `iss`). The
page is written by `python benchmarks/score_inputs.py --write` from
`src/haemony/diseases/common/score_inputs.csv`.

| score | of | diseases | input | elements | unit | note |
|---|---|---|---|---|---|---|
"""

TAIL = """
## What no element can feed

- **HARMONY NPM1.** Its rule is not published in a form we know; the table holds the genes that it
  is said to use.
- **Tazi 2022.** The table holds what defines the classes; the complete list of 32 genes has to be
  taken from the paper.
- **Karyotype groups of myelofibrosis.** Some of their abnormalities (11q-, 20q-, i(17q), rarer
  trisomies) have no element there: they are seen in the karyotype formula alone, or the group is
  that of the source.
- **ELN 2024** does not apply after a hypomethylating agent, which the elements of acute myeloid
  leukaemia do not tell.
- **ELN 2017** needs an allelic ratio by fragment analysis; a share of reads is none.
- **Disease Risk Index.** The first and the second chronic phase are one value, and so are a partial
  and a very good partial response.
- **PI-UKALL.** Its formula is not openly published; only its inputs are.

The definitions of MIPI-c, CNS-IPI, CPSS-Mol, the Disease Risk Index, the NCI risk and the Sanz
score are to be read in their papers before they are computed: their inputs stand here as commonly
quoted.
"""


def main() -> int:
    """Write the page, or say whether it is that of the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the page")
    page = render([line for _, line in rows(TABLE)])
    if parser.parse_args().write:
        PAGE.write_text(page, encoding="utf-8")
        return 0
    if not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != page:
        print(f"{PAGE.name} is not that of {TABLE.name}; run this script with --write")
        return 1
    return 0


def render(lines: Iterable[Line]) -> str:
    """Give the page for the lines of the table."""
    held = list(lines)
    counts = {
        "scores": len({line["score"] for line in held}),
        "inputs": len({(line["score"], line["input"]) for line in held}),
        "elements": len({line["element"] for line in held}),
    }
    table = "".join(f"| {' | '.join(cells)} |\n" for cells in _cells(held))
    return HEAD.format(**counts) + table + TAIL


def _cells(lines: Iterable[Line]) -> Iterator[tuple[str, ...]]:
    for score, of_score in groupby(lines, key=lambda line: line["score"]):
        inputs: dict[str, list[Line]] = {}
        for line in of_score:
            inputs.setdefault(line["input"], []).append(line)
        for place, (name, parts) in enumerate(inputs.items()):
            first = parts[0]
            about = (score, first["version"], first["diseases"]) if not place else ("", "", "")
            yield (
                *about,
                name,
                ", ".join(f"`{line['element']}`" for line in parts),
                ", ".join(dict.fromkeys(line["unit"] for line in parts if line["unit"])),
                " ".join(dict.fromkeys(line["note"] for line in parts if line["note"])),
            )


if __name__ == "__main__":
    sys.exit(main())
