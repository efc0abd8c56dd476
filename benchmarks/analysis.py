"""Time and peak memory of the whole comparison of two spaces: every figure, every
default, 200 bootstrap samples.

Lite vectors of the 2,400 annotated test documents, raw and tuned; encoder, head and
controls are fitted on the train files. Speed of the parts: sweep.py, silhouette.py,
reducers.py, and large.py for 200,000 documents.

python benchmarks/analysis.py [default|all]
"""

import resource
import sys
import time

from _corpora import all_documents

from embetter_reg.analysis import compare_spaces
from embetter_reg.corpus import label_column
from embetter_reg.finetune import FeedForwardTuner
from embetter_reg.text import LiteTextEncoder


def peak() -> float:
    """Return the largest memory of this process or one that it started, in GB."""
    return (
        max(
            resource.getrusage(who).ru_maxrss
            for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )
        / 1024**2
    )


def main(controls: str = "default") -> None:
    train, test = all_documents("train"), all_documents("test")
    y, register = (
        label_column(documents).str.split().str[0] for documents in (train, test)
    )
    encoder = LiteTextEncoder(random_state=0)
    X_train = encoder.fit_transform(train["text"])
    X = encoder.transform(test["text"])
    tuned = FeedForwardTuner(random_state=0).fit(X_train, y).transform(X)
    print(f"encoded and tuned: peak so far {peak():.1f} GB", flush=True)
    start = time.perf_counter(), time.process_time()
    found = compare_spaces(
        {"original": X, "tuned": tuned},
        register=register,
        language=test["lang"],
        hybrids=test["labels"],
        texts=test["text"],
        train={"X": X_train, "language": train["lang"], "texts": train["text"]},
        **({"controls": "all"} if controls == "all" else {}),
    )
    wall, cpu = time.perf_counter() - start[0], time.process_time() - start[1]
    print(
        f"{len(X)} documents, {controls} controls: {wall:.0f} s, {cpu:.0f} s of "
        f"processor time, peak {peak():.1f} GB"
    )
    print(found.verdict)


if __name__ == "__main__":
    main(*sys.argv[1:])
