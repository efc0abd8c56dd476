import gzip
import json

import pandas as pd
import pytest

from embetter_reg.corpus import document_id, read_documents

ROWS = [
    {
        "id": "a",
        "lang": "fr",
        "labels": ["NA", "ne"],
        "text": 'Il a dit "non" — et voilà.',
    },
    {"id": "b", "lang": "fr", "labels": ["NA"], "text": ""},
    {"id": "c", "lang": "fr", "labels": ["OP", "HI"], "text": "NA"},
]


PAIRS = [("NA", "un"), ("HI", "deux")]


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
    return lines(
        *head,
        *[
            (row["id"], row["lang"], " ".join(row["labels"]), row["text"])
            for row in ROWS
        ],
    )


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
    "tsv with byte-order mark": lambda folder: write(
        folder / "x.tsv", tsv(header=True), "utf-8-sig"
    ),
    "tsv.gz": lambda folder: write(folder / "x.tsv.gz", tsv(header=True)),
    "labels, id, text": lambda folder: write(
        folder / "emb_fr.tsv",
        lines(*[(" ".join(row["labels"]), row["id"], row["text"]) for row in ROWS]),
    ),
    "csv": as_csv,
    "jsonl": lambda folder: write(
        folder / "x.jsonl", "\n".join(json.dumps(row) for row in ROWS) + "\n\n"
    ),
    "jsonl.gz": lambda folder: write(
        folder / "x.jsonl.gz", "\n".join(json.dumps(row) for row in ROWS)
    ),
    "parquet": as_parquet,
    "saved dataset": as_dataset,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_documents(form, tmp_path):
    assert (
        read_documents(FORMS[form](tmp_path))[["id", "lang", "labels", "text"]].to_dict(
            "records"
        )
        == ROWS
    )


def test_labels_and_text_alone(tmp_path):
    path = write(
        tmp_path / "sv_emb.tsv", lines(("NA NE", 'ett " citat'), ("MT", "två"))
    )
    assert read_documents(path).to_dict("records") == [
        {
            "id": document_id("sv", 'ett " citat'),
            "lang": "sv",
            "labels": ["NA", "ne"],
            "text": 'ett " citat',
        },
        {
            "id": document_id("sv", "två"),
            "lang": "sv",
            "labels": ["MT"],
            "text": "två",
        },
    ]


def test_folder_of_one_file_a_language(tmp_path):
    write(tmp_path / "fr.tsv", "NA\tun\n")
    write(
        tmp_path / "en.train.jsonl.gz",
        json.dumps({"labels": "OP", "text": "one", "topic": "food"}),
    )
    frame = read_documents(tmp_path)
    assert frame["lang"].tolist() == ["en", "fr"]
    assert frame["id"].tolist() == [document_id("en", "one"), document_id("fr", "un")]
    assert frame.loc[0, "topic"] == "food"


def test_column_names_and_unlabeled_documents(tmp_path):
    path = write(
        tmp_path / "x.jsonl",
        json.dumps({"body": "one", "genre": "NA", "l": "en", "key": 7}),
    )
    columns = {
        "text_column": "body",
        "labels_column": "genre",
        "lang_column": "l",
        "id_column": "key",
    }
    frame = read_documents(path, **columns)
    assert frame.to_dict("records") == [
        {"id": "7", "lang": "en", "labels": ["NA"], "text": "one"}
    ]
    plain = write(tmp_path / "y.jsonl", json.dumps({"text": "one"}))
    assert read_documents(plain, language="en")["labels"].tolist() == [[]]
    with pytest.raises(ValueError, match=r"no column 'corps' among"):
        read_documents(path, text_column="corps", language="en")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("fr.tsv", b"NA\tun\nNA\ta\tb\tc\n", r"fr.tsv:2: got 4 fields"),
        (
            "fr.tsv",
            b"NA\tun\nXX\tdeux\n",
            r"fr.tsv:2: got the unknown register code 'XX'",
        ),
        (
            "fr.tsv",
            b"NA\tun\nNA\t\xff\xfe\n",
            r"fr.tsv:2: got bytes that are not UTF-8",
        ),
        (
            "x.csv",
            b"lang,labels,text\nfr,NA,un\nfr,NA\n",
            r"x.csv:3: got a row of another width",
        ),
        (
            "fr.jsonl",
            b'{"labels": "NA", "text": "un"}\n{"labels"\n',
            r"fr.jsonl:2: got invalid JSON",
        ),
        ("fr.jsonl", b'{"labels": "NA", "text": "un"}\n[1]\n', r"fr.jsonl:2: got list"),
        (
            "fr.jsonl",
            b'{"labels": "NA", "text": "un"}\n{"text": null}\n',
            r"fr.jsonl:2: got no text",
        ),
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
    with pytest.raises(ValueError, match=r"no \.tsv"):
        read_documents(tmp_path)
    with pytest.raises(ValueError, match="unknown kind"):
        read_documents(write(tmp_path / "x.docx", "a"))
    with pytest.raises(ValueError, match="got no rows"):
        read_documents(write(tmp_path / "fr.tsv", ""))
    with pytest.raises(ValueError, match="got no language"):
        read_documents(write(tmp_path / "corpus.tsv", "NA\tun\n"))
    with pytest.raises(ValueError, match="on_error"):
        read_documents(tmp_path, on_error="ignore")
    twice = write(
        tmp_path / "twice.jsonl",
        '{"id": 1, "lang": "fr", "text": "a"}\n{"id": 1, "lang": "fr", "text": "b"}',
    )
    with pytest.raises(ValueError, match="got the id '1' twice"):
        read_documents(twice)


