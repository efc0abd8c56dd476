"""Measure the weights that come with the package, and write their cards.

python benchmarks/pretrained_figures.py cards --model FOLDER [--name NAME] [--data FOLDER]
python benchmarks/pretrained_figures.py left-out --model FOLDER --left-out FOLDER
python benchmarks/pretrained_figures.py perturbed --model FOLDER [--data FOLDER]

``cards`` measures on the test files and on a language that is never trained on, and writes
the figures into the cards. ``left-out`` measures adapters that were trained without a
language (pretrained.py adapter --without) on that language. ``perturbed`` adds noise to
the weights of the model until its vectors are within 0.98 cosine, and measures again. Test
files decide nothing.
"""

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch
from _corpora import FOLDER
from pretrained import (
    CLASSES,
    FROZEN,
    LANGUAGES,
    NAME,
    ROOT,
    frozen_encoder,
    main_registers,
    ordered,
)
from sklearn.metrics import adjusted_mutual_info_score, f1_score
from sklearn.metrics.pairwise import paired_cosine_distances
from transformers import AutoModel, AutoTokenizer

from embetter_reg.analysis import center_languages, cluster
from embetter_reg.corpus import read_documents
from embetter_reg.finetune import load_head
from embetter_reg.text import PretrainedRegisters, SentenceEncoder

FOUR = ["en", "fi", "fr", "sv"]
UNSEEN = "id"
COSINE = 0.98
CORPORA = {
    "en": "CORE (English; Biber, Egbert and Davies; Laippala et al. 2022; CC BY-SA 4.0)",
    "fi": "FinCORE (Finnish; Skantsi and Laippala 2023; CC BY 4.0)",
    "fr": "FreCORE (French; Repo et al. 2021; CC BY 4.0)",
    "sv": "SweCORE (Swedish; Repo et al. 2021; CC BY 4.0)",
    "tr": "TurCORE (Turkish; Henriksson et al. 2024)",
}
BASES = {
    NAME: """The base model (MIT) at hand was a copy of the published one in 4 bits, widened
to float32, within 0.98 to 0.99 cosine of it. With the published weights nothing was
measured; docs/benchmarks.md says what noise of that size in the model does.""",
    "all-MiniLM-L6-v2": "The base model (Apache 2.0) is the published one.",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["cards", "left-out", "perturbed"])
    parser.add_argument("--model", required=True)
    parser.add_argument("--name", choices=FROZEN, default=NAME)
    parser.add_argument("--data", type=Path, default=FOLDER)
    parser.add_argument("--out", type=Path, default=ROOT)
    parser.add_argument("--left-out", type=Path)
    given = parser.parse_args()
    if given.part == "cards":
        write_cards(given.model, given.name, given.data, given.out)
    elif given.part == "left-out":
        measure_left_out(given.model, given.data, given.left_out, given.out)
    else:
        measure_perturbed(given.model, given.data, given.out)


def reported_documents(
    data: Path, languages: tuple[str, ...] = LANGUAGES
) -> dict[str, pd.DataFrame]:
    """Return the documents to report on, by language."""
    documents = {
        name: read_documents(data / f"{name}.test.jsonl.gz") for name in languages
    }
    if languages == LANGUAGES:
        documents[UNSEEN] = read_documents(data / f"{UNSEEN}.unseen.jsonl.gz")
    return documents


def encode_adapter(model: str, folder: Path, documents: pd.DataFrame) -> tuple:
    """Return vectors, probabilities and given registers."""
    encoder = PretrainedRegisters(
        model, adapter=str(folder), dtype="bfloat16", show_progress=True
    )
    encoded = encoder.encode(documents["text"], ["last"])
    predicted = encoder.decide(encoded.probabilities, "best")
    return encoded.layers["last"], encoded.probabilities, predicted


def encode_frozen(model: str, folder: Path, documents: pd.DataFrame) -> tuple:
    """Return vectors, probabilities and given registers."""
    head = load_head(folder)
    recipe = FROZEN[folder.name.removesuffix("-frozen")]
    X = frozen_encoder(model, recipe).transform(documents["text"])
    probabilities = ordered(head.predict_proba(X), head.card.classes)
    return head.transform(X), probabilities, probabilities >= head.card.threshold


def measure(documents: pd.DataFrame, X, probabilities, predicted) -> dict:
    """Return micro F1 with hybrids, accuracy and AMI of documents of one register but
    MT.
    """
    gold = main_registers(documents)
    column = CLASSES.index("MT")
    is_single = (gold.sum(axis=1) == 1) & (gold[:, column] == 0)
    guesses = probabilities[is_single].copy()
    guesses[:, column] = 0
    register = gold[is_single].argmax(axis=1)
    language = documents["lang"].to_numpy()[is_single]
    clusters = cluster(X[is_single], "kmeans", 8, n_init=10, random_state=0).labels
    return {
        "n_documents": len(documents),
        "micro_f1": f1_score(gold, predicted, average="micro"),
        "accuracy": float((guesses.argmax(axis=1) == register).mean()),
        "register_ami": adjusted_mutual_info_score(register, clusters),
        "language_ami": adjusted_mutual_info_score(language, clusters),
    }


def table_of(documents: pd.DataFrame, encoded: tuple) -> pd.DataFrame:
    """Return figures by language, and of the four that the studies share."""
    language = documents["lang"].to_numpy()
    groups = {name: [name] for name in documents["lang"].unique()}
    if set(FOUR) <= set(groups):
        groups["en fi fr sv"] = FOUR
    rows = []
    for name, members in groups.items():
        rows_of = np.isin(language, members)
        parts = [np.asarray(part)[rows_of] for part in encoded]
        figures = measure(documents[rows_of], *parts)
        rows.append({"language": name, "seen": name != UNSEEN, **figures})
    return pd.DataFrame(rows).round(3)


