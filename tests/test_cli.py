import json
import re
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from matplotlib import image
from sklearn.metrics import f1_score
from typer.testing import CliRunner

from embetter_reg.analysis import make_reducer
from embetter_reg.cli import app, main
from embetter_reg.cli._reducing import reducer_options, umap_options
from embetter_reg.corpus import load_registers, read_documents
from embetter_reg.store import Embeddings, read_embeddings, write_embeddings
from embetter_reg.text import RegisterEncoder, SentenceEncoder, join_layers

pytestmark = pytest.mark.usefixtures("quick_pictures")


def run(*arguments):
    code = "from embetter_reg.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("docs") / "docs.jsonl"
    load_registers().query("lang in ['en', 'fr'] and topic != 'sport'").to_json(
        path, orient="records", lines=True
    )
    return path


def test_help_names_the_commands():
    shown = CliRunner().invoke(app, ["--help"]).output
    commands = {
        "demo",
        "compare",
        "finetune",
        "encode",
        "predict",
        "convert",
        "sweep",
        "average",
        "plot",
        "label",
    }
    assert commands <= set(shown.split())


def test_compare_writes_a_report_on_held_out_documents(corpus, tmp_path):
    done = invoke(
        "compare", corpus, "--controls", "LEACE", "--k", "8", "--out", tmp_path / "r"
    )
    assert done.exit_code == 0, done.exception
    record = json.loads((tmp_path / "r" / "report.json").read_text(encoding="utf-8"))
    read = {
        json.loads(line)["id"]
        for line in corpus.read_text(encoding="utf-8").splitlines()
    }
    assert not set(record["fitted_on"]) & set(record["compared"])
    assert set(record["fitted_on"]) | set(record["compared"]) == read
    assert record["verdict"]["original"]["word"] == "language"
    assert "The tuned space" in done.stdout and "Report:" in done.stdout


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Documents with a tenth of hybrids, and two folders of embeddings of them; one
    carries predictions.
    """
    folder = tmp_path_factory.mktemp("folders")
    documents = load_registers().query("lang in ['en', 'fr']").reset_index(drop=True)
    documents["labels"] = [
        [*found, "SP"] if n % 10 == 0 and "SP" not in found else list(found)
        for n, found in enumerate(documents["labels"])
    ]
    documents.to_json(folder / "docs.jsonl", orient="records", lines=True)
    read = read_documents(folder / "docs.jsonl")
    rng = np.random.default_rng(0)
    for name, column in (("one", "labels"), ("two", "lang")):
        codes = pd.factorize(read[column].map(str))[0] % 16
        X = rng.normal(scale=0.2, size=(len(read), 16)) + np.eye(16)[codes]
        shown = (
            read.assign(predicted=read["labels"], predicted_best=read["labels"])
            if name == "one"
            else read
        )
        marker = {"threshold": {"chosen_on": "the gold labels of these documents"}}
        write_embeddings(Embeddings(shown, {"embedding": X}, [marker]), folder / name)
    return folder


def test_compare_takes_folders_of_embeddings(folders, tmp_path):
    done = invoke(
        "compare",
        folders / "docs.jsonl",
        "--embeddings",
        folders / "one",
        "--embeddings",
        folders / "two",
        "--controls",
        "LEACE,length only",
        "--figures",
        "silhouette",
        "--k",
        "8",
        "--hybrids",
        "both",
        "--head",
        "contrastive",
        "--out",
        tmp_path,
    )
    assert done.exit_code == 0, done.exception
    record = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert record["about"]["head"].startswith("ContrastiveTuner(")
    spaces = ["one original", "one tuned", "two original", "two tuned"]
    assert record["parameters"]["spaces"] == spaces
    assert record["parameters"]["controls"] == ["LEACE", "length only"]
    assert record["parameters"]["controls_fitted_on"]["erasers"] == "train vectors"
    assert {row["figure"] for row in record["figures"]} == {
        "register silhouette",
        "language silhouette",
        "BRAS",
    }
    assert {row["documents"] for row in record["hybrids"]} == {
        "with hybrids",
        "without hybrids",
    }
    assert record["verdict"]["two original"]["word"] == "language"


def test_files_of_equal_names_hold_different_documents(tmp_path):
    """Row 1 of train/en.tsv and of test/en.tsv are two documents; copies of train
    documents but for a word are left out of test.
    """
    corpus = load_registers().query("lang in ['en', 'fr']")
    train = corpus.iloc[::2]
    copies = train.head(5).assign(text=train["text"].head(5) + " Amen.")
    test = pd.concat([corpus.iloc[1::2], copies])
    for name, part in (("train", train), ("test", test)):
        (tmp_path / name).mkdir()
        for language, rows in part.groupby("lang"):
            lines = [
                f"{' '.join(labels)}\t{' '.join(text.split())}\n"
                for labels, text in zip(rows["labels"], rows["text"], strict=True)
            ]
            path = tmp_path / name / f"{language}.tsv"
            path.write_text("".join(lines), encoding="utf-8")
    options = ["--encoders", "surface", "--head", "none", "--figures", "none"]
    done = invoke(
        "compare",
        tmp_path / "train",
        "--test",
        tmp_path / "test",
        *options,
        "--controls",
        "none",
        "--k",
        "8",
        "--near-duplicates",
        "drop",
        "--out",
        tmp_path / "r",
    )
    assert done.exit_code == 0, done.exception
    record = json.loads((tmp_path / "r" / "report.json").read_text(encoding="utf-8"))
    assert len(record["near_duplicates"]) == 5
    assert len(record["compared"]) == len(corpus) // 2
    assert not set(record["compared"]) & set(record["fitted_on"])


def test_plot_draws_a_page_or_a_picture(folders, tmp_path):
    spaces = [folders / "one", folders / "two"]
    page = tmp_path / "deep" / "map.html"
    done = invoke(
        "plot",
        *spaces,
        "--reducer",
        "pca,center_pca",
        "--color",
        "register,language,predicted",
        "--n-first",
        4,
        "--sample",
        60,
        "--title",
        "Both",
        "--out",
        page,
    )
    assert done.exit_code == 0, done.exception
    assert "4 maps of 60 documents" in done.output
    text = page.read_text(encoding="utf-8")
    assert all(
        name in text
        for name in (
            "Both",
            "one, pca",
            "two, center_pca",
            "hybrid",
            "color by predicted",
        )
    )
    outs = [tmp_path / f"map.{kind}" for kind in ("png", "svg", "pdf")]
    arguments = ["--reducer", "pca", "--color", "lang", "--dpi", 50, "--width", 4]
    arguments += ["--map", tmp_path / "kept.parquet"]
    for out in outs:
        arguments += ["--out", out]
    done = invoke("plot", *spaces, *arguments)
    assert done.exit_code == 0, done.exception
    assert image.imread(outs[0]).shape[1] == 200
    assert ">PC 1 (" in (tmp_path / "map.svg").read_text(encoding="utf-8")
    kept = pd.read_parquet(tmp_path / "kept.parquet")
    stored = read_embeddings(spaces[0])
    vectors = next(iter(stored.layers.values())).astype(np.float32)
    expected = make_reducer("pca", random_state=0).fit_transform(vectors)
    assert kept["id"].tolist() == stored.documents["id"].tolist()
    np.testing.assert_allclose(kept[["one: x", "one: y"]], expected, atol=1e-3)
    again = ["--reducer", "umap", "--color", "register", "--out", outs[0]]
    done = invoke("plot", *spaces, *again, "--map", tmp_path / "kept.parquet")
    assert done.exit_code == 0 and "maps taken from" in done.output
    assert "holds maps of" not in done.output
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "kept.parquet"), kept)
    done = invoke("plot", spaces[0], *again, "--map", tmp_path / "kept.parquet")
    assert "holds maps of two, not of one" in " ".join(done.output.split())
    kept.assign(id=kept["id"] + "?").to_parquet(tmp_path / "other.parquet")
    done = invoke("plot", *spaces, *again, "--map", tmp_path / "other.parquet")
    assert "expected documents of these embeddings only" in str(done.exception)


def test_options_of_umap_go_to_umap_alone():
    umap = umap_options(["pca", "umap"], 5, None, "euclidean")
    assert umap == {"n_neighbors": 5, "metric": "euclidean"}
    assert reducer_options("pca", "pca", 9, umap) == {}
    first = {"first": "pca", "n_first": 9}
    assert reducer_options("umap", "pca", 9, umap) == {**umap, **first}
    assert reducer_options("tsne", "scale", 9, umap) == {"first": "scale"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--out", "map.gif"],
            "got --out map.gif, expected a name that ends in one of .html",
        ),
        (["--color", "topic"], r"got the column 'topic', expected one of \['id'"),
        (["--hover", "body"], "got the column 'body'"),
        (["--reducer", "magic"], "got reducer='magic'"),
        (["--first", "magic"], "got --first magic, expected one of none, pca"),
        (["--layers", "last"], r"got the layers \['last'\]"),
        (["--reducer", "pca", "--min-dist", "0"], "got --min-dist with pca, expected"),
        (["--font", "Nowhere"], "got the font 'Nowhere'"),
    ],
)
def test_plot_says_what_is_wrong(folders, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    done = invoke("plot", folders / "one", *options)
    assert done.exit_code == 1 and re.search(message, str(done.exception))


def test_a_folder_as_encoder_gives_its_name_to_the_space(tiny_model, corpus, tmp_path):
    done = invoke(
        "compare",
        corpus,
        "--encoders",
        tiny_model,
        "--encoders",
        "surface",
        "--layers",
        "1,-1",
        "--prompt",
        "the law ",
        "--figures",
        "none",
        "--controls",
        "none",
        "--k",
        "8",
        "--out",
        tmp_path,
    )
    assert done.exit_code == 0, done.exception
    record = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert record["parameters"]["spaces"][:2] == ["st original", "st tuned"]
    encoder = record["about"]["encoder st"]
    assert "layers=[1, -1]" in encoder and "prompt='the law '" in encoder


def test_predictions_are_compared_only_when_asked_for(folders, tmp_path):
    arguments = [
        "compare",
        folders / "docs.jsonl",
        "--embeddings",
        folders / "one",
        "--figures",
        "none",
        "--controls",
        "none",
        "--k",
        "8",
        "--out",
        tmp_path,
    ]
    done = invoke(*arguments, "--label-source", "predicted")
    assert done.exit_code == 0, done.exception
    assert "PREDICTED by a classifier" in (tmp_path / "report.md").read_text(
        encoding="utf-8"
    )
    done = invoke(*arguments, "--label-source", "predicted_best")
    assert "whose threshold was chosen on these documents' own gold labels" in str(
        done.exception
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.tsv"], "nothing.tsv, which does not exist"),
        (["CORPUS", "--head", "mlp"], "got the head 'mlp'"),
        (["CORPUS", "--hybrids", "keep"], "got --hybrids keep"),
        (["CORPUS", "--group", "some"], "got group='some'"),
        (["CORPUS", "--test", "CORPUS"], "no held-out document"),
        (["ENGLISH"], "got held-out documents of one language (en)"),
        (["CORPUS", "--controls", "magic"], "got controls='magic'"),
        (
            ["CORPUS", "--label-source", "predicted"],
            "got label_source='predicted' without embeddings",
        ),
        (["CORPUS", "--figures", "silhoette"], "did you mean 'silhouette'?"),
        (["CORPUS", "--k", "8-2"], "got --k 8-2, expected numbers and rising ranges"),
        (["CORPUS", "--k", "1"], "expected numbers from 2"),
        (["CORPUS", "--encoders", "no/such"], "got the model 'no/such'"),
    ],
)
def test_bad_input_is_one_sentence_and_code_2(
    corpus, tmp_path, monkeypatch, capsys, arguments, message
):
    english = tmp_path / "en.jsonl"
    load_registers().query("lang == 'en'").to_json(
        english, orient="records", lines=True
    )
    arguments = [
        {"CORPUS": corpus, "ENGLISH": english}.get(argument, argument)
        for argument in arguments
    ]
    monkeypatch.setattr(
        sys,
        "argv",
        ["embetter-reg", "compare", *map(str, arguments), "--out", str(tmp_path)],
    )
    monkeypatch.setattr(
        warnings, "showwarning", warnings.showwarning
    )  # which main sets
    with pytest.raises(SystemExit, match="2"):
        main()
    shown = capsys.readouterr().err
    assert message in shown and "Traceback" not in shown
    assert not (tmp_path / "report.html").exists()


def test_a_warning_is_one_line(tmp_path):
    path = tmp_path / "docs.tsv"
    path.write_text(
        "NA\tone\textra\tfield\n" + "".join(f"NA\ttext {n}\n" for n in range(9))
    )
    done = run(
        "encode",
        path,
        "--language",
        "en",
        "--encoder",
        "surface",
        "--skip-bad-rows",
        "--out",
        tmp_path / "e",
    )
    assert done.returncode == 0, done.stderr
    assert "skipped 1 bad rows" in done.stderr and "Warning:" not in done.stderr


def test_debug_shows_the_traceback():
    done = run("compare", "nothing.tsv", "--debug")
    assert done.returncode == 1 and "Traceback" in done.stderr
    done = run("compare", "nothing.tsv")
    assert done.returncode == 2 and "Traceback" not in done.stderr


def test_usage_errors_are_code_2():
    assert run("compare").returncode == 2
    assert run("invent").returncode == 2


@pytest.fixture(scope="module")
def labeled(tmp_path_factory):
    """Two files of different documents with gold labels."""
    folder = tmp_path_factory.mktemp("labeled")
    corpus = load_registers().query("lang in ['en', 'fr']").groupby("lang").head(16)
    for name, part in (("one", corpus.iloc[::2]), ("two", corpus.iloc[1::2])):
        part.to_json(folder / f"{name}.jsonl", orient="records", lines=True)
    return folder


def invoke(*arguments):
    """Run a command in this process, where the models' library is loaded already."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return CliRunner().invoke(app, [str(argument) for argument in arguments])