def test_published_files(shared_data):
    for language, registers in {"fi": 100, "fr": 67}.items():
        frame = read_documents(shared_data / "raw" / f"{language}.tsv.gz")
        assert len(frame) == 300 and set(frame["lang"]) == {language}
        assert frame["labels"].map(bool).all()
        assert frame["labels"].map(lambda labels: "NA" in labels).sum() > registers
    counts = read_documents(shared_data / "registers").groupby("lang").size().to_dict()
    assert counts == {
        "en": 2480,
        "fi": 2725,
        "fr": 1771,
        "id": 400,
        "sv": 1847,
        "tr": 1140,
    }


def test_the_register_ID_is_not_a_header(tmp_path):
    frame = read_documents(
        write(tmp_path / "fr.tsv", lines(("ID", "un"), ("NA", "deux")))
    )
    assert frame["labels"].tolist() == [["ID"], ["NA"]] and frame["text"].tolist() == [
        "un",
        "deux",
    ]


def test_header_of_other_names(tmp_path):
    path = write(tmp_path / "fr.tsv", lines(("genre", "body"), ("ID", "un")))
    frame = read_documents(path, text_column="body", labels_column="genre")
    assert frame.to_dict("records") == [
        {
            "id": document_id("fr", "un"),
            "lang": "fr",
            "labels": ["ID"],
            "text": "un",
        }
    ]


def test_bad_bytes_in_csv_spoil_only_their_row(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b'lang,labels,text\nfr,NA,"un\n\xff"\nfr,NA,deux\n')
    with pytest.raises(ValueError, match=r"x.csv:2: got bytes that are not UTF-8"):
        read_documents(path)
    with pytest.warns(UserWarning, match="skipped 1 bad rows"):
        assert read_documents(path, on_error="skip")["text"].tolist() == ["deux"]


def test_missing_fields_of_parquet_are_missing_not_nan(tmp_path):
    rows = {
        "id": [7, None],
        "lang": ["fr", None],
        "labels": ["NA", None],
        "text": ["un", "deux"],
    }
    frame = pd.DataFrame(rows).astype({"id": "Int64"})
    frame.index = [5, 6]
    frame.to_parquet(tmp_path / "fi.parquet")
    assert read_documents(tmp_path / "fi.parquet").to_dict("records") == [
        {"id": "7", "lang": "fr", "labels": ["NA"], "text": "un"},
        {
            "id": document_id("fi", "deux"),
            "lang": "fi",
            "labels": [],
            "text": "deux",
        },
    ]


def test_labels_of_another_type_are_a_bad_row(tmp_path):
    path = write(tmp_path / "fr.jsonl", '{"labels": 5, "text": "un"}')
    with pytest.raises(ValueError, match=r"fr.jsonl:1: got int as labels"):
        read_documents(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("fr.tsv.gz", b"NA\tun\n"),
        (
            "fr.csv.gz",
            gzip.compress(b"labels,text\n" + b"NA,un\n" * 500, mtime=0)[:-12],
        ),
        ("fr.parquet", b"no"),
    ],
)
def test_damaged_files_are_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name}, which is damaged"):
        read_documents(tmp_path / name)