def write_cards(model: str, name: str, data: Path, out: Path) -> None:
    by_language = reported_documents(data, FROZEN[name].languages)
    documents = pd.concat(by_language.values(), ignore_index=True)
    encoders = {f"{name}-frozen": encode_frozen}
    if name == NAME:
        encoders[name] = encode_adapter
    for weights, encode in encoders.items():
        folder = out / weights
        encoded = encode(model, folder, documents)
        table = table_of(documents, encoded)
        print(weights, table.to_string(index=False), sep="\n")
        path = folder / "card.json"
        card = json.loads(path.read_text(encoding="utf-8"))
        card["figures"] = table.to_dict("records")
        path.write_text(json.dumps(card), encoding="utf-8")
        write_readme(folder, card)
        if name == NAME:
            report_centered(documents, encoded[0])


def report_centered(documents: pd.DataFrame, X: np.ndarray) -> None:
    """Print what taking the mean of every language off does to the four languages."""
    chosen = documents["lang"].isin(FOUR).to_numpy()
    centered = center_languages(X[chosen], language=documents["lang"][chosen])
    gold = main_registers(documents[chosen])
    figures = measure(documents[chosen], centered, gold.astype(float), gold)
    print("centered by language:", figures["register_ami"], figures["language_ami"])


def measure_left_out(model: str, data: Path, left_out: Path, out: Path) -> None:
    by_language = reported_documents(data)
    del by_language[UNSEEN]
    documents = pd.concat(by_language.values(), ignore_index=True)
    whole = table_of(documents, encode_adapter(model, out / NAME, documents))
    whole = whole.set_index("language")
    rows = []
    for name in LANGUAGES:
        encoded = encode_adapter(model, left_out / f"without_{name}", documents)
        figures = table_of(documents, encoded).set_index("language")
        together = measure(documents, *encoded)
        rows.append(
            {
                "language": name,
                "micro_f1": figures["micro_f1"][name],
                "with_it": whole["micro_f1"][name],
                "accuracy": figures["accuracy"][name],
                "register_ami": figures["register_ami"][name],
                "language_ami_of_five": together["language_ami"],
            }
        )
    table = pd.DataFrame(rows).set_index("language")
    table.loc["mean"] = table.mean()
    print(table.round(3).to_string())


def measure_perturbed(model: str, data: Path, out: Path) -> None:
    by_language = reported_documents(data)
    documents = pd.concat(by_language.values(), ignore_index=True)
    with TemporaryDirectory() as scratch:
        noisy = str(Path(scratch) / NAME)
        AutoTokenizer.from_pretrained(model).save_pretrained(noisy)
        sample = documents.sample(64, random_state=0)["text"]
        clean = SentenceEncoder(model).transform(sample)
        low, high = 0.0, 1.0
        for _ in range(7):
            share = (low + high) / 2
            add_noise(model, noisy, share)
            moved = SentenceEncoder(noisy).transform(sample)
            cosine = 1 - float(np.mean(paired_cosine_distances(clean, moved)))
            if cosine > COSINE:
                low = share
            else:
                high = share
        print(f"noise of {share:.3f} of each weight's deviation: cosine {cosine:.4f}")
        for weights, encode in (
            (NAME, encode_adapter),
            (f"{NAME}-frozen", encode_frozen),
        ):
            table = table_of(documents, encode(noisy, out / weights, documents))
            print(weights, table.to_string(index=False), sep="\n")


def add_noise(model: str, folder: str, share: float) -> None:
    """Write the model with noise in every matrix, of a share of its deviation."""
    noisy = AutoModel.from_pretrained(model)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in noisy.parameters():
            if weight.ndim == 2:
                noise = torch.randn(weight.shape, generator=generator)
                weight += share * weight.std() * noise
    noisy.save_pretrained(folder)


def write_readme(folder: Path, card: dict) -> None:
    name = folder.name.removesuffix("-frozen")
    title = f"an adapter of {name}"
    if folder.name.endswith("-frozen"):
        title = f"a head on layers of {name}"
    columns = ["language", "n_documents", "micro_f1", "accuracy", "register_ami"]
    lines = [
        f"# Registers: {title}",
        "",
        f"Trained on {card['n_documents']:,} web documents with register annotations, by way",
        "of the TurkuNLP group's public repositories:",
        "",
        *(f"- {CORPORA[language]}" for language in card["languages"]),
        "",
        "The weights are CC BY-SA 4.0.",
        BASES[name],
        "",
        "| " + " | ".join(columns) + " |",
        "|---" * len(columns) + "|",
    ]
    for row in card["figures"]:
        lines.append("| " + " | ".join(str(row[column]) for column in columns) + " |")
    lines += [
        "",
        "Figures are of test documents that trained and chose nothing. Micro F1 counts",
        "hybrids; accuracy and AMI (k-means with k = 8) are of documents of one register",
        "without MT.",
        "",
    ]
    if UNSEEN in [row["language"] for row in card["figures"]]:
        lines += [f"Training never saw the language `{UNSEEN}`.", ""]
    lines += [
        "Not good for: registers outside CORE, texts that are no web documents, documents",
        "of a few words, rare registers (MT, LY, SP), and decisions about single people.",
        "",
    ]
    (folder / "README.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
