"""The annotated corpora beside the repo, as the benchmarks use them."""

from pathlib import Path

import pandas as pd

from embetter_reg.corpus import hybrids, read_documents, select_group

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "registers"


def single_register(split: str) -> pd.DataFrame:
    """Return documents of one main register, without MT, of the "train" or the "test" files."""
    paths = sorted(FOLDER.glob(f"*.{split}.jsonl.gz"))
    if not paths:
        raise SystemExit(f"got no *.{split}.jsonl.gz in {FOLDER}, expected the annotated corpora; put them there")
    return hybrids(select_group(read_documents(paths), "without_MT"), "drop")
