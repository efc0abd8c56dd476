"""Repeat the study of clusterings by register on real documents: docs/study.md.

python benchmarks/study.py encode --model FOLDER --out FOLDER [--data FOLDER] [--fold N]
python benchmarks/study.py measure --out FOLDER [--data FOLDER]

``encode`` trains the recipe of the package's adapter on two thirds of the train and more
files, three times, and stores layers of the last third and of a language that training
never saw, by the trained model and by the untrained one. ``measure`` clusters them in
every way, and writes the pictures of the page and prints its tables.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from _corpora import FOLDER
from matplotlib.figure import Figure
from PIL import Image
from pretrained import (
    CLASSES,
    LANGUAGES,
    MAX_LENGTH,
    PROMPT,
    main_registers,
    make_trainer,
    training_documents,
)

from embetter_reg.analysis import agreements, average, read_combination, sweep
from embetter_reg.corpus import RegisterKFold, read_documents
from embetter_reg.text import encode_layers

N_FOLDS = 3
LAYERS = ["first", "half", "last"]
UNSEEN = "id"
SPACES = [*(f"tuned {layer}" for layer in LAYERS), "untuned last"]
REDUCERS = ["none", "pca", "umap"]
SIZES = [2, 5, 10]
PARTS = {"trained": "five trained languages", "unseen": "Indonesian, never trained on"}
PANELS = {
    "register_ami": "AMI with gold registers",
    "predicted_ami": "AMI with predicted registers",
    "language_ami": "AMI with language",
    "silhouette": "silhouette",
}
COLORS = ["#999999", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"]
PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
CELL = ["space", "reducer", "n_components", "clusterer", "k"]
FIGURES = [
    "silhouette",
    "register_ami",
    "register_ari",
    "predicted_ami",
    "predicted_ari",
    "language_ami",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["encode", "measure"])
    parser.add_argument("--model")
    parser.add_argument("--data", type=Path, default=FOLDER)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--fold", type=int)
    given = parser.parse_args()
    folds = list(range(N_FOLDS))
    if given.fold is not None:
        folds = [given.fold]
    if given.part == "encode":
        for fold in folds:
            encode(given.model, given.data, given.out, fold)
    else:
        measure(given.data, given.out)


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


def measure(data: Path, out: Path) -> None:
    averaged = {}
    for part in PARTS:
        runs = [sweep_fold(data, out, fold, part) for fold in range(N_FOLDS)]
        averaged[part] = average_folds(runs)
        print(f"## {part}")
        print_tables(averaged[part])
    layers = {}
    reducers = {}
    for part, table in averaged.items():
        table = table[table["clusterer"] == "kmeans"]
        layers[part] = table[table["reducer"] == "none"]
        last = table[table["space"] == "tuned last"]
        reducers[part] = last.assign(space=last.apply(reduction, axis=1))
    draw(layers, PICTURES / "study_layers.png")
    draw(reducers, PICTURES / "study_reducers.png")


def reduction(row: pd.Series) -> str:
    """Return the name of a reducer with its number of dimensions."""
    if row["reducer"] == "none":
        return "none"
    return f"{row['reducer']} {row['n_components']}"


def draw(tables: dict[str, pd.DataFrame], path: Path) -> None:
    """Draw figures over k, a row a part, with error bars over folds."""
    figure = Figure(figsize=(10.5, 6), layout="constrained")
    panels = figure.subplots(len(tables), len(PANELS), sharex=True, sharey="col")
    for row, (part, table) in zip(panels, tables.items(), strict=True):
        counts = table[["n_languages", "n_registers"]].iloc[0]
        for ax, (name, title) in zip(row, PANELS.items(), strict=True):
            if name == "language_ami" and counts["n_languages"] == 1:
                ax.set_axis_off()
                ax.text(0.5, 0.5, "one language", ha="center", transform=ax.transAxes)
                continue
            for color, (space, curve) in enumerate(table.groupby("space", sort=False)):
                ax.errorbar(
                    curve["k"],
                    curve[name],
                    curve[f"{name}_sd"],
                    label=space,
                    color=COLORS[color],
                    marker=".",
                    linewidth=1.2,
                    elinewidth=0.8,
                )
            for k in {*counts, counts.prod()} - {1}:
                ax.axvline(k, color="0.8", linewidth=1, zorder=0)
                ax.annotate(str(k), (k, 1.0), xycoords=("data", "axes fraction"))
            ax.set_xscale("log", base=2)
            ax.set_xticks([2, 4, 8, 16, 32], ["2", "4", "8", "16", "32"])
            ax.spines[["top", "right"]].set_visible(False)
            if part == next(iter(tables)):
                ax.set_title(title, loc="left", pad=14)
            else:
                ax.set_xlabel("number of clusters k")
        row[0].set_ylabel(PARTS[part])
    handles, labels = panels[0, 0].get_legend_handles_labels()
    place = {"loc": "outside lower center", "ncols": len(labels), "frameon": False}
    figure.legend(handles, labels, **place)
    figure.savefig(path, dpi=100)
    Image.open(path).quantize(64).save(path, optimize=True)


def sweep_fold(data: Path, out: Path, fold: int, part: str) -> pd.DataFrame:
    """Return all clusterings of a fold, scored by gold and by predicted registers."""
    stored = np.load(out / f"fold_{fold}.npz")
    documents = documents_of(data, stored["ids"])
    gold = main_registers(documents)
    rare = CLASSES.index("MT")
    is_kept = (gold.sum(axis=1) == 1) & (gold[:, rare] == 0)
    is_kept &= (documents["lang"] == UNSEEN).to_numpy() == (part == "unseen")
    probabilities = stored["probabilities"][is_kept]
    probabilities[:, rare] = 0
    folder = out / f"sweep_{fold}_{part}"
    table = sweep(
        {space: stored[space][is_kept].astype(np.float32) for space in SPACES},
        register=np.array(CLASSES)[gold[is_kept].argmax(axis=1)],
        language=documents["lang"][is_kept].to_numpy(),
        reducers=REDUCERS,
        n_components=SIZES,
        out=folder,
        show_progress=True,
    )
    predicted = probabilities.argmax(axis=1)
    scores = []
    for name in table["combination"].unique():
        clusters, _ = read_combination(folder, name)
        scored = agreements(predicted, list(clusters.values()))
        scored[["clusterer", "k"]] = list(clusters)
        scores.append(scored.assign(combination=name))
    scores = pd.concat(scores, ignore_index=True)
    scores["predicted_ami"] = scores["ami"]
    scores["predicted_ari"] = scores["ari"]
    columns = ["combination", "clusterer", "k", "predicted_ami", "predicted_ari"]
    return table.merge(scores[columns], on=columns[:3], validate="one_to_one")


def documents_of(data: Path, ids: np.ndarray) -> pd.DataFrame:
    """Return the annotated documents with these ids, in their order."""
    paths = [
        *data.glob("*.train.jsonl.gz"),
        *data.glob("*.more.jsonl.gz"),
        data / f"{UNSEEN}.unseen.jsonl.gz",
    ]
    return read_documents(sorted(paths)).set_index("id").loc[ids].reset_index()


def average_folds(runs: list[pd.DataFrame]) -> pd.DataFrame:
    """Return means over folds and standard deviations of every figure."""
    averaged = average(runs)
    predicted = pd.concat(runs).groupby(CELL)[["predicted_ami", "predicted_ari"]]
    averaged = averaged.merge(predicted.mean(), on=CELL)
    return averaged.merge(predicted.std().add_suffix("_sd"), on=CELL)


def print_tables(averaged: pd.DataFrame) -> None:
    """Print the k at which each figure is highest, and its value there."""
    print("| space | reducer | clusterer | " + " | ".join(FIGURES) + " |")
    print("|---" * (3 + len(FIGURES)) + "|")
    for cell, group in averaged.groupby(CELL[:-1], sort=False):
        space, _, _, clusterer = cell
        cells = []
        for figure in FIGURES:
            best = group.loc[group[figure].idxmax()]
            spread = best[f"{figure}_sd"]
            cells.append(f"{best['k']}: {best[figure]:.2f} ± {spread:.2f}")
        name = reduction(group.iloc[0])
        print(f"| {space} | {name} | {clusterer} | " + " | ".join(cells) + " |")
    print()


if __name__ == "__main__":
    sys.exit(main())
