"""The log: what it adds up to, what a kill leaves, and several writers."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from embetter_reg.corpus import text_digest
from embetter_reg.label import Event, LabelLog
from embetter_reg.label import _log as module


@pytest.fixture
def log(tmp_path):
    return LabelLog(tmp_path / "labels.jsonl")


def lines(log):
    return [
        json.loads(line) for line in log.path.read_text(encoding="utf-8").splitlines()
    ]


def test_a_line_says_who_did_what_to_which_documents_when_and_how_they_were_selected(
    log,
):
    log.apply(
        ["a", "b"],
        ["NA", "OP"],
        by="ann",
        round=2,
        selection={"steps": [{"how": "lasso"}]},
    )
    (line,) = lines(log)
    assert (line["id"], line["label"], line["action"]) == (
        ["a", "b"],
        ["NA", "OP"],
        "apply",
    )
    assert (line["round"], line["by"], line["selection"]) == (
        2,
        "ann",
        {"steps": [{"how": "lasso"}]},
    )
    assert line["time"].endswith("Z") and time.strptime(
        line["time"][:19], "%Y-%m-%dT%H:%M:%S"
    )


def test_undo_and_redo_walk_through_the_actions(log):
    log.apply(["a", "b"], ["NA"])
    log.apply(["b", "c"], ["HI"])
    log.apply(["a"], [])
    seen = [dict(log.state.labels)]
    for turn in (
        log.undo,
        log.undo,
        log.undo,
        log.undo,
        log.redo,
        log.redo,
        log.redo,
        log.redo,
    ):
        turn()
        seen.append(dict(log.state.labels))
    third, second, first, nothing = (
        {"b": ("HI",), "c": ("HI",)},
        None,
        {"a": ("NA",), "b": ("NA",)},
        {},
    )
    second = {"a": ("NA",), "b": ("HI",), "c": ("HI",)}
    assert seen == [third, second, first, nothing, nothing, first, second, third, third]
    assert LabelLog(log.path).state.labels == third


def test_a_new_action_leaves_nothing_to_redo(log):
    log.apply(["a"], ["NA"])
    log.undo()
    log.apply(["b"], ["HI"])
    assert log.redo() is None
    assert log.state.labels == {"b": ("HI",)}


def test_undo_takes_back_ones_own_action_only(log):
    log.apply(["a", "b"], ["NA"], by="ann")
    log.apply(["b"], ["HI"], by="bo")
    assert log.undo("cy") is None
    log.undo("ann")
    assert log.state.labels == {"b": ("HI",)}
    log.redo("ann")
    assert log.state.labels == {"a": ("NA",), "b": ("HI",)}, "bo had the last word on b"


def test_undo_and_redo_outlive_a_restart(log):
    log.apply(["a"], ["NA"], by="ann")
    assert LabelLog(log.path).undo("ann").of == lines(log)[0]["event"]
    assert LabelLog(log.path).redo("ann") is not None
    assert LabelLog(log.path).state.labels == {"a": ("NA",)}


def test_taking_labels_off_is_told_apart_from_never_labeled(log):
    log.apply(["a"], [])
    assert log.state.labels == {} and log.state.cleared == {"a"}
    log.undo()
    assert log.state.cleared == set()


def test_an_import_is_one_action(log):
    log.apply(["a"], ["LY"])
    log.import_labels({"a": ["NA"], "b": ["HI"], "c": ["NA"]}, source="x.csv")
    assert log.state.labels == {"a": ("NA",), "b": ("HI",), "c": ("NA",)}
    assert len(lines(log)) == 3
    log.undo()
    assert log.state.labels == {"a": ("LY",)}
    log.redo()
    assert log.state.labels == {"a": ("NA",), "b": ("HI",), "c": ("NA",)}


def test_documents_that_somebody_else_labeled_meanwhile_are_left(log):
    seen = log.state.n_events
    LabelLog(log.path).apply(["b"], ["HI"], by="bo")
    applied = log.apply(["a", "b"], ["NA"], by="ann", since=seen)
    assert applied.left == ["b"] and applied.event.id == ["a"]
    assert log.state.labels == {"a": ("NA",), "b": ("HI",)}
    assert log.apply(["b"], ["NA"], by="ann", since=seen).event is None
    assert log.apply(["b"], ["NA"], by="ann", since=log.state.n_events).left == []
    assert log.state.disputed() == ["b"]


def test_a_log_sees_what_another_writes(log):
    other = LabelLog(log.path)
    other.apply(["a"], ["NA"], by="bo")
    assert log.state.labels == {}
    assert log.refresh() and log.state.labels == {"a": ("NA",)}
    assert not log.refresh()


@pytest.mark.parametrize(
    "torn", [b'{"id": ["b"], "lab', b"{", b'{"id": ["b"]}', "ä".encode()[:1]]
)
def test_a_torn_last_line_is_cleared_away_by_the_next_action(log, torn):
    log.apply(["a"], ["NA"])
    with open(log.path, "ab") as file:
        file.write(torn)
    again = LabelLog(log.path)
    assert again.state.labels == {"a": ("NA",)}
    again.apply(["c"], ["HI"])
    assert LabelLog(log.path).state.labels == {"a": ("NA",), "c": ("HI",)}
    assert log.refresh() and log.state.labels == {"a": ("NA",), "c": ("HI",)}
    assert len(lines(log)) == 2


def test_a_last_line_that_lacks_nothing_but_its_end_is_kept(log):
    log.apply(["a"], ["NA"])
    with open(log.path, "ab") as file:
        file.write(Event(["b"], ["HI"], "apply", "", event="e").line().rstrip(b"\n"))
    again = LabelLog(log.path)
    again.apply(["c"], ["LY"])
    assert again.state.labels == {"a": ("NA",), "b": ("HI",), "c": ("LY",)}


def test_a_torn_line_longer_than_a_block_is_cleared_away(log):
    log.apply(["a"], ["NA"])
    with open(log.path, "ab") as file:
        file.write(b'{"id": ["' + b"x" * 200_000)
    log.apply(["b"], ["NA"])
    assert LabelLog(log.path).state.labels == {"a": ("NA",), "b": ("NA",)}


@pytest.mark.parametrize(
    "bad", ["not json", "[]", '{"action": "apply"}', '{"id": [], "action": "explode"}']
)
def test_a_line_that_is_no_action_is_named(tmp_path, bad):
    path = tmp_path / "labels.jsonl"
    path.write_text(
        Event(["a"], ["NA"], "apply", "").line().decode() + bad + "\n", encoding="utf-8"
    )
    with pytest.raises(ValueError, match=r"labels\.jsonl:2: .*no action"):
        LabelLog(path)


def test_nothing_is_said_to_be_saved_before_it_is_on_disk(log, monkeypatch):
    order = []
    fsync, write = os.fsync, os.write
    monkeypatch.setattr(
        module.os,
        "write",
        lambda file, data: order.append("write") or write(file, data),
    )
    monkeypatch.setattr(
        module.os, "fsync", lambda file: order.append("fsync") or fsync(file)
    )
    monkeypatch.setattr(log.state, "add", lambda event: order.append("shown"))
    log.apply(["a"], ["NA"])
    assert order[:2] == ["write", "fsync"] and order[-1] == "shown"


def test_a_full_disk_leaves_the_log_as_it_was(log, monkeypatch):
    log.apply(["a"], ["NA"])
    before, write = log.path.read_bytes(), os.write

    def half(file, data):
        if len(data) > 20:
            return write(file, data[:20])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "write", half)
    with pytest.raises(OSError, match="No space"):
        log.apply(["b"], ["NA"])
    assert log.path.read_bytes() == before
    assert log.state.labels == {"a": ("NA",)}


def test_text_of_ids_and_labels_is_kept_as_it_is(log):
    name, label = 'a"\n<b>\u2028', "liebe, größe"
    log.apply([name], [label])
    assert LabelLog(log.path).state.labels == {name: (label,)}


def test_a_string_in_place_of_a_list_is_refused(log):
    with pytest.raises(TypeError, match="got one string"):
        log.apply("abc", ["NA"])


def _label_many(path, by):
    log = LabelLog(path)
    for n in range(40):
        log.apply(
            [f"{by}-{n}", "shared"], ["NA"], by=by, selection={"filler": "x" * 3000}
        )


def test_writers_in_several_processes_append_whole_lines(log):
    processes = [
        multiprocessing.get_context("fork").Process(
            target=_label_many, args=(log.path, by)
        )
        for by in "abc"
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    log.refresh()
    assert log.state.n_events == 120
    assert set(log.state.labels) == {f"{by}-{n}" for by in "abc" for n in range(40)} | {
        "shared"
    }


def test_a_kill_loses_nothing_that_was_told(tmp_path):
    code = f"""
        from embetter_reg.label._log import LabelLog
        log = LabelLog({str(tmp_path / "labels.jsonl")!r})
        for n in range(10**6):
            log.apply([str(n)], ["NA"], selection={{"filler": "x" * 5000}})
            print(n, flush=True)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    )
    told = [process.stdout.readline() for _ in range(30)]
    os.kill(process.pid, signal.SIGKILL)
    told += process.stdout.readlines()
    process.wait()
    whole = {line.strip() for line in told if line.endswith("\n")}
    assert whole <= set(LabelLog(tmp_path / "labels.jsonl").state.labels)