def test_parts_of_a_corpus_without_ids_can_be_read_together(tmp_path):
    for part in ("train", "test"):
        write(
            tmp_path / f"en.{part}.jsonl.gz", json.dumps({"labels": "NA", "text": part})
        )
    assert read_documents(tmp_path)["id"].tolist() == [
        document_id("en", "test"),
        document_id("en", "train"),
    ]


def test_every_shared_file_has_its_documents(shared_data):
    rows = {"en": (1400, 600), "fi": (1075, 600), "fr": (831, 600), "sv": (857, 600)}
    for language, (n_train, n_test) in rows.items():
        for part, n in (("train", n_train), ("test", n_test)):
            frame = read_documents(
                shared_data / "registers" / f"{language}.{part}.jsonl.gz"
            )
            assert (
                len(frame) == n
                and set(frame["lang"]) == {language}
                and frame["labels"].map(bool).all()
            )


# What a file's name says


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("fr.tsv", "fr"),
        ("FI.TSV", "fi"),
        ("my.tsv", "my"),
        ("my.train.tsv", "my"),
        ("it_train.tsv", "it"),
        ("en.test.jsonl.gz", "en"),
        ("sv-dev-2.csv", "sv"),
        ("emb_fr.tsv", "fr"),
        ("en_embeds.tsv", "en"),
        ("my_docs.tsv", None),
        ("my_test.tsv", None),
        ("to_label.tsv", None),
        ("to-train.jsonl", None),
        ("en_fi.tsv", None),
        ("train_en_2.tsv", None),
        ("xx.tsv", None),
        ("gz.tsv", None),
        ("docs.is.tsv", None),
    ],
)
def test_only_some_names_give_a_language(tmp_path, name, language):
    path = tmp_path / name
    content = {".tsv": "NA\tun\n", ".csv": "text\nun\n"}.get(
        path.suffix.lower(), '{"text": "un"}\n'
    )
    write(path, content)
    if language is None:
        with pytest.raises(ValueError, match=r":1: got no language, expected a column"):
            read_documents(path)
        assert read_documents(path, language="sv")["lang"].tolist() == ["sv"]
    else:
        assert read_documents(path)["lang"].tolist() == [language]


def test_a_language_beside_other_parts_of_a_name_is_reported(tmp_path, recwarn):
    read_documents(write(tmp_path / "fr.tsv", "NA\tun\n"))
    assert not recwarn.list
    with pytest.warns(UserWarning, match=r"from file names: fr of fr_train\.tsv"):
        read_documents(write(tmp_path / "fr_train.tsv", "NA\tun\n"))


def test_the_language_passed_is_that_of_documents_without_one(tmp_path):
    """Neither a column nor a name is overruled; where the name differs, it is named."""
    rows = '{"text": "a", "lang": "sv"}\n{"text": "b", "lang": ""}\n{"text": "c"}\n'
    plain = read_documents(write(tmp_path / "docs.jsonl", rows), language="fi")
    assert plain["lang"].tolist() == ["sv", "fi", "fi"]
    with pytest.warns(UserWarning, match=r"from file names: my of my\.tsv"):
        named = read_documents(write(tmp_path / "my.tsv", "NA\tun\n"), language="fi")
    assert named["lang"].tolist() == ["my"]


# Which files are read


def test_a_folder_names_what_it_leaves_out(tmp_path):
    write(tmp_path / "fr.TSV", "NA\tun\n")
    write(tmp_path / "notes.txt", "hello")
    write(tmp_path / "._en.tsv", "\x00\x05")
    (tmp_path / "more").mkdir()
    write(tmp_path / "more" / "en.tsv", "NA\tone\n")
    with pytest.warns(UserWarning, match=r"left out of .*: more/, notes\.txt; pass"):
        assert read_documents(tmp_path)["text"].tolist() == ["un"]
    with pytest.raises(ValueError, match=r"file among .*empty/, sub/, expected one"):
        (tmp_path / "top" / "sub").mkdir(parents=True)
        (tmp_path / "top" / "empty").mkdir()
        read_documents(tmp_path / "top")


