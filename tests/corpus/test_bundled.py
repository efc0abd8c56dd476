import pytest

from embetter_reg.corpus import bundled, load_registers


def test_a_missing_corpus_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(bundled, "files", lambda name: tmp_path / name)
    with pytest.raises(FileNotFoundError, match="got no bundled corpus at"):
        load_registers()


@pytest.mark.parametrize("place", ["embetter_reg/datasets", "datasets"])
def test_installed_and_in_a_checkout(tmp_path, monkeypatch, place):
    monkeypatch.setattr(bundled, "files", lambda name: tmp_path / name)
    (tmp_path / place).mkdir(parents=True)
    (tmp_path / place / "registers.jsonl").write_text(
        '{"id": "a", "labels": ["NA"]}\n', encoding="utf-8"
    )
    assert load_registers().to_dict("records") == [{"id": "a", "labels": ["NA"]}]
