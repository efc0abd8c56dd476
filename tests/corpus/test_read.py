import gzip
import json

import pandas as pd
import pytest

from embetter_reg.corpus import read_documents

ROWS = [
    {"id": "a", "lang": "fr", "labels": ["NA", "ne"], "text": 'Il a dit "non" — et voilà.'},
    {"id": "b", "lang": "fr", "labels": ["NA"], "text": ""},
    {"id": "c", "lang": "fr", "labels": ["OP", "HI"], "text": "NA"},
]


def lines(*rows):
    return "".join("\t".join(row) + "\n" for row in rows)


def write(path, text, encoding="utf-8"):
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode(encoding)))
    else:
        path.write_text(text, encoding=encoding)
    return path


def tsv(*, header):
    head = [("id", "lang", "labels", "text")] if header else []
    return lines(*head, *[(row["id"], row["lang"], " ".join(row["labels"]), row["text"]) for row in ROWS])


def as_csv(folder):
    frame = pd.DataFrame(ROWS)
    frame["labels"] = frame["labels"].map(" ".join)
    frame.to_csv(folder / "x.csv", index=False)
    return folder / "x.csv"


def as_parquet(folder):
    pd.DataFrame(ROWS).to_parquet(folder / "x.parquet")
    return folder / "x.parquet"


def as_dataset(folder):
    import datasets

    datasets.Dataset.from_list(ROWS).save_to_disk(str(folder / "saved"))
    return folder / "saved"


FORMS = {
    "tsv with header": lambda folder: write(folder / "x.tsv", tsv(header=True)),
    "tsv with byte-order mark": lambda folder: write(folder / "x.tsv", tsv(header=True), "utf-8-sig"),
    "tsv.gz": lambda folder: write(folder / "x.tsv.gz", tsv(header=True)),
    "labels, id, text": lambda folder: write(
        folder / "emb_fr.tsv", lines(*[(" ".join(row["labels"]), row["id"], row["text"]) for row in ROWS])
    ),
    "csv": as_csv,
    "jsonl": lambda folder: write(folder / "x.jsonl", "\n".join(json.dumps(row) for row in ROWS) + "\n\n"),
    "jsonl.gz": lambda folder: write(folder / "x.jsonl.gz", "\n".join(json.dumps(row) for row in ROWS)),
    "parquet": as_parquet,
    "saved dataset": as_dataset,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_documents(form, tmp_path):
    assert read_documents(FORMS[form](tmp_path))[["id", "lang", "labels", "text"]].to_dict("records") == ROWS


def test_labels_and_text_alone(tmp_path):
    path = write(tmp_path / "sv_emb.tsv", lines(("NA NE", 'ett " citat'), ("MT", "två")))
    assert read_documents(path).to_dict("records") == [
        {"id": "sv_emb-1", "lang": "sv", "labels": ["NA", "ne"], "text": 'ett " citat'},
        {"id": "sv_emb-2", "lang": "sv", "labels": ["MT"], "text": "två"},
    ]


def test_folder_of_one_file_a_language(tmp_path):
    write(tmp_path / "fr.tsv", "NA\tun\n")
    write(tmp_path / "en.train.jsonl.gz", json.dumps({"labels": "OP", "text": "one", "topic": "food"}))
    frame = read_documents(tmp_path)
    assert frame["lang"].tolist() == ["en", "fr"] and frame["id"].tolist() == ["en-1", "fr-1"]
    assert frame.loc[0, "topic"] == "food"


def test_column_names_and_unlabelled_documents(tmp_path):
    path = write(tmp_path / "x.jsonl", json.dumps({"body": "one", "genre": "NA", "l": "en", "key": 7}))
    frame = read_documents(path, text="body", labels="genre", lang="l", id="key")
    assert frame.to_dict("records") == [{"id": "7", "lang": "en", "labels": ["NA"], "text": "one"}]
    plain = write(tmp_path / "y.jsonl", json.dumps({"text": "one"}))
    assert read_documents(plain, language="en")["labels"].tolist() == [[]]
    with pytest.raises(ValueError, match=r"no column 'corps' among"):
        read_documents(path, text="corps", language="en")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("fr.tsv", b"NA\tun\nNA\ta\tb\tc\n", r"fr.tsv:2: got 4 fields"),
        ("fr.tsv", b"NA\tun\nXX\tdeux\n", r"fr.tsv:2: got the unknown register code 'XX'"),
        ("fr.tsv", b"NA\tun\nNA\t\xff\xfe\n", r"fr.tsv:2: got bytes that are not UTF-8"),
        ("x.csv", b"lang,labels,text\nfr,NA,un\nfr,NA\n", r"x.csv:3: got a row of another width"),
        ("fr.jsonl", b'{"labels": "NA", "text": "un"}\n{"labels"\n', r"fr.jsonl:2: got invalid JSON"),
        ("fr.jsonl", b'{"labels": "NA", "text": "un"}\n[1]\n', r"fr.jsonl:2: got list"),
        ("fr.jsonl", b'{"labels": "NA", "text": "un"}\n{"text": null}\n', r"fr.jsonl:2: got no text"),
    ],
)
def test_bad_rows_are_named_or_skipped(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_documents(path)
    with pytest.warns(UserWarning, match=f"skipped 1 bad rows; the last: .*{message}"):
        frame = read_documents(path, on_error="skip")
    assert frame["text"].tolist() == ["un"]


def test_bad_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read_documents(tmp_path / "nothing.tsv")
    with pytest.raises(ValueError, match="no .tsv"):
        read_documents(tmp_path)
    with pytest.raises(ValueError, match="unknown kind"):
        read_documents(write(tmp_path / "x.docx", "a"))
    with pytest.raises(ValueError, match="got no rows"):
        read_documents(write(tmp_path / "fr.tsv", ""))
    with pytest.raises(ValueError, match="got no language"):
        read_documents(write(tmp_path / "corpus.tsv", "NA\tun\n"))
    with pytest.raises(ValueError, match="on_error"):
        read_documents(tmp_path, on_error="ignore")
    twice = write(tmp_path / "twice.jsonl", '{"id": 1, "lang": "fr", "text": "a"}\n{"id": 1, "lang": "fr", "text": "b"}')
    with pytest.raises(ValueError, match="got the id '1' twice"):
        read_documents(twice)


def test_published_files(shared_data):
    for language, registers in {"fi": 100, "fr": 67}.items():
        frame = read_documents(shared_data / "raw" / f"{language}.tsv.gz")
        assert len(frame) == 300 and set(frame["lang"]) == {language}
        assert frame["labels"].map(bool).all()
        assert frame["labels"].map(lambda labels: "NA" in labels).sum() > registers
    counts = read_documents(shared_data / "registers").groupby("lang").size().to_dict()
    assert counts == {"en": 2000, "fi": 1675, "fr": 1431, "sv": 1457}
