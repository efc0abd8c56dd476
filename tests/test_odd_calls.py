"""Public functions outside the analysis with odd input: one sentence of ours."""

import re

import numpy as np
import pandas as pd
import pytest

from embetter_reg import corpus, finetune, plots, store, text, utils

N = 24
X = np.random.default_rng(0).normal(size=(N, 2)).astype(np.float32)
REGISTER = np.array(["NA", "HI", "IN"])[np.arange(N) % 3]
DOCUMENTS = pd.DataFrame(
    {
        "id": [f"d{n}" for n in range(N)],
        "lang": "en",
        "labels": [[code] for code in REGISTER],
        "text": [f"text {n}" for n in range(N)],
    }
)
STORED = store.Embeddings(DOCUMENTS, {"embedding": X})
ENCODER = text.SurfaceEncoder(scale=False)
TRAINER = finetune.RegisterTrainer("no/such", random_state=0)
NAN = np.full((N, 2), np.nan)


def encoded(**change):
    store.encode_documents(**{"encoder": ENCODER, "documents": DOCUMENTS, **change})


def tuned(**change):
    given = {"documents": DOCUMENTS, "trainer": TRAINER, "out": "tuned", **change}
    finetune.finetune_documents(**given)


def page(maps, documents, color=("lang",)):
    plots.plot_interactive(maps, documents, color=color)


CALLS = {
    "no documents to part": lambda: corpus.train_test_documents(DOCUMENTS[:0]),
    "a name of a file": lambda: corpus.language_of_name(3),
    "a class as an encoder": lambda: encoded(encoder=text.SurfaceEncoder, out="o"),
    "a class to tell apart": lambda: text.fingerprint(text.SurfaceEncoder),
    "a folder to encode to": lambda: encoded(out=3),
    "a folder to write to": lambda: store.write_embeddings(STORED, 3),
    "folders to read": lambda: store.read_embeddings([3]),
    "layers to read": lambda: store.read_embeddings("nowhere", layers=3),
    "parts to read": lambda: list(store.iter_embeddings([None])),
    "documents to pair": lambda: STORED.rows_of(None),
    "aggregate": lambda: utils.calc_distances(["a"], ["b"], ENCODER, aggregate="max"),
    "a file to load": lambda: utils.load_estimator(None),
    "a file to dump to": lambda: utils.dump_estimator(ENCODER, 3),
    "what is dumped": lambda: utils.dump_estimator("lite", "lite.skops"),
    "figures": lambda: finetune.average_folds(None),
    "folders of models": lambda: finetune.read_figures(None),
    "a folder of a model": lambda: finetune.read_figures([3]),
    "a trained model": lambda: finetune.trained_on(None, DOCUMENTS),
    "trained documents": lambda: finetune.trained_on("nowhere", None),
    "documents to train on": lambda: tuned(documents=None),
    "labels to train on": lambda: tuned(documents=DOCUMENTS.assign(labels=3)),
    "labels of a head": lambda: finetune.FeedForwardTuner().fit(X, "NA"),
    "tokens of documents": lambda: finetune.RegisterTrainer(max_length="9").fit(
        DOCUMENTS["text"], DOCUMENTS["labels"]
    ),
    "a trainer": lambda: tuned(trainer="full"),
    "languages": lambda: tuned(train_languages=3),
    "labels of a map": lambda: plots.plot_map(X, np.stack([REGISTER] * 2)),
    "points of a map": lambda: plots.plot_map(NAN, REGISTER),
    "no maps": lambda: plots.plot_maps(None, register=REGISTER),
    "a map without a name": lambda: plots.plot_maps(X, register=REGISTER),
    "charts": lambda: plots.plot_pca(X, {}, register=REGISTER),
    "labelings": lambda: plots.plot_labeled_map(X, [REGISTER]),
    "maps of a page": lambda: page(X, DOCUMENTS),
    "points of a page": lambda: page({"a": NAN}, DOCUMENTS),
    "documents of a page": lambda: page({"a": X}, None),
    "columns of a page": lambda: page({"a": X}, DOCUMENTS, color=3),
    "no history": lambda: plots.plot_history(None),
    "losses of a history": lambda: plots.plot_history([{"epoch": 1}]),
    "distances": lambda: plots.plot_distances(NAN, REGISTER),
    "points of texts": lambda: plots.plot_texts(np.full((N, 2), "a"), REGISTER),
    "texts": lambda: plots.plot_texts(X, None),
    "a comparison": lambda: plots.plot_agreement(DOCUMENTS),
    "a comparison of layers": lambda: plots.plot_layers(None),
    "no sweep": lambda: plots.plot_sweep(None),
    "a sweep": lambda: plots.plot_sweep(DOCUMENTS),
    "a table of clusters": lambda: plots.plot_cluster_table(None),
    "labels of a legend": lambda: plots.label_styles(None),
}


@pytest.mark.parametrize("name", CALLS)
def test_odd_input_gets_one_sentence(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ValueError, TypeError)) as error:
        CALLS[name]()
    message = str(error.value)
    assert re.match(r".*got .*, expected .*; ", message) and "\n" not in message
    assert not list(tmp_path.iterdir())
