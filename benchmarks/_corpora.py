"""The annotated corpora beside the repo, as the benchmarks use them."""

from pathlib import Path

import pandas as pd

from embetter_reg.corpus import hybrids, read_documents, select_group

LANGUAGES = ("en", "fi", "fr", "sv")  # of every figure in docs/benchmarks.md
FOLDER = Path(__file__).parents[2] / "shared" / "data" / "registers"


def all_documents(split: str) -> pd.DataFrame:
    """Return all labeled documents of the "train" or the "test" files."""
    paths = [FOLDER / f"{language}.{split}.jsonl.gz" for language in LANGUAGES]
    if not all(path.exists() for path in paths):
        raise SystemExit(
            f"got no {paths[0].name} in {FOLDER}, expected the annotated corpora; "
            "put them there"
        )
    documents = read_documents(paths)
    return documents[documents["labels"].map(len) > 0].reset_index(drop=True)


def single_register(split: str) -> pd.DataFrame:
    """Return documents of one main register, without MT, of the "train" or the "test"
    files.
    """
    return hybrids(select_group(all_documents(split), "without_MT"), "drop")