def hand_written(path, *labels):
    lines = [
        f'{{"id": ["d{n}"], "label": {label}, "action": "apply", "time": "", '
        f'"event": "{n}"}}'
        for n, label in enumerate(labels)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return LabelLog(path)


def test_labels_of_a_line_written_by_hand_may_be_one_string(tmp_path):
    log = hand_written(
        tmp_path / "l", '"NA"', '"na, OP"', '"rv"', '"love letter"', "[]"
    )
    assert log.state.labels == {
        "d0": ("NA",),
        "d1": ("NA", "OP"),
        "d2": ("OP", "rv"),
        "d3": ("love letter",),
    }
    assert log.state.cleared == {"d4"}


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ('"NA XY"', "unknown code 'XY'"),
        ("NaN", "got the label nan"),
        ("null", "got the label None"),
        ("3", "got the label 3"),
        ('[["NA"]]', r"got the label \[\['NA'\]\]"),
    ],
)
def test_a_label_that_cannot_be_read_is_named_with_its_line(tmp_path, label, message):
    with pytest.raises(ValueError, match=rf"l:2: .*{message}"):
        hand_written(tmp_path / "l", '"NA"', label)


def test_ids_of_a_line_written_by_hand_are_text(tmp_path):
    path = tmp_path / "l"
    path.write_text('{"id": [1], "label": ["NA"], "action": "apply", "time": ""}\n')
    assert LabelLog(path).state.labels == {"1": ("NA",)}
    path.write_text('{"id": "abc", "label": ["NA"], "action": "apply", "time": ""}\n')
    with pytest.raises(ValueError, match="no action on a list of document ids"):
        LabelLog(path)


