"""Make the weights that come with the package again.

python benchmarks/pretrained.py adapter --model FOLDER [--data FOLDER] [--without LANG]
python benchmarks/pretrained.py threshold --model FOLDER --left-out FOLDER
python benchmarks/pretrained.py frozen --model FOLDER [--name NAME] [--data FOLDER]
python benchmarks/pretrained.py vectors --model FOLDER

The model is a folder of multilingual-e5-small, or of another that ``--name`` names.
``adapter`` trains a LoRA adapter of it on the train and more
files, less a tenth that chooses the epoch (three minutes on a GPU, some hours on two cores);
``--without`` leaves a language out. ``threshold`` takes the one that is best on languages
that were left out, each by the adapter that did not see it. ``frozen`` fits a head on
layers of the model as they are. All write into the package, or into ``--out``. ``vectors``
writes what the tests read of the bundled corpus. pretrained_figures.py measures.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from _corpora import FOLDER
from safetensors.torch import load_file, save_file
from scipy.special import log_softmax, softmax
from sklearn.metrics import f1_score
from transformers import AutoModel

from embetter_reg import pretrained
from embetter_reg.corpus import indicator, load_registers, read_documents, registers
from embetter_reg.finetune import ContrastiveTuner, RegisterTrainer
from embetter_reg.pretrained import text_numbers
from embetter_reg.text import GRID, PretrainedRegisters, SentenceEncoder

ROOT = Path(pretrained.__file__).parent
VECTORS = Path(__file__).parents[1] / "tests" / "pretrained" / "vectors.npz"
NAME = "multilingual-e5-small"
LANGUAGES = ("en", "fi", "fr", "sv", "tr")
PROMPT = "query: "
MAX_LENGTH = 512
FROZEN_LENGTH = 256
CLASSES = list(registers.MAIN)
PARTS = ["adapter", "threshold", "frozen", "vectors"]
PROBED = [5, 100, 1000, 5000, 20000, 60000, 120000, 200000]
SAMPLE = 600  # documents of a language that is left out, to choose a threshold on


@dataclass(frozen=True)
class Frozen:
    """A head on layers of a model as they are: what it reads and learns from."""

    base_model: str
    prompt: str
    layers: list[int]
    languages: tuple[str, ...]


FROZEN = {
    NAME: Frozen(f"intfloat/{NAME}", PROMPT, [3, 6, 9, 12], LANGUAGES),
    "all-MiniLM-L6-v2": Frozen(
        "sentence-transformers/all-MiniLM-L6-v2", "", [3, 4, 5, 6], ("en",)
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", type=Path, default=FOLDER)
    parser.add_argument("--out", type=Path, default=ROOT)
    parser.add_argument("--without")
    parser.add_argument("--left-out", type=Path)
    parser.add_argument("--name", choices=FROZEN, default=NAME)
    given = parser.parse_args()
    if given.part == "adapter":
        make_adapter(given.model, given.data, given.out, given.without)
    elif given.part == "frozen":
        make_frozen(given.model, given.name, given.data, given.out)
    elif given.part == "threshold":
        choose_threshold(given.model, given.data, given.left_out, given.out)
    else:
        write_vectors(given.model)


def training_documents(data: Path, languages: tuple[str, ...]) -> pd.DataFrame:
    """Return all documents to train on that are in no file to report on."""
    paths = [
        path
        for language in languages
        for part in ("train", "more")
        if (path := data / f"{language}.{part}.jsonl.gz").exists()
    ]
    reported = [*data.glob("*.test.jsonl.gz"), *data.glob("*.unseen.jsonl.gz")]
    held_out = set(read_documents(reported)["text"])
    documents = read_documents(paths)
    documents = documents[~documents["text"].isin(held_out)]
    documents = documents.drop_duplicates("text")
    return documents[main_registers(documents).any(axis=1)].reset_index(drop=True)


def main_registers(documents: pd.DataFrame) -> np.ndarray:
    """Return the main registers of documents, binary ``(n_documents, 9)``."""
    matrix, _ = indicator(documents, CLASSES)
    return matrix


def make_trainer(model: str) -> RegisterTrainer:
    """Return the recipe of the adapter, not fitted yet."""
    return RegisterTrainer(
        model,
        "lora",
        multi_label=True,
        prompt=PROMPT,
        max_length=MAX_LENGTH,
        batch_size=32,
        rank=16,
        alpha=32,
        adapter_dropout=0.0,
        linear_probe=True,
        supcon_weight=0.5,
        target_modules=r".*layer\.\d+\..*(query|key|value|dense)",
        learning_rate=1e-3,
        n_epochs=3,
        dtype="bfloat16",
        random_state=0,
        show_progress=True,
    )


def make_adapter(model: str, data: Path, out: Path, without: str | None) -> None:
    languages = tuple(name for name in LANGUAGES if name != without)
    documents = training_documents(data, languages)
    trainer = make_trainer(model)
    trainer.fit(documents["text"], documents["labels"], language=documents["lang"])
    print(pd.DataFrame(trainer.history_).round(3).to_string(index=False))
    assert trainer.classes_ == CLASSES
    folder = out / NAME
    if without is not None:
        folder = out / f"without_{without}"
    trainer.model_.save_pretrained(folder, save_embedding_layers=False)
    halve(folder / "adapter_model.safetensors")
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = f"intfloat/{NAME}"
    path.write_text(json.dumps(config, indent=1, sort_keys=True), encoding="utf-8")
    settings = {
        "base_model": f"intfloat/{NAME}",
        "prompt": PROMPT,
        "classes": CLASSES,
        "max_length": MAX_LENGTH,
        "threshold": trainer.threshold_,
    }
    write_card(folder, model, documents, settings)


def choose_threshold(model: str, data: Path, left_out: Path, out: Path) -> None:
    """Write the threshold into the adapter's card whose micro F1 is best, as a mean over
    the train files of languages that were left out.
    """
    scores = []
    for language in LANGUAGES:
        folder = str(left_out / f"without_{language}")
        encoder = PretrainedRegisters(model, adapter=folder, dtype="bfloat16")
        documents = training_documents(data, (language,))
        documents = documents.sample(min(SAMPLE, len(documents)), random_state=0)
        gold = main_registers(documents)
        probabilities = encoder.predict_proba(documents["text"])
        scores.append(
            [f1_score(gold, probabilities >= t, average="micro") for t in GRID]
        )
    table = pd.DataFrame(scores, LANGUAGES, GRID)
    table.loc["mean"] = table.mean()
    print(table.round(3).to_string())
    path = out / NAME / "card.json"
    card = json.loads(path.read_text(encoding="utf-8"))
    card["threshold"] = float(table.loc["mean"].idxmax())
    path.write_text(json.dumps(card), encoding="utf-8")


def halve(path: Path) -> None:
    """Store the weights of a file in half precision."""
    tensors = {name: tensor.half() for name, tensor in load_file(path).items()}
    save_file(tensors, path, metadata={"format": "pt"})


def make_frozen(model: str, name: str, data: Path, out: Path) -> None:
    recipe = FROZEN[name]
    documents = training_documents(data, recipe.languages)
    X = frozen_encoder(model, recipe).transform(documents["text"])
    y = main_registers(documents)
    rows, columns = np.nonzero(y)  # a hybrid stands once a register
    labels = np.array(CLASSES)[columns]
    is_held_out = np.random.default_rng(0).random(len(X)) < 0.1
    fitted = ~is_held_out[rows]
    inner = ContrastiveTuner(random_state=0).fit(X[rows[fitted]], labels[fitted])
    probabilities = ordered(inner.predict_proba(X[is_held_out]), inner.classes_)
    temperature, threshold = calibrate(probabilities, y[is_held_out])
    head = ContrastiveTuner(random_state=0).fit(X[rows], labels)
    folder = out / f"{name}-frozen"
    head.save(folder)
    halve(folder / "head.safetensors")
    settings = {
        "base_model": recipe.base_model,
        "prompt": recipe.prompt,
        "classes": head.classes_.tolist(),
        "layers": recipe.layers,
        "max_length": FROZEN_LENGTH,
        "threshold": threshold,
        "temperature": temperature,
    }
    write_card(folder, model, documents, settings)


def ordered(probabilities: np.ndarray, classes) -> np.ndarray:
    """Return the columns of probabilities in the order of ``CLASSES``; a class that they
    lack has none.
    """
    table = pd.DataFrame(probabilities, columns=list(classes))
    return table.reindex(columns=CLASSES, fill_value=0.0).to_numpy()


def frozen_encoder(model: str, recipe: Frozen) -> SentenceEncoder:
    return SentenceEncoder(
        model,
        layers=recipe.layers,
        prompt=recipe.prompt,
        max_length=FROZEN_LENGTH,
        dtype="bfloat16",
        show_progress=True,
    )


def calibrate(probabilities: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return the temperature with the lowest loss, and then the threshold with the best
    micro F1.
    """
    logits = np.log(np.maximum(probabilities, 1e-9))
    losses = {
        float(temperature): -(log_softmax(logits / temperature, axis=1) * y).sum()
        for temperature in np.geomspace(0.25, 4, 33)
    }
    temperature = min(losses, key=losses.__getitem__)
    calibrated = softmax(logits / temperature, axis=1)
    scores = {
        round(float(limit), 2): f1_score(y, calibrated >= limit, average="micro")
        for limit in np.arange(0.2, 0.61, 0.05)
    }
    return temperature, max(scores, key=scores.__getitem__)


def write_card(
    folder: Path, model: str, documents: pd.DataFrame, settings: dict
) -> None:
    words = AutoModel.from_pretrained(model).get_input_embeddings().weight
    probed = [token for token in PROBED if token < len(words)]
    rows = words[probed].detach().numpy().astype(np.float16)
    card = {
        **settings,
        "languages": sorted(documents["lang"].unique()),
        "n_documents": len(documents),
        "figures": [],
        "licence": "CC BY-SA 4.0",
        "probe": {"tokens": probed, "vectors": rows.astype(float).round(4).tolist()},
    }
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    np.save(folder / "seen.npy", np.sort(text_numbers(documents["text"].tolist())))


def write_vectors(model: str) -> None:
    """Write the vectors of documents in a language that was trained on and in one that
    was not.
    """
    documents = load_registers()
    kept = documents[documents["lang"].isin(["en", "es"])]
    sample = kept.groupby("lang").sample(32, random_state=0)
    vectors = (
        frozen_encoder(model, FROZEN[NAME]).transform(sample["text"]).astype(np.float16)
    )
    np.savez_compressed(VECTORS, ids=sample["id"].to_numpy(str), vectors=vectors)


if __name__ == "__main__":
    sys.exit(main())