def test_a_file_is_read_once(tmp_path):
    path = write(tmp_path / "fr.tsv", "NA\tun\n")
    with pytest.raises(
        ValueError, match=r"got .*fr\.tsv twice, expected each file once"
    ):
        read_documents([path, tmp_path])


# Odd TSV


def test_one_width_a_file(tmp_path):
    """A document with a tab in it is not an id and a text."""
    path = write(tmp_path / "fr.tsv", "HI\thas\ta tab\nNA\tun\nNA\tdeux\n")
    with pytest.raises(
        ValueError,
        match=r"fr.tsv:1: got 3 fields, expected 2, labels<TAB>text as in the other",
    ):
        read_documents(path)
    with pytest.warns(UserWarning, match="skipped 1 bad rows"):
        frame = read_documents(path, on_error="skip")
    assert frame["text"].tolist() == ["un", "deux"]


@pytest.mark.parametrize("first", ["HI\ttext", "NA ne\tlabel", "ID\tLang"])
def test_a_line_that_begins_with_a_register_is_no_header(tmp_path, first):
    frame = read_documents(write(tmp_path / "fr.tsv", f"{first}\nNA\tdeux\n"))
    assert frame["text"].tolist() == [first.split("\t")[1], "deux"]
    assert frame["labels"].map(bool).all()


def test_a_column_called_as_a_register_is_no_document(tmp_path):
    path = write(tmp_path / "fr.tsv", "ID\tlabels\ttext\n7\tNA\tun\n")
    frame = read_documents(path, id_column="ID")
    assert frame.to_dict("records") == [
        {"id": "7", "lang": "fr", "labels": ["NA"], "text": "un"}
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("fr.tsv", ["NA\tun", "HI\tdeux"]),
        ("fr.csv", ["labels,text", "NA,un", "HI,deux"]),
        ("fr.jsonl", [json.dumps({"labels": x, "text": y}) for x, y in PAIRS]),
    ],
)
def test_all_line_ends(tmp_path, end, name, lines):
    path = tmp_path / name
    path.write_bytes((end.join(lines) + end).encode())
    frame = read_documents(path)
    assert frame["text"].tolist() == ["un", "deux"]
    assert frame["labels"].tolist() == [["NA"], ["HI"]]


def test_a_carriage_return_is_text_or_an_error(tmp_path):
    path = tmp_path / "fr.tsv"
    path.write_bytes(b"NA\tun\rdeux\nHI\ttrois\n")
    assert read_documents(path)["text"].tolist() == ["un\rdeux", "trois"]
    path.write_bytes(b"NA\tun\rHI\tdeux\n")
    with pytest.raises(ValueError, match=r"fr.tsv:1: got a carriage return in a row"):
        read_documents(path)


# Odd CSV and JSON


def test_an_unclosed_quotation_mark_is_an_error_with_its_line(tmp_path):
    rows = "".join(f"NA,text {n}\n" for n in range(1000))
    path = write(tmp_path / "fr.csv", f'labels,text\nNA,"never closed\n{rows}')
    for on_error in ("raise", "skip"):
        with pytest.raises(ValueError, match=r"fr.csv:2: got a quotation mark that is"):
            read_documents(path, on_error=on_error)


def test_a_malformed_quotation_spoils_its_own_rows(tmp_path):
    path = write(tmp_path / "fr.csv", 'labels,text\nNA,"a"b\nNA,deux\n')
    with pytest.raises(ValueError, match=r"fr.csv:2: got a malformed row"):
        read_documents(path)
    with pytest.warns(UserWarning, match="skipped 1 bad rows"):
        assert read_documents(path, on_error="skip")["text"].tolist() == ["deux"]