def lines_of(path):
    return path.read_text(encoding="utf-8").splitlines()


def test_encode_then_predict_from_what_is_stored(labeled, tiny_folder, tmp_path):
    model = tiny_folder / "classifier"
    done = invoke(
        "encode",
        labeled / "one.jsonl",
        "--encoder",
        model,
        "--layers",
        "first,-1",
        "--out",
        tmp_path / "e",
        "--shard-size",
        5,
        "--precision",
        "float16",
        "--no-text",
        "--device",
        "cpu",
    )
    assert done.exit_code == 0, done.output
    found = read_embeddings(tmp_path / "e")
    texts = read_documents(labeled / "one.jsonl")["text"]
    with pytest.warns(UserWarning, match="longer than 64"):
        expected = RegisterEncoder(str(model), device="cpu").encode(
            texts, ["first", -1]
        )
    np.testing.assert_allclose(
        found.layers["first"], expected.layers["first"], atol=2e-2
    )
    assert (
        "text" not in found.documents
        and len(list((tmp_path / "e").glob("part-*"))) == 4
    )
    stored = invoke("predict", tmp_path / "e", "--out", tmp_path / "stored")
    again = invoke(
        "predict",
        labeled / "one.jsonl",
        "--model",
        model,
        "--device",
        "cpu",
        "--out",
        tmp_path / "again",
    )
    assert stored.exit_code == again.exit_code == 0, again.output
    probabilities = [
        [json.loads(line)["probabilities"] for line in lines_of(path)]
        for path in sorted(tmp_path.glob("*/predictions.jsonl"))
    ]
    first, second = map(pd.DataFrame, probabilities)
    pd.testing.assert_frame_equal(first, second, atol=2e-4)
    reports = [
        pd.read_csv(tmp_path / name / "reports.csv") for name in ("stored", "again")
    ]
    pd.testing.assert_frame_equal(*reports)
    documents = read_documents(labeled / "one.jsonl")
    guess = [
        json.loads(line)["predicted"]
        for line in lines_of(tmp_path / "again" / "predictions.jsonl")
    ]
    rows = map(json.loads, lines_of(tmp_path / "again" / "predictions.jsonl"))
    shown = [list(row["probabilities"].values()) for row in rows]
    np.testing.assert_allclose(shown, expected.probabilities, atol=1e-4)
    classes = ["NA", "ne", "OP", "rv", "HI"]
    gold, guess = (
        [[c in labels for c in classes] for labels in sets]
        for sets in (documents["labels"], guess)
    )
    overall = reports[0].query("language == 'all' and documents == 'all'")
    micro = overall["micro_f1"].item()
    assert micro == pytest.approx(
        f1_score(gold, guess, average="micro", zero_division=0)
    )
    refused = invoke("predict", tmp_path / "e", "--threshold", "best")
    assert "chosen on these documents' own gold labels" in str(refused.exception)


