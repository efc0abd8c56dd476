"""Embeddings on disk: whole after any kill, never of two encoders, readable in every
form.
"""

import json
import multiprocessing
import random
import time
from unittest.mock import patch

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from embetter_reg.corpus import load_registers, read_documents
from embetter_reg.store import (
    Embeddings,
    encode_documents,
    read_embeddings,
    write_embeddings,
)
from embetter_reg.text import (
    CausalLMEncoder,
    LiteTextEncoder,
    RegisterEncoder,
    SurfaceEncoder,
)


@pytest.fixture(scope="module")
def documents():
    chosen = load_registers().groupby("lang").head(8).reset_index(drop=True)
    return chosen[["id", "lang", "labels", "text"]]


@pytest.fixture
def classifier(tiny_folder):
    return RegisterEncoder(
        str(tiny_folder / "classifier"),
        device="cpu",
        max_length=32,
        long="chunks",
        overlap=8,
    )


def test_layers_predictions_and_manifest(documents, classifier, tmp_path):
    folder = encode_documents(
        classifier, documents, tmp_path / "e", layers=["first", "last"], shard_size=20
    )
    assert sorted(path.name for path in folder.glob("part-*")) == [
        f"part-0000{n}.parquet" for n in range(3)
    ]
    found = read_embeddings(folder)
    expected = classifier.encode(documents["text"], ["first", "last"])
    for layer in ("first", "last"):
        assert found.layers[layer].dtype == np.float32
        np.testing.assert_allclose(
            found.layers[layer], expected.layers[layer], atol=1e-5
        )
    for column in ("id", "lang", "labels", "text"):
        assert found.documents[column].tolist() == documents[column].tolist()
    assert found.documents["predicted"].tolist() == classifier.label_sets(
        expected.probabilities >= 0.5
    )
    best = found.manifest["threshold"]["best"]
    assert best == classifier.best_threshold(
        expected.probabilities, documents["labels"]
    )
    assert found.documents["predicted_best"].tolist() == classifier.label_sets(
        expected.probabilities >= best
    )
    assert "these documents" in found.manifest["threshold"]["chosen_on"]
    assert (
        found.manifest["encoder"] == "RegisterEncoder"
        and found.manifest["parameters"]["long"] == "chunks"
    )
    assert (
        "torch" in found.manifest["versions"]
        and found.manifest["classes"] == classifier.classes_
    )


def test_a_threshold_chosen_elsewhere_is_used_and_named(
    documents, classifier, tmp_path
):
    classifier.fit_threshold(documents["text"][:10], documents["labels"][:10])
    folder = encode_documents(classifier, documents[10:], tmp_path, layers=["last"])
    manifest = read_embeddings(folder).manifest
    assert manifest["threshold"] == {
        "best": classifier.threshold_,
        "chosen_on": "documents given apart",
    }


def test_documents_without_labels_have_no_best_threshold(
    documents, classifier, tmp_path
):
    bare = documents.assign(labels=[[]] * len(documents))
    found = read_embeddings(
        encode_documents(classifier, bare, tmp_path, layers=["last"])
    )
    assert "predicted" in found.documents and "predicted_best" not in found.documents


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: LiteTextEncoder(n_components=6, random_state=0),
        lambda folder: SurfaceEncoder(),
        lambda folder: CausalLMEncoder(
            str(folder / "gpt2"), device="cpu", long="chunks", overlap=4, max_length=32
        ),
    ],
)
def test_other_encoders(documents, tiny_folder, tmp_path, make):
    encoder = make(tiny_folder)
    found = read_embeddings(
        encode_documents(encoder, documents, tmp_path, shard_size=30, text=False)
    )
    assert "text" not in found.documents
    if hasattr(encoder, "encode"):
        expected = encoder.encode(documents["text"]).layers
    else:
        expected = {
            "embedding": make(tiny_folder)
            .fit(documents["text"])
            .transform(documents["text"])
        }
    assert list(found.layers) == list(expected)
    for layer, X in expected.items():
        np.testing.assert_allclose(found.layers[layer], X, atol=1e-4)


def test_float16_and_one_layer(documents, classifier, tmp_path):
    folder = encode_documents(
        classifier, documents, tmp_path, layers=["half", "last"], precision="float16"
    )
    schema = pq.read_schema(folder / "part-00000.parquet")
    assert (
        str(schema.field("embed_half").type)
        == "fixed_size_list<element: halffloat>[16]"
    )
    found = read_embeddings(folder, layers=["half"])
    assert list(found.layers) == ["half"] and found.layers["half"].dtype == np.float32
    np.testing.assert_allclose(
        found.layers["half"],
        classifier.encode(documents["text"], ["half"]).layers["half"],
        atol=2e-2,
    )
    alone = read_embeddings(folder / "part-00000.parquet")
    assert alone.manifest["encoder"] == "RegisterEncoder"


