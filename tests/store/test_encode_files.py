"""A folder that many tasks write: any order, any kill, no lock, nothing twice."""

import json
import multiprocessing
import random
import shutil
import time
from contextlib import contextmanager
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest

from embetter_reg.corpus import (
    Scheme,
    load_registers,
    read_documents,
    use_scheme,
)
from embetter_reg.store import (
    encode_documents,
    encode_files,
    folder_status,
    iter_embeddings,
    read_embeddings,
    read_probabilities,
)
from embetter_reg.text import LiteTextEncoder, RegisterEncoder, SurfaceEncoder


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Five files of 4 to 20 documents, some of which are equal."""
    folder = tmp_path_factory.mktemp("source")
    documents = load_registers().groupby("lang").head(8).drop(columns="id")
    documents["labels"] = documents["labels"].map(list)
    for number in range(5):
        part = documents.iloc[number * 7 : number * 7 + 4 * (number + 1)]
        part.to_json(folder / f"{number}.jsonl", orient="records", lines=True)
    return folder


@pytest.fixture
def encoder():
    return SurfaceEncoder(scale=False)


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("part-*"))}


@contextmanager
def counted_documents():
    """Yield a list of how many documents each call of the encoder gets."""
    made = []
    transform = SurfaceEncoder.transform

    def counted(self, X):
        made.append(len(X))
        return transform(self, X)

    with patch.object(SurfaceEncoder, "transform", counted):
        yield made


@pytest.fixture
def whole(source, encoder, tmp_path):
    return contents(encode_files(encoder, source, tmp_path / "whole", shard_size=3))


def test_all_files_are_what_documents_in_memory_are(source, encoder, tmp_path):
    folder = encode_files(encoder, source, tmp_path / "files", shard_size=3)
    documents = read_documents(source)
    assert documents["id"].str.endswith("-2").any()
    memory = encode_documents(encoder, documents, tmp_path / "memory", shard_size=3)
    ours, theirs = read_embeddings(folder), read_embeddings(memory)
    pd.testing.assert_frame_equal(ours.documents, theirs.documents)
    np.testing.assert_array_equal(ours.layers["embedding"], theirs.layers["embedding"])
    assert ours.manifest["fingerprint"] == theirs.manifest["fingerprint"]


@pytest.mark.parametrize("n_tasks", [2, 3, 5])
def test_any_number_of_tasks_in_any_order(n_tasks, source, encoder, whole, tmp_path):
    tasks = list(range(1, n_tasks + 1))
    random.Random(0).shuffle(tasks)
    for task in tasks:
        encode_files(
            encoder, source, tmp_path / "e", shard=(task, n_tasks), shard_size=3
        )
    assert contents(tmp_path / "e") == whole


def test_what_there_is_can_be_read_where_that_is_asked_for(source, encoder, tmp_path):
    encode_files(encoder, source, tmp_path, shard=(2, 3), shard_size=3)
    with pytest.raises(ValueError, match="has not finished"):
        read_embeddings(tmp_path)
    stored = read_embeddings(tmp_path, incomplete=True)
    expected = read_documents([source / "1.jsonl", source / "4.jsonl"])
    assert stored.documents["id"].tolist() == expected["id"].tolist()
    assert len(list(iter_embeddings(tmp_path, incomplete=True))) == 3 + 7


@pytest.mark.parametrize(
    "record", ['{"shards": {', "{}", '{"complete": true, "shards": {"a": 3}}']
)
def test_lost_and_damaged_shards_are_made_again(
    record, source, encoder, whole, tmp_path
):
    folder = encode_files(encoder, source, tmp_path / "e", shard_size=3)
    (folder / "part-00004-00002.parquet").unlink()
    damaged = folder / "part-00003-00001.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    (folder / "part-00001.json").write_text(record)
    with pytest.raises(ValueError, match="has not finished"):
        read_embeddings(folder)
    with counted_documents() as made:
        encode_files(encoder, source, folder, shard_size=3)
    assert sorted(made) == [2, 3, 3, 3, 3]  # two shards, and a file without its record
    assert contents(folder) == whole
    stray = folder / "part-00004-00009.parquet"
    shutil.copyfile(folder / "part-00004-00000.parquet", stray)
    with pytest.raises(ValueError, match=f"{stray.name} is not .*; move it elsewhere"):
        read_embeddings(folder)


def test_another_plan_is_refused(source, encoder, tmp_path):
    encode_files(encoder, source, tmp_path / "e", shard_size=3)
    for options, message in [
        ({"precision": "float16"}, "other precision"),
        ({"shard_size": 4}, "other shard_size"),
        ({"language": "en"}, "other reading"),
    ]:
        with pytest.raises(ValueError, match=message):
            encode_files(
                encoder, source, tmp_path / "e", **{"shard_size": 3, **options}
            )
    with pytest.raises(ValueError, match="other inputs"):
        encode_files(encoder, source / "1.jsonl", tmp_path / "e", shard_size=3)
    with pytest.raises(ValueError, match="other parameters, weights"):
        other = SurfaceEncoder(scale=False, max_chars=9)
        encode_files(other, source, tmp_path / "e", shard_size=3)


def test_another_scheme_of_the_same_codes_is_refused(encoder, tmp_path):
    path = tmp_path / "en.tsv"
    path.write_text("a\tOne.\n")
    scheme = Scheme(["x", "y"], parents={"a": "x"})
    with use_scheme(scheme):
        encode_files(encoder, path, tmp_path / "e")
    for other in (
        Scheme(["x", "y"], parents={"a": "y"}),
        Scheme(["x", "y"], parents={"a": "x"}, is_free=True),
    ):
        with use_scheme(other), pytest.raises(ValueError, match="other scheme"):
            encode_files(encoder, path, tmp_path / "e")
    with use_scheme(scheme):
        encode_files(encoder, path, tmp_path / "e")


def test_a_bad_file_costs_nothing_that_is_done(source, encoder, tmp_path):
    files = tmp_path / "files"
    shutil.copytree(source, files)
    good = (files / "2.jsonl").read_text()
    (files / "1.jsonl").write_text("")
    (files / "2.jsonl").write_text(good + "{")
    out = tmp_path / "e"
    with pytest.raises(ValueError, match=r"no rows in .*1\.jsonl"):
        encode_files(encoder, files, out)
    with pytest.warns(UserWarning, match="skipped files without rows: .*1.jsonl"):
        encode_files(encoder, files, out, shard=(2, 5), on_error="skip")
    with pytest.raises(ValueError, match="invalid JSON"):
        encode_files(encoder, files, out, shard=(3, 5))
    (files / "2.jsonl").write_text(good)
    with counted_documents() as made:
        encode_files(encoder, files, out)
    assert made == [12, 16, 20]
    assert folder_status(out)["n_documents"].tolist() == [4, 0, 12, 16, 20]
    rest = read_documents([files / f"{number}.jsonl" for number in (0, 2, 3, 4)])
    assert read_embeddings(out).documents["id"].tolist() == rest["id"].tolist()
    (files / "2.jsonl").write_text(good * 2)
    with pytest.raises(
        ValueError, match=r"2\.jsonl of .* bytes, which is done already"
    ):
        encode_files(encoder, files, out)


def test_a_folder_that_holds_something_else_is_refused(source, encoder, tmp_path):
    files = tmp_path / "files"
    shutil.copytree(source, files)
    before = sorted(files.iterdir())
    with pytest.raises(ValueError, match="a folder of documents, as the folder to"):
        encode_files(encoder, [source / "1.jsonl", files], files)
    (files / "1.jsonl").rename(files / "part-00000.parquet")
    with pytest.raises(ValueError, match=r"part-00000\.parquet but no manifest\.json"):
        encode_files(encoder, files / "0.jsonl", files)
    (files / "part-00000.parquet").rename(files / "1.jsonl")
    assert sorted(files.iterdir()) == before
    (files / "predictions.json").write_text("{}")
    with pytest.raises(ValueError, match="holds predictions, expected a folder for"):
        encode_files(encoder, source, files)
    with pytest.raises(ValueError, match="holds predictions, expected a folder for"):
        encode_documents(encoder, read_documents(source), files)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"inputs": 3}', '{"inputs": [1]}']
)
def test_a_damaged_plan_is_told(content, source, encoder, tmp_path):
    encode_files(encoder, source, tmp_path, shard=(1, 5))
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(ValueError, match=r"manifest\.json, which is damaged, expected"):
        encode_files(encoder, source, tmp_path)
    if content.startswith('{"'):
        (tmp_path / "manifest.json").write_text('{"format": 3, ' + content[1:])
        with pytest.raises(ValueError, match="list of inputs is damaged, expected"):
            folder_status(tmp_path)


def test_bad_arguments(source, encoder, tmp_path):
    out = tmp_path / "e"
    with pytest.raises(ValueError, match="LiteTextEncoder, which learns from all"):
        encode_files(LiteTextEncoder(), source, out)
    with pytest.raises(TypeError, match="unexpected keyword argument 'column'"):
        encode_files(encoder, source, out, column="x")
    assert not out.exists()
    for shard, error, message in [
        ((0, 2), ValueError, "got the task=0, expected a whole number from 1 to 2"),
        ((3, 2), ValueError, "from 1 to 2"),
        ((1, 0), ValueError, "number of tasks=0"),
        (3, TypeError, "got shard=3"),
    ]:
        with pytest.raises(error, match=message):
            encode_files(encoder, source, out, shard=shard)
    with pytest.warns(UserWarning, match=r"nothing to do for the task \(6, 6\)"):
        encode_files(encoder, source, out, shard=(6, 6))
    for options, message in [
        ({"engine": "dask"}, "got engine='dask', expected one of"),
        ({"workers": 0}, "got workers=0, expected a whole number of at least 1"),
        ({"gpus_per_worker": -1}, "got gpus_per_worker=-1, expected a number"),
    ]:
        with pytest.raises(ValueError, match=message):
            encode_files(encoder, source, out, **options)


def test_predictions_of_a_classifier(source, tiny_folder, tmp_path):
    classifier = RegisterEncoder(
        str(tiny_folder / "classifier"), device="cpu", max_length=32
    )
    folder = encode_files(classifier, source, tmp_path / "a", layers=["last"])
    stored = read_embeddings(folder)
    assert "predicted_best" not in stored.documents
    expected = classifier.encode(stored.documents["text"], ["last"])
    sets = classifier.label_sets(expected.probabilities >= 0.5)
    assert stored.documents["predicted"].tolist() == sets
    documents = read_documents(source)
    classifier.fit_threshold(documents["text"], documents["labels"])
    stored = read_embeddings(encode_files(classifier, source, tmp_path / "b"))
    best = stored.manifest["threshold"]
    assert best == {
        "best": classifier.threshold_,
        "chosen_on": "documents given apart",
    }
    sets = classifier.label_sets(expected.probabilities >= best["best"])
    assert stored.documents["predicted_best"].tolist() == sets


def encode_slowly(source, folder, task, log):
    """Encode, 5 ms a document, with a line of the log for each."""

    class Slow(SurfaceEncoder):
        def transform(self, X):
            time.sleep(0.005 * len(X))
            with log.open("a") as file:
                file.writelines("x\n" for _ in X)
            return super().transform(X)

    Slow.__module__, Slow.__qualname__, Slow.__name__ = (
        "embetter_reg.text._surface",
        "SurfaceEncoder",
        "SurfaceEncoder",
    )
    with patch("embetter_reg.text._surface.SurfaceEncoder", Slow):
        encode_files(Slow(scale=False), source, folder, shard=(task, 2), shard_size=3)


def test_kills_of_two_tasks_lose_nothing(source, whole, tmp_path):
    folder, log = tmp_path / "e", tmp_path / "log"
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(
        ["pandas", "pyarrow.parquet", "embetter_reg.store", "embetter_reg.text"]
    )
    clock = random.Random(0)
    n_kills = 0
    for number in range(200):
        tasks = [
            processes.Process(target=encode_slowly, args=(source, folder, task, log))
            for task in (1, 2)
        ]
        for task in tasks:
            task.start()
        if n_kills >= 3:
            for task in tasks:
                task.join()
            assert [task.exitcode for task in tasks] == [0, 0]
            break
        time.sleep(clock.uniform(0.05, 0.15))
        victim = tasks[number % 2]
        n_kills += victim.is_alive()
        for task in tasks:
            task.kill()
            task.join()
        if number % 4 == 3:  # an output is lost, so that there is work to kill again
            for path in list(folder.glob("part-0000[34]*"))[:4]:
                path.unlink()
    assert n_kills >= 3
    assert contents(folder) == whole
    assert not list(folder.glob(".*.tmp"))
    json.loads((folder / "manifest.json").read_text())


def test_probabilities_of_tasks_are_read(source, tiny_folder, tmp_path):
    classifier = RegisterEncoder(
        str(tiny_folder / "classifier"), device="cpu", max_length=32
    )
    folder = encode_files(classifier, source, tmp_path, shard_size=7)
    probabilities, labels = read_probabilities(folder)
    assert labels == classifier.classes_
    texts = read_embeddings(folder).documents["text"]
    np.testing.assert_allclose(
        probabilities, classifier.predict_proba(texts), atol=1e-5
    )