@pytest.mark.parametrize(
    ("name", "content"),
    [("fr.csv", "text,text\na,b\n"), ("fr.tsv", "text\ttext\na\tb\n")],
)
def test_a_column_twice_is_an_error(tmp_path, name, content):
    with pytest.raises(ValueError, match=f"{name} with the column 'text' twice"):
        read_documents(write(tmp_path / name, content))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"text": "\\ud83d"}', "got half of a surrogate pair in 'text'"),
        ('{"text": "a", "id": "\\udc00"}', "got half of a surrogate pair in 'id'"),
        ('{"text": "a", "text": "b"}', "got invalid JSON .the key 'text' twice."),
        ('{"text": "a", "x": ' + "[" * 200_000, "got JSON nested too deeply"),
        ('{"text": "a", "x": ' + "9" * 5000 + "}", "got invalid JSON .Exceeds"),
        ('{"text": "a", "lang": 5}', "got 5 as a language"),
        ('{"text": "a", "labels": {"NA": 1}}', "got dict as labels"),
        ('{"text": NaN}', "got no text"),
    ],
)
def test_odd_json_is_a_bad_row(tmp_path, row, message):
    path = write(tmp_path / "fr.jsonl", f'{row}\n{{"text": "\\ud83d\\ude00"}}\n')
    with pytest.raises(ValueError, match=f"fr.jsonl:1: {message}"):
        read_documents(path)
    with pytest.warns(UserWarning, match="skipped 1 bad rows"):
        assert read_documents(path, on_error="skip")["text"].tolist() == ["😀"]


# Other names of columns


@pytest.mark.parametrize(
    "row",
    [
        {"text": "un", "label": "NA", "language": "fr"},
        {"text": "un", "register": ["NA"], "lang": "fr"},
        {"text": "un", "label": ["NA"], "meta": {"lang": "fr", "topic": "x"}},
        {"text": "un", "meta": {"language": "fr", "label": "NA"}},
        {"text": "un", "labels": "NA", "label": "spam", "lang": "fr", "meta": None},
    ],
)
def test_columns_that_are_known_by_other_names(tmp_path, row):
    document = read_documents(write(tmp_path / "x.jsonl", json.dumps(row))).loc[0]
    assert document["id"] == document_id("fr", "un")
    assert document["labels"] == ["NA"] and document["lang"] == "fr"
    assert document.get("topic", "x") == "x"


def test_labels_that_are_not_registers_can_be_left_out(tmp_path):
    path = write(tmp_path / "fr.jsonl", '{"text": "un", "label": "spam"}')
    with pytest.raises(ValueError, match="unknown register code 'spam'"):
        read_documents(path)
    frame = read_documents(path, labels_column=None)
    assert frame["labels"].tolist() == [[]] and frame["label"].tolist() == ["spam"]


# Bad arguments


@pytest.mark.parametrize(
    ("paths", "error", "message"),
    [
        (None, TypeError, "got NoneType as paths"),
        (5, TypeError, "got int as paths"),
        ([5], TypeError, "got list as paths"),
        ([], ValueError, "got no paths"),
        ("", ValueError, "with no .tsv|among"),
    ],
)
def test_paths_are_paths(paths, error, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        read_documents(paths)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"text_column": None}, "got text_column=None, expected the name"),
        ({"id_column": ""}, "got id_column='', expected the name"),
        ({"lang_column": 5}, "got lang_column=5, expected the name"),
        ({"labels_column": ["labels"]}, r"got labels_column=\['labels'\], expected"),
        ({"labels_column": "text"}, "got the column 'text' for two things"),
        ({"language": 5}, "got language=5, expected a code"),
        ({"language": ""}, "got language='', expected a code"),
        ({"on_error": None}, "got on_error=None, expected one of"),
    ],
)
def test_options_are_checked_first(options, message):
    with pytest.raises(ValueError, match=message):
        read_documents("nowhere.tsv", **options)


def test_a_row_without_a_language_is_a_bad_row(tmp_path):
    path = tmp_path / "documents.jsonl"
    path.write_text('{"text": "One."}\n{"text": "Two.", "lang": "en"}\n')
    with pytest.raises(ValueError, match=":1: got no language, expected a column"):
        read_documents(path)
    with pytest.warns(UserWarning, match=r"skipped 1 bad rows; the last: .*:1: got no"):
        documents = read_documents(path, on_error="skip")
    assert documents["text"].tolist() == ["Two."]


def test_files_without_rows_are_skipped_with_bad_rows(tmp_path):
    (tmp_path / "en.jsonl").write_text("")
    (tmp_path / "fi.jsonl").write_text('{"text": "Yksi."}\n')
    with pytest.warns(UserWarning, match=r"skipped files without rows: .*en\.jsonl"):
        documents = read_documents(tmp_path, on_error="skip")
    assert documents["text"].tolist() == ["Yksi."]
    (tmp_path / "fi.jsonl").write_text("")
    with pytest.raises(ValueError, match="got no document that could be read"):
        read_documents(tmp_path, on_error="skip")
