"""Ids come from content, and equal ids mean equal texts."""

import hashlib

import numpy as np
import pandas as pd
import pytest

from embetter_reg.corpus import (
    check_same_texts,
    document_id,
    document_ids,
    id_strings,
    read_documents,
    text_digest,
)


def test_digests_keep_their_bytes():
    """Stored files hold them: the figures are of b2sum, and may never change."""
    assert text_digest("") == "cae66941d9efbd404e4d88758ea67670"
    assert text_digest("Äiti") == (
        hashlib.blake2b("Äiti".encode(), digest_size=16).hexdigest()
    )
    assert document_id("fr", "Le maire est parti.") == "fr-cc1bc6aee4135722"


def test_texts_are_not_normalized():
    assert text_digest("é") != text_digest("e\u0301")
    assert text_digest("\ud83d") != text_digest("\ud83e")


def test_equal_documents_are_numbered():
    languages = ["en", "fi", "en", "en", "en"]
    texts = ["Yes.", "Yes.", "Yes.", "No.", "Yes."]
    yes, no = document_id("en", "Yes."), document_id("en", "No.")
    assert document_ids(languages, texts) == [
        yes,
        document_id("fi", "Yes."),
        f"{yes}-2",
        no,
        f"{yes}-3",
    ]
    assert document_ids(["en"], ["Yes."], taken=[yes, f"{yes}-2"]) == [f"{yes}-3"]
    with pytest.raises(
        ValueError, match=r"different lengths \(2 in languages, 1 in texts\)"
    ):
        document_ids(["en", "en"], ["Yes."])


def test_a_million_equal_documents_take_no_square_of_time():
    ids = document_ids(["en"] * 50_000, ["Yes."] * 50_000)
    assert len(set(ids)) == 50_000 and ids[-1].endswith("-50000")


def test_files_of_one_name_hold_other_documents(tmp_path):
    """The train and test folders both have an ``en.tsv``."""
    parts = {}
    for part in ("train", "test"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "en.tsv").write_text(f"NA\t{part}\nHI\tshared\n")
        parts[part] = set(read_documents(tmp_path / part)["id"])
    assert parts["train"] & parts["test"] == {document_id("en", "shared")}


def test_order_of_files_does_not_change_ids(tmp_path):
    (tmp_path / "a").mkdir()
    first = tmp_path / "en.tsv"
    second = tmp_path / "a" / "en.tsv"
    first.write_text("NA\tone\nHI\ttwo\n")
    second.write_text("NA\tthree\n")
    one_way = read_documents([first, second]).set_index("text")["id"]
    other_way = read_documents([second, first]).set_index("text")["id"]
    assert one_way.to_dict() == other_way.to_dict()


def test_given_ids_stay_and_are_text(tmp_path):
    taken = document_id("en", "one")
    path = tmp_path / "en.jsonl"
    path.write_text(
        '{"id": 7, "text": "x"}\n{"id": 8.0, "text": "y"}\n{"id": "", "text": "one"}\n'
        f'{{"id": "{taken}", "text": "one"}}\n'
    )
    assert read_documents(path)["id"].tolist() == ["7", "8", f"{taken}-2", taken]


@pytest.mark.parametrize("value", ["true", "[1]", "1.5", '{"a": 1}'])
def test_ids_of_other_types_are_bad_rows(tmp_path, value):
    path = tmp_path / "en.jsonl"
    path.write_text(f'{{"id": {value}, "text": "x"}}')
    with pytest.raises(ValueError, match=r"en.jsonl:1: got .* as an id, expected"):
        read_documents(path)


def test_whole_numbers_and_strings_are_one_id():
    assert id_strings(["7", 7, 7.0, np.int64(7), np.float32(7)]) == ["7"] * 5
    assert id_strings(pd.Series([1, 2], dtype="Int64")) == ["1", "2"]


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, ""])
def test_missing_ids_are_named(missing):
    with pytest.raises(ValueError, match="got no id at position 1"):
        id_strings(["a", missing])


def test_other_ids_are_named():
    with pytest.raises(TypeError, match="position 1: got True as an id"):
        id_strings(["a", True])
    with pytest.raises(TypeError, match="got str as ids"):
        id_strings("abc")
    with pytest.raises(TypeError, match="got NoneType as a text"):
        text_digest(None)
    with pytest.raises(TypeError, match="got languages=None, expected a sequence"):
        document_ids(None, ["a"])
    with pytest.raises(TypeError, match="got texts='abc', expected a sequence"):
        document_ids(["en"], "abc")


TEXTS = pd.DataFrame({"id": ["1", "2", "3"], "text": ["one", "two", "three"]})
OTHERS = pd.DataFrame({"id": [3, 2, 9], "text": ["three", "deux", "nine"]})


def test_equal_ids_of_unlike_texts_are_refused():
    with pytest.raises(ValueError, match="got the id '2' for another text in emb/"):
        check_same_texts(TEXTS, OTHERS, source="emb/")
    check_same_texts(TEXTS, OTHERS[OTHERS["id"] != 2])


def test_a_digest_stands_for_a_text():
    digests = OTHERS.assign(digest=OTHERS["text"].map(text_digest))
    digests = digests.drop(columns="text")
    with pytest.raises(ValueError, match="got the id '2' for another text"):
        check_same_texts(TEXTS, digests)
    with pytest.raises(ValueError, match="got the id '2' for another text"):
        check_same_texts(digests, TEXTS)
    check_same_texts(TEXTS, digests.drop(columns="digest"))


def test_rows_of_a_hybrid_are_their_document():
    exploded = pd.DataFrame(
        {"id": ["2#NA", "2#OP"], "document": ["2", "2"], "text": ["two", "two"]}
    )
    check_same_texts(exploded, TEXTS)
    with pytest.raises(ValueError, match="got the id '2' for another text"):
        check_same_texts(exploded, OTHERS)