def test_encode_stores_each_layer(labeled, tiny_model, tmp_path):
    docs = labeled / "one.jsonl"
    options = ["--layers", "1, 3,-1", "--prompt", "the law "]
    encoding = ["--encoder", tiny_model, *options, "--pooling", "max"]
    done = invoke("encode", docs, *encoding, "--device", "cpu", "--out", tmp_path / "e")
    assert done.exit_code == 0, done.output
    encoder = SentenceEncoder(tiny_model, prompt="the law ", device="cpu")
    encoder.set_params(layers=[1, 3, -1], pooling="max")
    stored = read_embeddings(tmp_path / "e")
    assert list(stored.layers) == ["1", "3", "-1"]
    with pytest.warns(UserWarning, match="longer than 64"):
        X = encoder.transform(stored.documents["text"])
    np.testing.assert_allclose(join_layers(stored.layers), X, atol=1e-5)
    other = ["--encoder", tiny_model, "--layers", "1,3,-1", "--pooling", "max"]
    refused = invoke("encode", docs, *other, "--out", tmp_path / "e")
    assert "holds embeddings with other" in str(refused.exception)


def test_predict_leaves_out_the_documents_that_chose_the_threshold(
    labeled, tiny_folder, tmp_path
):
    one, two = labeled / "one.jsonl", labeled / "two.jsonl"
    options = [
        "--model",
        tiny_folder / "classifier",
        "--threshold",
        "best",
        "--device",
        "cpu",
        "--out",
        tmp_path,
    ]
    done = invoke("predict", one, two, *options, "--threshold-docs", one)
    assert done.exit_code == 0, done.output
    ids = [json.loads(line)["id"] for line in lines_of(tmp_path / "predictions.jsonl")]
    assert ids == read_documents(two)["id"].tolist()


