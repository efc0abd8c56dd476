"""Vectors belong to the documents that they were made of, whatever ids say."""

import warnings

import numpy as np
import pandas as pd
import pytest

from embetter_reg.corpus import load_registers, read_documents, text_digest
from embetter_reg.store import (
    Embeddings,
    encode_documents,
    read_embeddings,
    write_embeddings,
)
from embetter_reg.text import SurfaceEncoder


@pytest.fixture(scope="module")
def documents():
    columns = ["id", "lang", "labels", "text"]
    return load_registers()[columns].groupby("lang").head(6).reset_index(drop=True)


@pytest.fixture(scope="module", params=["text", "no text"])
def stored(request, documents, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stored")
    encode_documents(
        SurfaceEncoder(), documents, folder, text=request.param == "text", shard_size=20
    )
    return read_embeddings(folder)


def test_the_digest_of_each_text_is_stored(stored, documents):
    assert stored.documents["digest"].tolist() == [
        text_digest(text) for text in documents["text"]
    ]


def test_documents_pair_in_any_order(stored, documents):
    order = np.random.default_rng(0).permutation(len(documents))[:30]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert stored.rows_of(documents.iloc[order]).tolist() == order.tolist()


def test_one_id_for_two_texts_names_both(stored, documents):
    swapped = documents.assign(text=documents["text"].to_numpy()[::-1])
    with pytest.raises(ValueError, match="expected one text an id") as caught:
        stored.rows_of(swapped, "emb")
    message = str(caught.value)
    assert message.startswith(f"got emb, where the id {documents['id'][0]!r} is of")
    assert repr(swapped["text"][0][:40]) in message
    first = documents["text"][0]
    assert text_digest(first) in message or repr(first[:40]) in message


def test_other_ids_pair_by_their_texts(stored, documents):
    renamed = documents.assign(id=[f"new-{n}" for n in range(len(documents))])
    assert stored.rows_of(renamed[::-1]).tolist() == list(range(len(documents)))[::-1]
    unknown = pd.DataFrame({"id": ["new"], "text": ["never encoded"]})
    with pytest.raises(ValueError, match="emb without the document 'new'"):
        stored.rows_of(unknown, "emb")


def test_ids_of_int_and_str_are_the_same():
    documents = pd.DataFrame({"id": [7, 8], "text": ["a", "b"]})
    stored = Embeddings(documents, {"embedding": np.eye(2)})
    assert stored.rows_of(
        documents.assign(id=["8", "7"], text=["b", "a"])
    ).tolist() == [
        1,
        0,
    ]
    with pytest.raises(ValueError, match="the id '7' is of the text 'a' and not of"):
        stored.rows_of(documents.assign(id=["7", "8"], text=["b", "a"]))


def test_ids_alone_pair_with_a_warning(stored, documents):
    with pytest.warns(UserWarning, match="24 documents pair with emb by id alone"):
        rows = stored.rows_of(documents[["id"]].head(24), "emb")
    assert rows.tolist() == list(range(24))


def test_rows_of_a_hybrid_pair_by_their_document(stored, documents):
    exploded = documents.assign(
        document=documents["id"], id=documents["id"] + "#NA"
    ).iloc[[3, 3, 5]]
    assert stored.rows_of(exploded).tolist() == [3, 3, 5]


def test_the_same_row_of_two_files_is_two_documents(tmp_path):
    """train/en.tsv and test/en.tsv have no ids; row 1 of one is not row 1 of other."""
    for name in ("train", "test"):
        (tmp_path / name).mkdir()
        lines = [f"NA\tThe {name} document {n}.\n" for n in range(4)]
        (tmp_path / name / "en.tsv").write_text("".join(lines))
    train = read_documents(tmp_path / "train")
    stored = read_embeddings(encode_documents(SurfaceEncoder(), train, tmp_path / "e"))
    with pytest.raises(ValueError, match="emb without the document"):
        stored.rows_of(read_documents(tmp_path / "test"), "emb")


def test_an_id_twice_is_refused(documents):
    twice = Embeddings(
        documents.head(2).assign(id="a"), {"embedding": np.eye(2, dtype=np.float32)}
    )
    with pytest.raises(ValueError, match="got the id 'a' twice in emb"):
        twice.rows_of(documents, "emb")


def test_what_is_no_embeddings_is_refused(documents):
    X = np.eye(len(documents))
    for arguments, message in (
        ((documents["id"], {"embedding": X}), "got Series as documents"),
        ((documents, X), "got ndarray as layers"),
        ((documents, {"embedding": X}, {"threshold": {}}), "got manifests that are no"),
        ((documents.drop(columns="id"), {"embedding": X}), "expected id among them"),
        ((documents, {"embedding": X[1:]}), "got different lengths"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            Embeddings(*arguments)


def test_both_manifests_are_kept(documents, tmp_path):
    """A threshold that was chosen on the gold labels of the second source is known."""
    half = len(documents) // 2
    parts = (documents[:half], documents[half:])
    chosen_on = ("documents given apart", "the gold labels of these documents")
    for name, part, words in zip("ab", parts, chosen_on, strict=True):
        manifest = {"threshold": {"best": 0.4, "chosen_on": words}, "source": name}
        X = np.eye(len(part), half)
        write_embeddings(Embeddings(part, {"e": X}, [manifest]), tmp_path / name)
    a = read_embeddings(tmp_path / "a")
    assert not a.threshold_saw_gold and a.manifest["source"] == "a"
    both = read_embeddings([tmp_path / "a", tmp_path / "b"])
    assert [manifest["source"] for manifest in both.manifests] == ["a", "b"]
    assert both.threshold_saw_gold
    write_embeddings(both, tmp_path / "joined")
    joined = read_embeddings(tmp_path / "joined")
    assert joined.threshold_saw_gold
    assert [manifest["source"] for manifest in joined.manifests] == ["a", "b"]


def test_two_encoders_are_not_joined(documents, tmp_path):
    half = len(documents) // 2
    encode_documents(SurfaceEncoder(), documents[:half], tmp_path / "a")
    encode_documents(SurfaceEncoder(), documents[half:], tmp_path / "b")
    paths = [tmp_path / "a", tmp_path / "b"]
    with pytest.raises(ValueError, match="got embeddings of different encoders"):
        read_embeddings(paths)
    fitted = SurfaceEncoder().fit(documents["text"])
    for name, part in (("c", documents[:half]), ("d", documents[half:])):
        encode_documents(fitted, part, tmp_path / name)
    joined = read_embeddings([tmp_path / "c", tmp_path / "d"])
    np.testing.assert_allclose(
        joined.layers["embedding"], fitted.transform(documents["text"]), atol=1e-6
    )


def test_batches_are_views_that_join_to_the_whole():
    documents = pd.DataFrame({"id": [f"d{row}" for row in range(25)]})
    X = np.arange(50, dtype=np.float32).reshape(25, 2)
    whole = Embeddings(documents, {"first": X, "last": -X}, [{"encoder": "one"}])
    batches = list(whole.iter_batches(10))
    assert [len(batch.documents) for batch in batches] == [10, 10, 5]
    assert all(np.shares_memory(batch.layers["first"], X) for batch in batches)
    joined = pd.concat([batch.documents for batch in batches], ignore_index=True)
    pd.testing.assert_frame_equal(joined, documents)
    last = np.concatenate([batch.layers["last"] for batch in batches])
    np.testing.assert_array_equal(last, -X)
    assert batches[2].manifest == {"encoder": "one"}
    with pytest.raises(ValueError, match="batch_size"):
        next(whole.iter_batches(0))
