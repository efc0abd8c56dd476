"""Lost, truncated and changed files are errors that name them."""

import errno
import json
import os
import random
import shutil
import subprocess
import sys
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest

from embetter_reg.corpus import load_registers
from embetter_reg.store import (
    Embeddings,
    encode_documents,
    iter_embeddings,
    read_embeddings,
    write_embeddings,
)
from embetter_reg.text import LiteTextEncoder, RegisterEncoder, SurfaceEncoder


@pytest.fixture(scope="module")
def documents():
    columns = ["id", "lang", "labels", "text"]
    return load_registers()[columns].groupby("lang").head(6).reset_index(drop=True)


@pytest.fixture(scope="module")
def whole(documents, tmp_path_factory):
    return encode_documents(
        SurfaceEncoder(), documents, tmp_path_factory.mktemp("whole"), shard_size=16
    )


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "e")


@pytest.fixture
def own_model(tiny_folder, tmp_path):
    """A copy of the tiny classifier, whose weights a test may change."""
    return shutil.copytree(tiny_folder / "classifier", tmp_path / "model")


def test_no_flipped_bit_is_read_as_data(folder):
    shard = folder / "part-00001.parquet"
    content = shard.read_bytes()
    dice = random.Random(0)
    for _ in range(300):
        position = dice.randrange(len(content) * 8)
        changed = bytearray(content)
        changed[position // 8] ^= 1 << position % 8
        shard.write_bytes(changed)
        for path in (folder, shard):
            with pytest.raises(
                ValueError, match=r"part-00001.parquet, which is damaged"
            ):
                read_embeddings(path)
    shard.write_bytes(content)
    assert len(read_embeddings(folder).documents) == 36


def test_a_page_has_a_checksum_without_the_manifest(folder, tmp_path):
    """A shard alone, moved away from its manifest: its vectors cannot change."""
    original = read_embeddings(folder / "part-00001.parquet")
    content = (folder / "part-00001.parquet").read_bytes()
    moved = tmp_path / "moved.parquet"
    dice = random.Random(1)
    for _ in range(100):
        position = dice.randrange(len(content) * 8)
        changed = bytearray(content)
        changed[position // 8] ^= 1 << position % 8
        moved.write_bytes(changed)
        try:
            stored = read_embeddings(moved)
        except ValueError:
            continue
        np.testing.assert_array_equal(
            stored.layers["embedding"], original.layers["embedding"]
        )


def test_a_lost_shard_is_named_and_made_again(folder, whole, documents):
    (folder / "part-00001.parquet").unlink()
    with pytest.raises(ValueError, match=r"part-00001.parquet is lost"):
        read_embeddings(folder)
    with pytest.raises(ValueError, match=r"part-00001.parquet is lost"):
        next(iter_embeddings(folder))
    encode_documents(SurfaceEncoder(), documents, folder, shard_size=16)
    np.testing.assert_array_equal(
        read_embeddings(folder).layers["embedding"],
        read_embeddings(whole).layers["embedding"],
    )


def test_a_truncated_or_unknown_shard_is_named(folder):
    shard = folder / "part-00002.parquet"
    shutil.copy(shard, folder / "part-00003.parquet")
    with pytest.raises(ValueError, match=r"part-00003.parquet is not in its manifest"):
        read_embeddings(folder)
    (folder / "part-00003.parquet").unlink()
    shard.write_bytes(shard.read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"part-00002.parquet, which is damaged"):
        read_embeddings(folder)


def test_a_folder_of_the_earlier_format_is_read(folder):
    """It has no digests, but a number of documents."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["shards"]
    path.write_text(json.dumps({**manifest, "format": 1}))
    assert len(read_embeddings(folder).documents) == 36
    (folder / "part-00001.parquet").unlink()
    with pytest.raises(ValueError, match=r"got 20 documents in the shards of .* 36 as"):
        read_embeddings(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "manifest.json, which is not JSON"),
        ("[" * 100_000, "manifest.json, which is not JSON"),
        ("[1]", "manifest.json, which holds a list"),
        ("{}", "manifest.json of the format None"),
        ('{"format": 99}', "manifest.json of the format 99"),
        ('{"format": [2]}', r"manifest.json of the format \[2\]"),
        ('{"format": 2, "shards": [1]}', "whose list of shards is damaged"),
        ('{"format": 2, "shards": {"a": 1}}', "whose list of shards is damaged"),
    ],
)
def test_a_manifest_that_is_none(folder, documents, content, message):
    (folder / "manifest.json").write_text(content)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    for use in (
        lambda: read_embeddings(folder),
        lambda: encode_documents(SurfaceEncoder(), documents, folder, shard_size=16),
        lambda: write_embeddings(
            Embeddings(documents, {"e": np.eye(len(documents))}), folder
        ),
    ):
        with pytest.raises(ValueError, match=message):
            use()
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_other_weights_are_not_mixed(documents, own_model, tmp_path):
    """The model is trained on in place between two runs."""
    from safetensors.torch import load_file, save_file

    encoder = RegisterEncoder(str(own_model), device="cpu", max_length=16)
    out = tmp_path / "e"
    encode_documents(encoder, documents, out, layers=["last"], shard_size=16)
    (out / "part-00001.parquet").unlink()
    weights = load_file(own_model / "model.safetensors")
    name = "bert.embeddings.word_embeddings.weight"
    weights[name] = weights[name] + 1
    save_file(weights, own_model / "model.safetensors", metadata={"format": "pt"})
    again = RegisterEncoder(str(own_model), device="cpu", max_length=16)
    with pytest.raises(ValueError, match="with other weights"):
        encode_documents(again, documents, out, layers=["last"], shard_size=16)
    assert not (out / "part-00001.parquet").exists()


def test_another_computation_type_is_not_mixed(documents, own_model, tmp_path):
    """dtype="auto" is float32 on a CPU and bfloat16 on a GPU."""
    encoder = RegisterEncoder(str(own_model), device="cpu", max_length=16)
    encode_documents(encoder, documents, tmp_path / "e", layers=["last"])
    with (
        patch("embetter_reg.store._plan.pick_dtype", lambda *_: "torch.bfloat16"),
        pytest.raises(ValueError, match="with other computation type"),
    ):
        encode_documents(encoder, documents, tmp_path / "e", layers=["last"])


def test_the_encoder_of_the_caller_is_not_fitted_again(documents, tmp_path):
    fitted = LiteTextEncoder(n_components=4, random_state=0)
    fitted.fit(load_registers()["text"].tail(60))
    before = fitted.components_.copy()
    expected = fitted.transform(documents["text"])
    stored = read_embeddings(encode_documents(fitted, documents, tmp_path / "a"))
    np.testing.assert_array_equal(fitted.components_, before)
    np.testing.assert_allclose(stored.layers["embedding"], expected, atol=1e-6)
    fresh = LiteTextEncoder(n_components=4, random_state=0)
    encode_documents(fresh, documents, tmp_path / "b")
    assert not hasattr(fresh, "components_")
    with pytest.raises(ValueError, match="with other weights"):
        encode_documents(fitted, documents, tmp_path / "b")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda path: path.write_bytes(b"junk"),
            "encoder.skops, which cannot be read as a skops",
        ),
        (
            lambda path: path.write_bytes(path.read_bytes()[:-200]),
            "encoder.skops, which cannot be read as a skops",
        ),
        (
            lambda path: dump_of({"a": 1}, path),
            "encoder.skops, which holds a dict, expected a SurfaceEnc",
        ),
        (
            lambda path: dump_of(subprocess.Popen.wait, path),
            "encoder.skops with the types",
        ),
    ],
)
def test_a_kept_encoder_that_is_none(folder, documents, damage, message):
    """One that a killed run left."""
    encode_documents(
        SurfaceEncoder(), documents, folder, shard_size=16, keep_encoder=True
    )
    damage(folder / "encoder.skops")
    (folder / "part-00001.parquet").unlink()
    with pytest.raises(ValueError, match=message):
        encode_documents(SurfaceEncoder(), documents, folder, shard_size=16)


def dump_of(value, path):
    from skops.io import dump

    dump(value, path)


def test_a_full_disk_keeps_finished_shards(documents, whole, tmp_path):
    """The third shard finds no room; with room the same call goes on."""
    from pathlib import Path

    real = Path.write_bytes

    def write_bytes(path, content):
        if "part-00002" in path.name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(path, content)

    with (
        patch.object(Path, "write_bytes", write_bytes),
        pytest.raises(OSError, match=r"part-00002.parquet, which cannot be written"),
    ):
        encode_documents(SurfaceEncoder(), documents, tmp_path, shard_size=16)
    assert len(list(tmp_path.glob("part-*"))) == 2
    assert not list(tmp_path.glob(".*.tmp"))
    encode_documents(SurfaceEncoder(), documents, tmp_path, shard_size=16)
    np.testing.assert_array_equal(
        read_embeddings(tmp_path).layers["embedding"],
        read_embeddings(whole).layers["embedding"],
    )


def test_drafts_of_killed_runs_are_ignored_and_removed(folder, documents):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    draft = folder / f".part-00001.parquet.{ended.pid}-1.tmp"
    draft.write_bytes(b"half")
    assert len(read_embeddings(folder).documents) == 36
    encode_documents(SurfaceEncoder(), documents, folder, shard_size=16)
    assert not draft.exists()


def test_an_encoding_that_has_not_finished_is_not_overwritten(folder, documents):
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "complete": False}))
    stored = Embeddings(documents, {"e": np.eye(len(documents))})
    with pytest.raises(ValueError, match="which holds embeddings"):
        write_embeddings(stored, folder)
    assert len(list(folder.glob("part-*"))) == 3


def test_a_write_that_was_cut_off_begins_anew(documents, tmp_path):
    stored = Embeddings(documents, {"e": np.eye(len(documents))})

    def breaking():
        yield stored
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_embeddings(breaking(), tmp_path)
    with pytest.raises(ValueError, match="has not finished"):
        read_embeddings(tmp_path)
    write_embeddings(stored, tmp_path)
    assert len(read_embeddings(tmp_path).documents) == len(documents)


def test_bad_arguments_are_refused_before_anything_is_made(documents, tmp_path):
    out = tmp_path / "new"
    X = np.eye(len(documents))
    stored = Embeddings(documents, {"e": X})
    halves = pd.Series(["\ud83d"] * len(documents), dtype=object)

    def encode(documents=documents, encoder=None, **options):
        return lambda: encode_documents(
            encoder or SurfaceEncoder(), documents, out, **options
        )

    for use, message in (
        (encode(None), "got NoneType as documents"),
        (encode(documents.drop(columns="text")), "add text"),
        (encode(documents.assign(text=None)), "a missing document at position 0"),
        (encode(documents.assign(text=halves)), "half a surrogate pair in the text"),
        (encode(documents.assign(id=None)), "got no id at position 0"),
        (encode(documents.assign(id="a")), "got the id 'a' twice"),
        (encode(documents.assign(labels=3)), "got 3 as the labels"),
        (encode(documents.assign(labels="XX")), "unknown register code 'XX'"),
        (encode(encoder="lite"), "got str as the encoder"),
        (encode(shard_size=2.5), "got shard_size=2.5"),
        (encode(shard_size=True), "got shard_size=True"),
        (encode(precision=None), "got precision=None"),
        (encode(layers="last"), "got layers='last', expected a list"),
        (encode(layers=[]), r"got layers=\[\], expected a list"),
        (lambda: write_embeddings(stored, out, precision="int8"), "precision='int8'"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            use()
        assert not out.exists()
    for use, message in (
        (lambda: write_embeddings([], out), "got no embeddings to write"),
        (lambda: write_embeddings(None, out), "got NoneType, expected Embeddings"),
        (lambda: write_embeddings([X], out), "got ndarray, expected Embeddings"),
        (
            lambda: write_embeddings(
                Embeddings(documents.drop(columns="lang"), {"e": X}), out
            ),
            "add lang",
        ),
        (
            lambda: write_embeddings(Embeddings(documents, {"e": X * np.nan}), out),
            "got NaN or infinity in row 0 of the space 'e'",
        ),
        (lambda: read_embeddings([]), "got no files of embeddings"),
        (lambda: read_embeddings(None), "got NoneType as paths"),
        (lambda: read_embeddings(out, layers="e"), "got layers='e', expected a list"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            use()
    (tmp_path / "file").touch()
    for use in (
        lambda: encode_documents(SurfaceEncoder(), documents, tmp_path / "file" / "e"),
        lambda: write_embeddings(stored, tmp_path / "file"),
    ):
        with pytest.raises(OSError, match="is not a folder"):
            use()


def test_documents_of_int_ids_string_labels_and_sets(documents, tmp_path):
    odd = documents.head(3).assign(id=[1, 2, 3], labels=["NA ne", {"OP", "HI"}, None])
    stored = read_embeddings(encode_documents(SurfaceEncoder(), odd, tmp_path))
    assert stored.documents["id"].tolist() == ["1", "2", "3"]
    assert stored.documents["labels"].tolist() == [["NA", "ne"], ["HI", "OP"], []]