def test_each_document_may_get_a_label_of_its_own_in_one_action(log):
    log.apply(["a"], ["LY"], by="ann")
    seen = log.state.n_events
    LabelLog(log.path).apply(["c"], ["HI"], by="bo")
    applied = log.apply_each({"a": ["NA"], "b": [], "c": ["NA"]}, by="ann", since=seen)
    assert (applied.n_labeled, applied.left) == (2, ["c"])
    assert log.state.labels == {"a": ("NA",), "c": ("HI",)}
    log.undo("ann")
    assert log.state.labels == {"a": ("LY",), "c": ("HI",)}


def test_a_folder_in_place_of_a_log_is_one_sentence(tmp_path):
    with pytest.raises(OSError, match=r"which cannot be used .* pass another --out"):
        LabelLog(tmp_path)


TEXTS = {"a": "The minister resigned.", "b": "Mix eggs.", "c": "Mix flour."}


def test_an_id_that_stands_for_another_text_is_reported_and_nothing_is_lost(tmp_path):
    path = tmp_path / "labels.jsonl"
    LabelLog(path, TEXTS).apply(["a", "b", "c"], ["NA"])
    LabelLog(path, TEXTS).apply(["c"], [])
    (event, _) = lines(LabelLog(path))
    assert event["digest"] == [text_digest(text) for text in TEXTS.values()]
    changed = {**TEXTS, "b": "Another text.", "c": "A third."}
    with pytest.warns(UserWarning, match=r"labels of 2 ids \('b', 'c'\)") as messages:
        again = LabelLog(path, changed)
    assert again.warning == str(messages[0].message)
    assert "check these labels, which are kept" in again.warning
    assert again.state.labels == {"a": ("NA",), "b": ("NA",)}
    # Labeled again, and undone: the last word on "b" is of the text of now, on "c" not.
    again.apply(["b", "c"], ["HI"], by="ann")
    again.apply(["c"], ["LY"], by="bo")
    assert LabelLog(path, changed).warning == ""
    again.undo("bo")
    again.undo("ann")
    assert again.state.with_other_texts(changed) == ["b", "c"]


def test_a_log_without_digests_is_read_and_reports_nothing(tmp_path):
    path = tmp_path / "labels.jsonl"
    log = LabelLog(path)
    log.apply(["a"], ["NA"])
    assert "digest" not in lines(log)[0]
    assert LabelLog(path, {"a": "Any text."}).warning == ""
    # Documents that a workspace does not hold have no digest, beside those that it does.
    LabelLog(path, TEXTS).apply(["a", "elsewhere"], ["HI"])
    assert lines(log)[1]["digest"] == [text_digest(TEXTS["a"]), ""]
    assert LabelLog(path, {**TEXTS, "elsewhere": "Any."}).warning == ""


@pytest.mark.parametrize("digest", ['"x"', '["x", "y"]'])
def test_digests_that_fit_no_documents_are_refused(tmp_path, digest):
    path = tmp_path / "l"
    path.write_text(
        '{"id": ["a"], "label": ["NA"], "action": "apply", "time": "", '
        f'"digest": {digest}}}\n'
    )
    with pytest.raises(ValueError, match=r"l:1: .*one digest for each document"):
        LabelLog(path)