def test_encode_goes_on_and_refuses_another_encoder(labeled, tmp_path):
    arguments = [
        "encode",
        labeled / "one.jsonl",
        "--encoder",
        "surface",
        "--out",
        tmp_path / "e",
        "--shard-size",
        4,
    ]
    assert invoke(*arguments).exit_code == 0
    (tmp_path / "e" / "part-00001.parquet").unlink()
    assert invoke(*arguments).exit_code == 0
    assert len(read_embeddings(tmp_path / "e").documents) == 16
    done = run(*[*arguments[:2], *arguments[4:]])
    assert (
        done.returncode == 2
        and "with other encoder, parameters" in done.stderr
        and "Traceback" not in done.stderr
    )


def test_convert(tmp_path):
    frame = pd.DataFrame(
        {
            "id": ["a", "b"],
            "lang": "fi",
            "labels": [["NA", "ne"], ["OP"]],
            "preds": [["NA"], ["OP"]],
            "embed_last": [[0.5, 1.0], [2.0, -1.5]],
        }
    )
    frame.to_csv(tmp_path / "fi_embeds.tsv", sep="\t")
    done = invoke("convert", tmp_path / "fi_embeds.tsv", "--out", tmp_path / "e")
    assert done.exit_code == 0 and "2 documents (last 2 dimensions)" in done.output
    np.testing.assert_array_equal(
        read_embeddings(tmp_path / "e").layers["last"], [[0.5, 1.0], [2.0, -1.5]]
    )
    for source in (tmp_path / "e", tmp_path / "fi_embeds.tsv"):
        done = invoke("predict", source)
        assert done.exit_code == 0 and "F1 against gold labels" in done.output, (
            done.output
        )