def test_other_documents_or_another_encoder_are_refused(
    documents, classifier, tmp_path
):
    folder = encode_documents(classifier, documents, tmp_path, layers=["last"])
    before = {path: path.read_bytes() for path in folder.iterdir()}
    for change, message in (
        (
            lambda: encode_documents(
                classifier, documents[1:], folder, layers=["last"]
            ),
            "other documents, n_documents",
        ),
        (
            lambda: encode_documents(
                classifier.set_params(pooling="cls"), documents, folder, layers=["last"]
            ),
            "parameters",
        ),
        (
            lambda: encode_documents(SurfaceEncoder(), documents, folder),
            "other encoder",
        ),
        (
            lambda: encode_documents(SurfaceEncoder(), documents[:0], folder),
            "got no documents",
        ),
        (
            lambda: encode_documents(
                SurfaceEncoder(), documents, folder, precision="int8"
            ),
            "got precision='int8'",
        ),
        (
            lambda: encode_documents(SurfaceEncoder(), documents, folder, shard_size=0),
            "got shard_size=0",
        ),
        (
            lambda: encode_documents(
                SurfaceEncoder(), documents, folder / "x", layers=["last"]
            ),
            "has none to choose",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            change()
    assert {
        path: path.read_bytes() for path in folder.iterdir() if path.is_file()
    } == before


def test_a_mistake_in_the_layers_leaves_nothing_behind(documents, classifier, tmp_path):
    with pytest.raises(ValueError, match="got the layer 'middle'"):
        encode_documents(classifier, documents, tmp_path, layers=["middle"])
    encode_documents(classifier, documents, tmp_path, layers=["half"])
    assert list(read_embeddings(tmp_path).layers) == ["half"]


def test_another_device_or_batch_size_may_go_on(documents, classifier, tmp_path):
    encode_documents(classifier, documents, tmp_path, layers=["last"], shard_size=10)
    (tmp_path / "part-00002.parquet").unlink()
    encode_documents(
        classifier.set_params(batch_size=3),
        documents,
        tmp_path,
        layers=["last"],
        shard_size=10,
    )
    assert len(read_embeddings(tmp_path).documents) == len(documents)


def test_a_damaged_shard_is_written_anew_and_an_unfinished_folder_is_not_read(
    documents, classifier, tmp_path
):
    encode_documents(classifier, documents, tmp_path, layers=["last"], shard_size=20)
    whole = read_embeddings(tmp_path)
    shard = tmp_path / "part-00001.parquet"
    shard.write_bytes(shard.read_bytes()[:500])
    encode_documents(classifier, documents, tmp_path, layers=["last"], shard_size=20)
    again = read_embeddings(tmp_path)
    pd.testing.assert_frame_equal(again.documents, whole.documents)
    np.testing.assert_allclose(again.layers["last"], whole.layers["last"], atol=1e-6)
    manifest = tmp_path / "manifest.json"
    manifest.write_text(
        json.dumps({**json.loads(manifest.read_text()), "complete": False})
    )
    with pytest.raises(ValueError, match="has not finished"):
        read_embeddings(tmp_path)


def encode_slowly(source, folder, log):
    """Run in a process of its own, which the test kills."""

    class Slow(SurfaceEncoder):
        def transform(self, X):
            time.sleep(0.04)
            with open(log, "a") as file:
                file.writelines("x\n" for _ in X)
            return super().transform(X)

    Slow.__module__, Slow.__qualname__, Slow.__name__ = (
        "embetter_reg.text._surface",
        "SurfaceEncoder",
        "SurfaceEncoder",
    )
    with patch("embetter_reg.text._surface.SurfaceEncoder", Slow):
        encode_documents(Slow(), read_documents(source), folder, shard_size=4)


def test_twenty_kills_lose_nothing(documents, tmp_path):
    """Killed at random moments, the same call ends with each document once, and repeats
    at most a shard a kill.
    """
    source, folder, log = tmp_path / "docs.jsonl", tmp_path / "e", tmp_path / "log"
    many = pd.concat(
        [documents.assign(id=documents["id"] + f"-{n}") for n in range(10)],
        ignore_index=True,
    )
    many.to_json(source, orient="records", lines=True)
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(
        ["pandas", "pyarrow.parquet", "embetter_reg.store", "embetter_reg.text"]
    )
    clock, n_kills = random.Random(0), 0
    for _ in range(200):
        process = processes.Process(target=encode_slowly, args=(source, folder, log))
        process.start()
        process.join(clock.uniform(0.02, 0.4) if n_kills < 20 else None)
        n_kills += process.is_alive()
        process.kill()
        process.join()
        if n_kills == 20 and process.exitcode == 0:
            break
    assert n_kills == 20 and process.exitcode == 0
    found = read_embeddings(folder)
    assert found.documents["id"].tolist() == many["id"].tolist()
    expected = SurfaceEncoder().fit(many["text"]).transform(many["text"])
    np.testing.assert_allclose(found.layers["embedding"], expected, atol=1e-5)
    assert not list(folder.glob(".*.tmp"))
    assert len(many) <= len(log.read_text().splitlines()) <= len(many) + 20 * 4


def test_writing_and_reading_what_is_there_already(documents, tmp_path):
    X = np.random.default_rng(0).normal(size=(len(documents), 3)).astype(np.float32)
    write_embeddings(Embeddings(documents, {"embedding": X}), tmp_path / "a")
    found = read_embeddings(tmp_path / "a")
    np.testing.assert_array_equal(found.layers["embedding"], X)
    assert found.documents["labels"].tolist() == documents["labels"].tolist()
    with pytest.raises(ValueError, match="which holds embeddings"):
        write_embeddings(found, tmp_path / "a")
    with pytest.raises(ValueError, match=r"got the id .* twice"):
        write_embeddings([found, found], tmp_path / "b")
    with pytest.raises(ValueError, match=r"got the id .* twice"):
        read_embeddings([tmp_path / "a", tmp_path / "a"])
    with pytest.raises(ValueError, match="float16 cannot hold"):
        write_embeddings(
            Embeddings(documents, {"embedding": X * 1e6}),
            tmp_path / "c",
            precision="float16",
        )


def test_bad_paths(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.txt").write_text("x")
    pd.DataFrame({"id": ["a"]}).to_parquet(tmp_path / "x.parquet")
    for name, error, message in (
        ("none", FileNotFoundError, "does not exist"),
        ("empty", ValueError, "with no embeddings"),
        ("x.txt", ValueError, "expected a folder of embeddings"),
        ("x.parquet", ValueError, "without a column of embeddings"),
    ):
        with pytest.raises(error, match=message):
            read_embeddings(tmp_path / name)
