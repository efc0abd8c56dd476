"""The older TSV form, as pandas writes lists and arrays into it."""

import numpy as np
import pandas as pd
import pytest

from embetter_reg.corpus import document_id, read_documents
from embetter_reg.store import read_embeddings

RNG = np.random.default_rng(0)


@pytest.fixture
def older(tmp_path):
    """Two files written with pandas, in the form of the umap-embeddings scripts."""
    frames = {}
    for language in ("en", "fi"):
        rows = [
            {
                "id": f"{language}{n}",
                "lang": language,
                "prediction": RNG.random(25),
                "labels": labels,
                "text": f'Said "{n}" times.\tThen left.',
                "vec_labels": np.zeros(25, int),
                "embed_first": RNG.normal(size=4).tolist(),
                "embed_last": RNG.normal(size=4).astype(np.float32),
                "preds": ["NA"],
                "preds_0.4": ["NA", "ne"],
            }
            for n, labels in enumerate([["NA", "NE"], None, ["HI"]])
        ]
        frames[language] = pd.DataFrame(rows)
        frames[language].to_csv(tmp_path / f"{language}_embeds.tsv", sep="\t")
    return tmp_path, frames


def test_vectors_labels_and_predictions(older):
    folder, frames = older
    found = read_embeddings([folder / "en_embeds.tsv", folder / "fi_embeds.tsv"])
    for layer, atol in (("first", 1e-6), ("last", 1e-6)):
        expected = np.concatenate(
            [np.stack(frames[language][f"embed_{layer}"]) for language in ("en", "fi")]
        )
        np.testing.assert_allclose(found.layers[layer], expected, atol=atol)
    assert found.documents["id"].tolist() == ["en0", "en1", "en2", "fi0", "fi1", "fi2"]
    assert found.documents["labels"].tolist() == [["NA", "ne"], [], ["HI"]] * 2
    assert found.documents["predicted"].tolist() == [["NA"]] * 6
    assert found.documents["predicted_best"].tolist() == [["NA", "ne"]] * 6
    assert found.manifest["threshold"]["best"] == "0.4"
    assert list(read_embeddings(folder, layers=["last"]).layers) == ["last"]
    with pytest.raises(ValueError, match=r"expected some of \['first', 'last'\]"):
        read_embeddings(folder, layers=["half"])


def test_their_texts_are_documents(older):
    folder, _ = older
    found = read_documents(folder / "en_embeds.tsv")
    assert found["text"].tolist() == [
        f'Said "{n}" times.\tThen left.' for n in range(3)
    ]
    assert found["labels"].tolist() == [["NA", "ne"], [], ["HI"]]
    assert not [name for name in found if name.startswith(("embed_", "pred", "vec_"))]


def test_ids_pair_where_the_texts_are_the_same(older):
    folder, frames = older
    stored = read_embeddings(folder / "en_embeds.tsv")
    documents = frames["en"][["id", "text"]]
    assert stored.rows_of(documents[::-1]).tolist() == [2, 1, 0]
    with pytest.raises(ValueError, match="the id 'en0' is of the text 'Said"):
        stored.rows_of(documents.assign(text="another"))
    bare = frames["en"].drop(columns="text")
    bare.to_csv(folder / "en_bare.tsv", sep="\t")
    with pytest.warns(UserWarning, match="3 documents pair with .* by id alone"):
        read_embeddings(folder / "en_bare.tsv").rows_of(documents)


def test_an_id_that_is_missing_is_made_of_the_text(older):
    folder, frames = older
    two = pd.concat([frames["en"], frames["en"]]).drop(columns=["id", "lang"])
    path = folder / "en_no_ids.tsv"
    two.to_csv(path, sep="\t")
    with pytest.raises(ValueError, match=r"en_no_ids.tsv:\d+: .*has no language"):
        read_embeddings(path)
    path = path.rename(folder / "en_embeds_2.tsv")
    ids = read_embeddings(path).documents["id"].tolist()
    assert ids[:3] == [document_id("en", text) for text in two["text"][:3]]
    assert ids[3:] == [f"{identifier}-2" for identifier in ids[:3]]
    two.drop(columns="text").to_csv(path, sep="\t")
    found = read_embeddings(path)
    assert found.is_by_order
    assert found.documents["id"][:2].tolist() == [f"{path.name}:1", f"{path.name}:2"]


def test_nothing_is_evaluated(tmp_path):
    path = tmp_path / "en_embeds.tsv"
    path.write_text(
        "id\tlang\tlabels\tembed_last\na\ten\t['NA']\t__import__('os').abort()\n"
    )
    with pytest.raises(
        ValueError, match=r"en_embeds.tsv:2: got a row that cannot be read"
    ):
        read_embeddings(path)
    path.write_text(
        "id\tlang\tlabels\tembed_last\na\ten\t['NA']\t[1, 2]\nb\ten\t['NA']\t[1, 2, 3]\n"
    )
    with pytest.raises(ValueError, match="vectors of several widths"):
        read_embeddings(path)
    path.write_text("id\tlang\tlabels\tembed_last\na\ten\t['XX']\t[1, 2]\n")
    with pytest.raises(ValueError, match="unknown register code 'XX'"):
        read_embeddings(path)
    path.write_text("id\tlang\ttext\na\ten\thello\n")
    with pytest.raises(ValueError, match="without a column embed_"):
        read_embeddings(path)
