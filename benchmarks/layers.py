"""Layers of a multilingual model: what four cost beside one, and how fast small types
are beside SentenceTransformer.encode.

python benchmarks/layers.py --model FOLDER [--data FOLDER] [--rounds N]

The model is a folder of multilingual-e5-small or another transformer of at least twelve
layers; the texts are documents of the train files, cut to 256 tokens with "query: " in
front of each. All runs take turns at every batch, in one order and then in the other, so
that whatever else the machine does falls on each.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _corpora import FOLDER, LANGUAGES
from sentence_transformers import SentenceTransformer

from embetter_reg.corpus import read_documents
from embetter_reg.text import SentenceEncoder

PROMPT = "query: "
MAX_LENGTH = 256
LAYERS = [3, 6, 9, 12]
BATCH = 32
DTYPES = ("float32", "bfloat16", "int8")


def main(model: str, data: Path, rounds: int) -> None:
    documents = read_documents([data / f"{name}.train.jsonl.gz" for name in LANGUAGES])
    sample = documents.groupby("lang").sample(24, random_state=0)
    texts = sample["text"].tolist()
    print(f"{len(texts)} documents, {torch.get_num_threads()} threads")
    print(layer_figures(model, texts, rounds).round(3).to_string(index=False))
    print(type_figures(model, texts, rounds).round(4).to_string(index=False))


def layer_figures(model: str, texts: list[str], rounds: int) -> pd.DataFrame:
    """Return seconds of four layers beside one, computed in the same types."""
    rows = []
    for dtype in ("float32", "bfloat16"):
        one = encoder(model, layers=LAYERS[-1], dtype=dtype)
        four = encoder(model, layers=LAYERS, dtype=dtype)
        runs = {"one": one.transform, "four": four.transform}
        seconds = timed(runs, texts, rounds)
        rows.append(
            {
                "dtype": dtype,
                "seconds of one": statistics.median(seconds["one"]),
                "seconds of four": statistics.median(seconds["four"]),
                **ratios(seconds["four"], seconds["one"]),
            }
        )
    return pd.DataFrame(rows)


def type_figures(model: str, texts: list[str], rounds: int) -> pd.DataFrame:
    """Return documents a second of each type and of the library, and how near the
    vectors are to the library's.
    """
    library = SentenceTransformer(model, device="cpu")
    library.max_seq_length = MAX_LENGTH
    runs = {"library": lambda given: library.encode(given, prompt=PROMPT)}
    for dtype in DTYPES:
        runs[dtype] = encoder(model, dtype=dtype).transform
    runs["four layers, bfloat16"] = encoder(
        model, layers=LAYERS, dtype="bfloat16"
    ).transform
    seconds = timed(runs, texts, rounds)
    expected = runs["library"](texts)
    rows = []
    for name, run in runs.items():
        row = {
            "run": name,
            "documents a second": len(texts) / statistics.median(seconds[name]),
            **ratios(seconds["library"], seconds[name]),
        }
        X = run(texts)
        if X.shape == expected.shape:
            cosine = (X * expected).sum(axis=1) / np.linalg.norm(X, axis=1)
            row["mean cosine"] = cosine.mean()
            row["lowest cosine"] = cosine.min()
        rows.append(row)
    return pd.DataFrame(rows)


def encoder(model: str, **options) -> SentenceEncoder:
    return SentenceEncoder(
        model, prompt=PROMPT, max_length=MAX_LENGTH, device="cpu", **options
    )


def timed(
    runs: dict[str, Callable], texts: list[str], rounds: int
) -> dict[str, list[float]]:
    """Return the seconds of each run in each round, in which the runs take turns at
    every batch of texts.
    """
    for run in runs.values():  # loads the model and warms up
        run(texts[:8])
    seconds: dict[str, list[float]] = {name: [0.0] * rounds for name in runs}
    names = list(runs)
    for number in range(rounds):
        for start in range(0, len(texts), BATCH):
            batch = texts[start : start + BATCH]
            for name in names:
                before = time.perf_counter()
                runs[name](batch)
                seconds[name][number] += time.perf_counter() - before
            names.reverse()
    return seconds


def ratios(seconds: list[float], beside: list[float]) -> dict[str, float]:
    """Return the median, lowest and highest ratio of two runs in the same round."""
    values = [a / b for a, b in zip(seconds, beside, strict=True)]
    return {
        "ratio": statistics.median(values),
        "lowest": min(values),
        "highest": max(values),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", type=Path, default=FOLDER)
    parser.add_argument("--rounds", type=int, default=6)
    arguments = parser.parse_args()
    main(arguments.model, arguments.data, arguments.rounds)
