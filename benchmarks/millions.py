"""Stored embeddings of a million documents: minutes and peak memory of the commands.

The vectors of some thousand annotated documents by a model, tiled, with noise of a
third of their standard deviation, are written as embeddings of 384 dimensions in half
precision. Each command then runs in a process of its own.

python benchmarks/millions.py MODEL [N_DOCUMENTS] [FOLDER]
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from _corpora import single_register

from embetter_reg.store import Embeddings, write_embeddings
from embetter_reg.text import SentenceEncoder

N_ENCODED = 3_000
N_IN_SHARD = 50_000


def main() -> None:
    model = sys.argv[1]
    n_documents = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[3] if len(sys.argv) > 3 else temporary)
        stored = folder / f"stored_{n_documents}"
        if not stored.exists():
            write_embeddings(tiled(model, n_documents), stored, precision="float16")
        for arguments in commands(stored, folder):
            measure(arguments)


def tiled(model: str, n_documents: int) -> Iterator[Embeddings]:
    """Yield shards of documents that are like some real ones."""
    documents = single_register("train").sample(N_ENCODED, random_state=0)
    encoder = SentenceEncoder(model, max_length=128, normalize=True)
    few = encoder.transform(documents["text"])
    rng = np.random.default_rng(0)
    for start in range(0, n_documents, N_IN_SHARD):
        n_rows = min(N_IN_SHARD, n_documents - start)
        rows = rng.integers(len(few), size=n_rows)
        noise = rng.normal(scale=few.std() / 3, size=(n_rows, few.shape[1]))
        part = documents[["lang", "labels", "text"]].iloc[rows].reset_index(drop=True)
        part["text"] = part["text"].str[:200] + [f" {start + n}" for n in range(n_rows)]
        part.insert(0, "id", [f"d{start + n}" for n in range(n_rows)])
        yield Embeddings(part, {"embedding": (few[rows] + noise).astype(np.float32)})


def commands(stored: Path, folder: Path) -> list[list[str]]:
    sweep = ["sweep", str(stored), "--k", "8", "--n-seeds", "1", "--reducers", "none"]
    compare = ["compare", str(stored), "--head", "none", "--k", "8"]
    kept = ["--map", str(folder / "map.parquet")]
    return [
        [*sweep, "--out", str(folder / "sweep")],
        [*compare, "--out", str(folder / "compare")],
        ["plot", str(stored), "--out", str(folder / "map.png"), *kept],
        ["plot", str(stored), "--out", str(folder / "map.html"), *kept],
    ]


def measure(arguments: list[str]) -> None:
    """Run a command and print its minutes and its peak of memory."""
    start = time.perf_counter()
    code = "from embetter_reg.cli import main; main()"
    process = subprocess.Popen([sys.executable, "-c", code, *arguments])
    _, status, usage = os.wait4(process.pid, 0)
    minutes = (time.perf_counter() - start) / 60
    peak = usage.ru_maxrss / 1024**2
    print(
        f"{arguments[0]}: {minutes:.1f} min, peak {peak:.1f} GB, status {status}",
        flush=True,
    )


if __name__ == "__main__":
    main()
