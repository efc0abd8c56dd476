"""The comparison on the annotated corpora: tuned on the train files, scored on the test
files.

python benchmarks/compare.py
"""

import time

import numpy as np
from _corpora import single_register
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

from embetter_reg.analysis import compare_spaces
from embetter_reg.corpus import label_column
from embetter_reg.finetune import FeedForwardTuner
from embetter_reg.text import LiteTextEncoder

SEEDS = 3


def main() -> None:
    train, test = single_register("train"), single_register("test")
    y, register, language = label_column(train), label_column(test), test["lang"]
    figures = []
    for seed in range(SEEDS):
        start = time.perf_counter()
        encoder = LiteTextEncoder(random_state=seed)
        X_train = encoder.fit_transform(train["text"])
        X = encoder.transform(test["text"])
        encoded = time.perf_counter()
        tuner = FeedForwardTuner(random_state=seed).fit(X_train, y)
        tuned = time.perf_counter()
        spaces = {
            "original": (X_train, X),
            "tuned": (tuner.transform(X_train), tuner.transform(X)),
        }
        found = compare_spaces(
            {name: held for name, (_, held) in spaces.items()},
            register=register,
            language=language,
            k=[4, 8],
            random_state=seed,
        )
        compared = time.perf_counter()
        accuracy = {
            name: LogisticRegression(C=10, max_iter=2000)
            .fit(normalize(a), y)
            .score(normalize(b), register)
            for name, (a, b) in spaces.items()
        }
        print(
            f"seed {seed}: encode {encoded - start:.0f} s, tune {tuned - encoded:.1f} "
            "s, "
            f"compare {compared - tuned:.0f} s, verdict {found.verdict.word}, probe "
            "accuracy "
            + ", ".join(f"{name} {value:.3f}" for name, value in accuracy.items()),
            flush=True,
        )
        figures.append(
            found.agreement.set_index(["space", "clusterer", "k", "label"])[
                "ami"
            ].unstack()
        )
    mean = sum(figures) / SEEDS
    spread = np.std([frame.to_numpy() for frame in figures], axis=0).max()
    print(
        f"floor {found.floor:.3f}; mean AMI of {SEEDS} seeds (largest sd {spread:.3f}):"
    )
    print(mean.round(3).to_string())


if __name__ == "__main__":
    main()