def test_sweep_then_average(labeled, tmp_path):
    for seed, name in enumerate(("a", "b")):
        options = [
            "--encoder",
            "surface",
            "--random-state",
            seed,
            "--no-text",
            "--out",
            tmp_path / f"fold_{name}",
        ]
        assert invoke("encode", labeled, *options).exit_code == 0
    swept = [tmp_path / f"swept_{name}" for name in ("a", "b")]
    for name, out in zip(("a", "b"), swept, strict=True):
        arguments = [
            "sweep",
            tmp_path / f"fold_{name}",
            "--reducers",
            "none,pca",
            "--k",
            "2-4,6",
            "--group",
            "all",
        ]
        done = invoke(*arguments, "--n-seeds", 2, "--hybrids", "keep", "--out", out)
        assert done.exit_code == 0, done.output
        assert {
            "sweep.csv",
            "best_k.csv",
            "curves_none.png",
            "curves_pca_2.png",
            "map_embedding_pca.png",
        } <= {path.name for path in out.iterdir()}
    done = invoke("average", *swept, "--out", tmp_path / "mean")
    assert done.exit_code == 0 and "Tables, curves and maps" in done.output
    averaged = pd.read_csv(tmp_path / "mean" / "average.csv")
    assert set(averaged["space"]) == {"embedding"}  # of folders with two names
    assert set(averaged["k"]) == {2, 3, 4, 6} and set(averaged["n_runs"]) == {4}
    every = pd.concat([pd.read_csv(out / "sweep.csv") for out in swept])
    expected = every.groupby(["reducer", "clusterer", "k"])["register_ami"].mean()
    np.testing.assert_allclose(
        averaged.set_index(["reducer", "clusterer", "k"])["register_ami"].sort_index(),
        expected,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["encode", "--encoder", "surface", "--precision", "int8"], "'int8'"),
        (["encode", "--encoder", "surface", "--shard-size", "0"], "shard_size=0"),
        (["encode", "--encoder", "surface", "--out", "FILE"], "is not a folder"),
        (["encode", "--encoder", "CLASSIFIER", "--layers", "99"], "got the layer 99"),
        (
            ["encode", "--encoder", "surface", "--threshold-docs", "ONE"],
            "expected a register classifier",
        ),
        (["predict", "--model", "CLASSIFIER", "--threshold", "2"], "--threshold 2"),
        (["predict", "--model", "CLASSIFIER", "--threshold", "nan"], "threshold nan"),
        (["predict", "--model", "CLASSIFIER", "--threshold", "best"], "fit_threshold"),
        (["predict", "--model", "CLASSIFIER", "--out", "FILE"], "is not a folder"),
        (
            ["predict", "--base-model", "no/such", "--no-download"],
            "got the model 'no/such', which could not be loaded",
        ),
        (["convert", "--precision", "int8"], "'int8'"),
        (["convert", "--out", "FILE"], "is not a folder"),
        (["label", "--map", "no.parquet"], "no.parquet, which does not exist"),
        (["label", "--out", "s3://bucket/labels.jsonl"], "got the URL"),
        (["plot", "--map", "s3://bucket/map.parquet"], "got the URL"),
    ],
)
def test_options_are_checked_before_documents_are_read(
    labeled, tiny_folder, tiny_pretrained, tmp_path, monkeypatch, arguments, message
):
    def read(*_, **__):
        raise AssertionError("the documents were read first")

    monkeypatch.setattr("embetter_reg.corpus.read_documents", read)
    (tmp_path / "file").touch()
    folder = tmp_path / "older"
    folder.mkdir()
    (folder / "fi.tsv").write_text("id\tlabels\tembed_e\na\tNA\t[1, 2]\n")
    names = {
        "FILE": tmp_path / "file",
        "ONE": labeled / "one.jsonl",
        "CLASSIFIER": tiny_folder / "classifier",
    }
    command, *options = [names.get(argument, argument) for argument in arguments]
    if command == "plot":
        options += ["--out", tmp_path / "map.png"]
    source = folder if command == "convert" else names["ONE"]
    if "--out" not in options:
        options += ["--out", tmp_path / "o"]
    done = invoke(command, source, *options)
    assert message in str(done.exception)
    assert isinstance(done.exception, ValueError | OSError)
    assert not (tmp_path / "o").exists()


