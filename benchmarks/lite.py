"""LiteTextEncoder against TfidfVectorizer and TruncatedSVD: time, interleaved, and
probe accuracy.

python benchmarks/lite.py [rounds]
"""

import statistics
import sys
import time

import numpy as np
from _corpora import single_register
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import Normalizer

from embetter_reg.corpus import label_column
from embetter_reg.text import LiteTextEncoder

MAX_CHARS = 4000


def reference():
    how = {"sublinear_tf": True, "min_df": 2, "dtype": np.float32}
    return make_pipeline(
        make_union(
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), **how),
            TfidfVectorizer(token_pattern=r"\w+|[^\w\s]|\n", **how),
        ),
        TruncatedSVD(384, random_state=0),
        Normalizer(),
    )


def main(rounds: int = 3) -> None:
    train, test = single_register("train"), single_register("test")
    texts, y = train["text"].str[:MAX_CHARS], label_column(train)
    held_out, gold = test["text"].str[:MAX_CHARS], label_column(test)
    seconds: dict[str, list[float]] = {"scikit-learn": [], "lite": []}
    for _ in range(rounds):
        for name, make in (
            ("scikit-learn", reference),
            ("lite", lambda: LiteTextEncoder(random_state=0)),
        ):
            encoder = make()
            start = time.perf_counter()
            X = encoder.fit_transform(texts)
            seconds[name].append(time.perf_counter() - start)
            if len(seconds[name]) == 1:
                probe = LogisticRegression(C=10, max_iter=2000).fit(X, y)
                accuracy = probe.score(encoder.transform(held_out), gold)
                print(
                    f"{name}: probe accuracy on {len(gold)} held-out documents "
                    f"{accuracy:.3f}",
                    flush=True,
                )
    ratios = [
        a / b for a, b in zip(seconds["scikit-learn"], seconds["lite"], strict=True)
    ]
    for name, times in seconds.items():
        print(
            f"{name}: median {statistics.median(times):.1f} s of {len(times)} rounds "
            f"on {len(texts)} documents"
        )
    print(
        f"ratio scikit-learn / lite: median {statistics.median(ratios):.1f}, "
        f"{min(ratios):.1f} to {max(ratios):.1f}"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
