"""The annotated corpora beside the repo, as the benchmarks use them."""

from pathlib import Path

import pandas as pd

from embetter_reg.corpus import hybrids, read_documents, select_group

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "registers"


def all_documents(split: str) -> pd.DataFrame:
    """Return all labeled documents of the "train" or the "test" files."""
    paths = sorted(FOLDER.glob(f"*.{split}.jsonl.gz"))
    if not paths:
        raise SystemExit(
            f"got no *.{split}.jsonl.gz in {FOLDER}, expected the annotated corpora; "
            "put them there"
        )
    documents = read_documents(paths)
    return documents[documents["labels"].map(len) > 0].reset_index(drop=True)


def single_register(split: str) -> pd.DataFrame:
    """Return documents of one main register, without MT, of the "train" or the "test"
    files.
    """
    return hybrids(select_group(all_documents(split), "without_MT"), "drop")