def test_predict_needs_no_gold_labels(tiny_folder, tmp_path):
    path = tmp_path / "en.txt.tsv"
    path.write_text("lang\ttext\nen\tthe cat sat\n")
    model = ["--model", tiny_folder / "classifier", "--device", "cpu"]
    done = invoke("predict", path, *model)
    assert done.exit_code == 0 and "each predicted register" in done.output
    done = invoke("predict", path, *model, "--out", tmp_path / "o")
    assert done.exit_code == 0 and "no gold labels to report on" in done.output
    assert len(lines_of(tmp_path / "o" / "predictions.jsonl")) == 1


def test_convert_of_nothing_leaves_no_folder(tmp_path):
    (tmp_path / "x.txt").touch()
    done = invoke("convert", tmp_path / "x.txt", "--out", tmp_path / "o")
    assert "expected a folder of embeddings" in str(done.exception)
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sweep", "ONE"], "expected a folder of embeddings"),
        (["average", "NOWHERE"], "expected a sweep"),
        (
            ["encode", "ONE", "--encoder", "surface", "--layers", "last"],
            "for SurfaceEncoder, which has none to choose",
        ),
        (
            ["encode", "ONE", "--encoder", "surface", "--device", "cpu"],
            "got device for SurfaceEncoder, which has no such",
        ),
        (
            ["encode", "ONE", "--encoder", "surface", "--threshold-docs", "ONE"],
            "expected a register classifier",
        ),
        (
            ["encode", "ONE", "--encoder", "CLASSIFIER", "--layers", "middle"],
            "got the layer 'middle'",
        ),
        (
            ["predict", "ONE", "--model", "CLASSIFIER", "--threshold", "high"],
            "got --threshold high",
        ),
        (
            ["predict", "ONE", "--model", "CLASSIFIER", "--threshold", "best"],
            "call fit_threshold first",
        ),
        (["convert", "ONE"], "expected a folder of embeddings"),
    ],
)
def test_bad_input_of_the_other_commands(
    labeled, tiny_folder, tmp_path, arguments, message
):
    names = {
        "NOWHERE": tmp_path,
        "ONE": labeled / "one.jsonl",
        "CLASSIFIER": tiny_folder / "classifier",
    }
    done = invoke(
        *[names.get(argument, argument) for argument in arguments],
        "--out",
        tmp_path / "o",
    )
    assert done.exit_code != 0 and message in str(done.exception)


def test_names_are_printed_as_they_stand(tmp_path, monkeypatch, capsys):
    docs = tmp_path / "docs[en]" / "en.tsv"
    docs.parent.mkdir()
    docs.write_text("NA\tOnce upon a time.\nHI\tMix the flour.\n", encoding="utf-8")
    done = invoke("encode", docs, "--encoder", "surface", "--out", tmp_path / "o[/5]")
    assert done.exit_code == 0, done.exception
    assert str(tmp_path / "o[/5]") in done.output
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # main sets it
    arguments = ["convert", "no[/quote].tsv", "--out", str(tmp_path / "e")]
    monkeypatch.setattr(sys, "argv", ["embetter-reg", *arguments])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == 2
    assert "got no[/quote].tsv, which does not exist" in capsys.readouterr().err
