"""Repeat the study of clusterings by register on real documents: docs/study.md.

python benchmarks/study.py encode --model FOLDER --out FOLDER [--data FOLDER] [--fold N]

``encode`` trains the recipe of the package's adapter on two thirds of the train and more
files, three times, and stores layers of the last third and of a language that training
never saw, by the trained model and by the untrained one.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from _corpora import FOLDER
from pretrained import (
    CLASSES,
    LANGUAGES,
    MAX_LENGTH,
    PROMPT,
    main_registers,
    make_trainer,
    training_documents,
)

from embetter_reg.corpus import RegisterKFold, read_documents
from embetter_reg.text import encode_layers

N_FOLDS = 3
LAYERS = ["first", "half", "last"]
UNSEEN = "id"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["encode"])
    parser.add_argument("--model")
    parser.add_argument("--data", type=Path, default=FOLDER)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--fold", type=int)
    given = parser.parse_args()
    folds = range(N_FOLDS)
    if given.fold is not None:
        folds = [given.fold]
    for fold in folds:
        encode(given.model, given.data, given.out, fold)


def encode(model: str, data: Path, out: Path, fold: int) -> None:
    """Train on all folds but one, and write layers and probabilities of that one."""
    documents = training_documents(data, LANGUAGES)
    y = main_registers(documents)
    folds = RegisterKFold(N_FOLDS, random_state=0)
    splits = list(folds.split(y, y, language=documents["lang"]))
    fitted, held_out = splits[fold]
    trainer = make_trainer(model)
    fitted = documents.iloc[fitted]
    trainer.fit(fitted["text"], fitted["labels"], language=fitted["lang"])
    assert trainer.classes_ == CLASSES
    unseen = read_documents([data / f"{UNSEEN}.unseen.jsonl.gz"])
    analyzed = pd.concat([documents.iloc[held_out], unseen], ignore_index=True)
    tuned = trainer.encode(analyzed["text"], LAYERS)
    untuned = encode_layers(
        model,
        analyzed["text"],
        LAYERS,
        prompt=PROMPT,
        max_length=MAX_LENGTH,
        dtype="bfloat16",
    )
    vectors = {f"tuned {layer}": values for layer, values in tuned.layers.items()}
    vectors |= {f"untuned {layer}": values for layer, values in untuned.items()}
    out.mkdir(parents=True, exist_ok=True)
    np.savez(
        out / f"fold_{fold}.npz",
        ids=analyzed["id"].to_numpy(str),
        probabilities=tuned.probabilities,
        threshold=trainer.threshold_,
        **{name: values.astype(np.float16) for name, values in vectors.items()},
    )


if __name__ == "__main__":
    sys.exit(main())
