"""Embeddings or documents?"""

from pathlib import Path


def holds_embeddings(path: Path) -> bool:
    """Return whether a file or folder holds embeddings, in the form of today or the
    older one, and not documents alone.
    """
    import pyarrow.parquet as pq

    from embetter_reg.corpus.older import is_older_tsv

    if path.is_dir():
        if (path / "manifest.json").exists():
            return True
        files = [x for x in path.iterdir() if x.suffix in (".parquet", ".tsv")]
        return bool(files) and all(map(holds_embeddings, files))
    if path.suffix == ".parquet" and path.is_file():
        return any(name.startswith("embed_") for name in pq.read_schema(path).names)
    return path.suffix == ".tsv" and path.is_file() and is_older_tsv(path)
