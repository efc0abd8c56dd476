"""Encoders by name."""

import pytest

from embetter_reg.text import make_encoder


def test_names_and_kinds(tiny_folder, tiny_model):
    for name, expected in (
        ("lite", "LiteTextEncoder"),
        ("surface", "SurfaceEncoder"),
        ("registers", "PretrainedRegisters"),
        ("registers:some/folder", "PretrainedRegisters"),
        (str(tiny_folder / "classifier"), "RegisterEncoder"),
        (str(tiny_folder / "gpt2"), "CausalLMEncoder"),
        (str(tiny_folder / "neox"), "CausalLMEncoder"),
        (str(tiny_folder / "bert"), "SentenceEncoder"),
        (tiny_model, "SentenceEncoder"),
        (f"register:{tiny_folder / 'bert'}", "RegisterEncoder"),
        ("sentence:some/model", "SentenceEncoder"),
        ("causal:some/model", "CausalLMEncoder"),
        ("static:some/model", "TextEncoder"),
    ):
        assert type(make_encoder(name)).__name__ == expected, name


def test_options_reach_the_encoder_or_are_refused():
    encoder = make_encoder(
        "register:some/model", layers="half", device=None, long="chunks"
    )
    assert (encoder.name, encoder.layers, encoder.long, encoder.device) == (
        "some/model",
        "half",
        "chunks",
        "auto",
    )
    assert make_encoder("registers:some/folder").name == "some/folder"
    assert make_encoder("lite", random_state=3, n_components=5).random_state == 3
    with pytest.raises(
        ValueError, match="got scale for SentenceEncoder, which has no such parameter"
    ):
        make_encoder("sentence:some/model", scale=False)
    with pytest.raises(
        OSError, match="got the model 'no/such', which could not be loaded"
    ):
        make_encoder("no/such")


def test_a_near_miss_asks_no_hub(monkeypatch, tmp_path):
    from transformers import AutoConfig

    asked = []

    def from_pretrained(name, **options):
        asked.append(name)
        raise OSError("no such model")

    monkeypatch.setattr(AutoConfig, "from_pretrained", from_pretrained)
    for name, near in (
        ("surfce", "surface"),
        ("Surface", "surface"),
        ("lit", "lite"),
        ("register", "registers"),
        ("regster:some/model", "register:some/model"),
        ("sentences:some/model", "sentence:some/model"),
    ):
        with pytest.raises(ValueError, match=f"did you mean '{near}'"):
            make_encoder(name)
    assert not asked
    for name in ("gpt2", "lite/surface", "all-MiniLM-L6-v2", "xlm-roberta-base"):
        with pytest.raises(OSError, match="could not be loaded"):
            make_encoder(name)
    assert len(asked) == 4
    for name in ("", " ", None, 3):
        with pytest.raises(ValueError, match="got the encoder"):
            make_encoder(name)
