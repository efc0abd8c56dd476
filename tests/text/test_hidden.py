"""The one pass through a transformer, against the library called document by document."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer

from embetter_reg.text import CausalLMEncoder, RegisterEncoder
from embetter_reg.text._hidden import HiddenPass
from embetter_reg.text._loading import longest_input, resolve_layer
from embetter_reg.text._windows import special_tokens, split_long

WORDS = [
    "the",
    "cat",
    "sat",
    "on",
    "the",
    "mat",
    "mix",
    "flour",
    "and",
    "bake",
    "we",
    "voted",
    "for",
    "new",
    "law",
]
RNG = np.random.default_rng(0)
TEXTS = [" ".join(RNG.choice(WORDS, size=n)) for n in (3, 40, 1, 17, 9, 30, 2, 25)] + [
    ""
]
LONG = " ".join(RNG.choice(WORDS, size=150))


@pytest.fixture(scope="module")
def bert(tiny_folder):
    folder = tiny_folder / "bert"
    return AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(
        folder
    ).eval()


def one_by_one(tokenizer, model, text, layer, pooling):
    with torch.no_grad():
        hidden = model(
            **tokenizer(text, return_tensors="pt"), output_hidden_states=True
        ).hidden_states[layer][0]
    return {
        "mean": hidden.mean(0),
        "cls": hidden[0],
        "last_token": hidden[-1],
        "max": hidden.amax(0),
    }[pooling].numpy()


@pytest.mark.parametrize("pooling", ["mean", "cls", "last_token", "max"])
@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_every_layer_is_the_library_whatever_the_batch(bert, pooling, batch_size):
    found = HiddenPass(*bert).documents(TEXTS, range(5), pooling, batch_size=batch_size)
    assert found.n_truncated == 0
    for layer in range(5):
        expected = [one_by_one(*bert, text, layer, pooling) for text in TEXTS]
        np.testing.assert_allclose(found.layers[layer], expected, atol=1e-5)


def test_layers_by_name():
    assert [
        resolve_layer(name, 12)
        for name in ("first", "half", "three_quarters", "last", 0, -1, "4")
    ] == [
        1,
        6,
        9,
        12,
        0,
        12,
        4,
    ]
    assert [resolve_layer(name, 5) for name in ("half", "three_quarters")] == [3, 4]
    for wrong in ("middle", 13, -14, 1.5, True, None):
        with pytest.raises(ValueError, match="got the layer"):
            resolve_layer(wrong, 12)


def test_what_a_model_takes(bert, tiny_folder):
    assert longest_input(*bert) == 64
    roberta = AutoModel.from_pretrained(tiny_folder / "roberta")
    assert (
        longest_input(bert[0], roberta) == 64
    )  # 66 positions, two of them before the first token
    assert special_tokens(bert[0]) == ([2], [3])
    with pytest.raises(ValueError, match="got max_length=65, expected 1 to 64"):
        HiddenPass(*bert, max_length=65)


def test_windows_of_a_long_document():
    assert split_long(5, 5, "chunks", 2) == [range(5)]
    assert split_long(9, 4, "head", 1) == [range(4)]
    assert split_long(9, 4, "head_tail", 1) == [[0, 6, 7, 8]]
    assert split_long(9, 4, "chunks", 1) == [range(4), range(3, 7), range(6, 9)]
    for n in range(1, 60):
        for overlap in range(4):
            windows = split_long(n, 7, "chunks", overlap)
            assert {i for window in windows for i in window} == set(range(n))
            assert all(len(window) <= 7 for window in windows)
            assert all(len(set(a) & set(b)) == overlap for a, b in pairwise(windows))


def test_head_is_the_library_truncation_and_is_counted(bert):
    tokenizer, model = bert
    texts = [LONG, "the cat", LONG + " law"]
    found = HiddenPass(*bert, max_length=20).documents(texts, [4], "mean")
    assert found.n_truncated == 2
    for text, vector in zip(texts, found.layers[4], strict=True):
        with torch.no_grad():
            inputs = tokenizer(
                text, truncation=True, max_length=20, return_tensors="pt"
            )
            np.testing.assert_allclose(
                vector, model(**inputs).last_hidden_state[0].mean(0), atol=1e-5
            )


def test_chunks_are_averaged_by_tokens(bert):
    tokenizer, _ = bert
    ids = tokenizer(LONG, add_special_tokens=False)["input_ids"]
    found = HiddenPass(*bert).documents(
        [LONG, "the cat"], [4], "mean", long="chunks", overlap=10, batch_size=2
    )
    assert found.n_truncated == 0
    total, weight = 0, 0
    for window in split_long(len(ids), 62, "chunks", 10):
        part = tokenizer.decode([ids[i] for i in window])
        assert tokenizer(part, add_special_tokens=False)["input_ids"] == [
            ids[i] for i in window
        ]
        total = total + len(window) * one_by_one(*bert, part, 4, "mean")
        weight += len(window)
    np.testing.assert_allclose(found.layers[4][0], total / weight, atol=1e-5)
    np.testing.assert_allclose(
        found.layers[4][1], one_by_one(*bert, "the cat", 4, "mean"), atol=1e-5
    )


def test_long_documents_warn_once_and_chunks_do_not(tiny_folder):
    encoder = RegisterEncoder(str(tiny_folder / "classifier"), device="cpu")
    with pytest.warns(
        UserWarning, match="2 of 3 documents are longer than 64 tokens; the first ones"
    ) as caught:
        encoder.transform([LONG, LONG, "the cat"])
    assert len(caught) == 1 and encoder.n_truncated_ == 2
    assert (
        encoder.set_params(long="chunks", overlap=16).transform([LONG]).shape == (1, 16)
        and encoder.n_truncated_ == 0
    )


def test_out_of_memory_halves_the_batch_and_goes_on(bert):
    tokenizer, model = bert
    sizes = []

    class Small(torch.nn.Module):
        config, device = model.config, model.device

        def __init__(self, most):
            super().__init__()
            self.most = most

        def forward(self, input_ids, **options):
            sizes.append(len(input_ids))
            if len(input_ids) > self.most:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return model(input_ids=input_ids, **options)

    found = HiddenPass(tokenizer, Small(2)).documents(TEXTS, [4], "mean", batch_size=9)
    np.testing.assert_allclose(
        found.layers[4],
        HiddenPass(*bert).documents(TEXTS, [4], "mean").layers[4],
        atol=1e-5,
    )
    assert sizes == [9, 4, 2, 2, 2, 2, 1]
    with pytest.raises(RuntimeError, match="does not fit in memory by itself"):
        HiddenPass(tokenizer, Small(0)).documents(TEXTS, [4], "mean")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pooling": "median"}, "got pooling='median'"),
        ({"long": "tail"}, "got long='tail'"),
        ({"layers": 5}, "got the layer 5"),
        ({"batch_size": 0}, "got batch_size=0"),
        ({"max_length": 2}, "got room for 0 tokens"),
        ({"long": "chunks", "overlap": 62}, "got room for 62 tokens"),
        ({"dtype": "int4"}, "got dtype='int4'"),
        ({"name": "no/such"}, "got the model 'no/such', which could not be loaded"),
    ],
)
def test_bad_parameters_are_one_sentence(tiny_folder, change, message):
    encoder = RegisterEncoder(str(tiny_folder / "classifier"), device="cpu").set_params(
        **change
    )
    with pytest.raises((ValueError, OSError), match=message.replace("(", r"\(")):
        encoder.transform(["the cat"])


def test_half_types_give_float32_near_the_full_result(tiny_folder):
    folder = str(tiny_folder / "classifier")
    full = RegisterEncoder(folder, device="cpu").transform(TEXTS)
    half = RegisterEncoder(folder, device="cpu", dtype="bfloat16").transform(TEXTS)
    assert half.dtype == np.float32
    assert 0 < np.abs(half - full).max() < 0.2


@pytest.fixture(scope="module", params=["gpt2", "neox"])
def causal(request, tiny_folder):
    folder = tiny_folder / request.param
    return (
        str(folder),
        AutoTokenizer.from_pretrained(folder),
        AutoModelForCausalLM.from_pretrained(folder).eval(),
    )


def states(causal, text):
    _, tokenizer, model = causal
    with torch.no_grad():
        return model(**tokenizer(text, return_tensors="pt"), output_hidden_states=True)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_causal_last_token_and_mean_are_the_library(causal, batch_size):
    encoder = CausalLMEncoder(causal[0], device="cpu", batch_size=batch_size)
    texts = TEXTS[:-1]
    found = encoder.encode(texts, ["first", "half", "last", 0]).layers
    for name, layer in (("first", 1), ("half", 2), ("last", 4), (0, 0)):
        expected = [
            states(causal, text).hidden_states[layer][0, -1].numpy() for text in texts
        ]
        np.testing.assert_allclose(found[name], expected, atol=1e-5)
    mean = encoder.set_params(pooling="mean", layers="half").transform(texts)
    np.testing.assert_allclose(
        mean,
        [states(causal, text).hidden_states[2][0].mean(0) for text in texts],
        atol=1e-5,
    )


def test_causal_empty_document_is_the_beginning_token(causal):
    X = CausalLMEncoder(causal[0], device="cpu").transform(["", "the cat"])
    np.testing.assert_allclose(
        X[0], states(causal, "<|endoftext|>").hidden_states[-1][0, -1], atol=1e-5
    )


@pytest.mark.parametrize(
    ("position", "joined"), [("before", " we voted{}"), ("after", "{} we voted")]
)
def test_text_prompt_stands_where_asked(causal, position, joined):
    texts = [f" {text}" for text in TEXTS[:4]]
    encoder = CausalLMEncoder(
        causal[0], prompt=" we voted", prompt_position=position, device="cpu"
    )
    expected = [
        states(causal, joined.format(text)).hidden_states[-1][0] for text in texts
    ]
    np.testing.assert_allclose(
        encoder.transform(texts), [hidden[-1] for hidden in expected], atol=1e-5
    )
    n_prompt = len(causal[1](" we voted")["input_ids"])
    own = slice(n_prompt, None) if position == "before" else slice(None, -n_prompt)
    mean = encoder.set_params(pooling="mean").transform(texts)
    np.testing.assert_allclose(
        mean, [hidden[own].mean(0) for hidden in expected], atol=1e-5
    )


@pytest.mark.parametrize("kind", ["pt", "npy", "safetensors"])
def test_soft_prompt_of_word_vectors_is_the_text_prompt(causal, kind, tmp_path):
    """A soft prompt made of a text prompt's own embeddings changes nothing; another one
    does.
    """
    from safetensors.torch import save_file

    folder, tokenizer, model = causal
    rows = (
        model.get_input_embeddings()
        .weight[tokenizer(" we voted")["input_ids"]]
        .detach()
    )
    path = tmp_path / f"prompt.{kind}"
    save = {
        "pt": torch.save,
        "npy": lambda x, p: np.save(p, x),
        "safetensors": lambda x, p: save_file({"prompt": x}, p),
    }
    for tensor, same in ((rows, True), (rows.flip(1), False)):
        save[kind](tensor.contiguous(), path)
        for position in ("before", "after"):
            words = CausalLMEncoder(
                folder, prompt=" we voted", prompt_position=position, device="cpu"
            )
            soft = CausalLMEncoder(
                folder, soft_prompt=path, prompt_position=position, device="cpu"
            )
            assert (
                np.allclose(soft.transform(TEXTS), words.transform(TEXTS), atol=1e-5)
                == same
            )


def test_bad_soft_prompts(causal, tmp_path):
    def use(tensor, name="p.pt"):
        torch.save(tensor, tmp_path / name)
        CausalLMEncoder(causal[0], soft_prompt=tmp_path / name, device="cpu").transform(
            ["a"]
        )

    for tensor, message in (
        (torch.ones(3, 9), "of width 9, expected 16"),
        (torch.ones(16), r"of shape \(16,\), expected finite numbers"),
        (torch.full((2, 16), torch.nan), "expected finite numbers"),
        ({"a": torch.ones(2, 16), "b": torch.ones(2, 16)}, r"got 2 tensors"),
    ):
        with pytest.raises(ValueError, match=message):
            use(tensor)
    (tmp_path / "junk.pt").write_bytes(b"junk")
    with pytest.raises(ValueError, match="could not be read"):
        CausalLMEncoder(
            causal[0], soft_prompt=tmp_path / "junk.pt", device="cpu"
        ).transform(["a"])
    with pytest.raises(FileNotFoundError, match="does not exist"):
        CausalLMEncoder(
            causal[0], soft_prompt=tmp_path / "none.pt", device="cpu"
        ).transform(["a"])


def test_token_scores_are_the_restricted_head(causal):
    folder, tokenizer, _ = causal
    encoder = CausalLMEncoder(
        folder,
        prompt=" we",
        prompt_position="after",
        device="cpu",
        layers="first",
        pooling="mean",
    )
    texts = TEXTS[:5]
    scores = encoder.token_scores(texts, tokens=[" good", " bad", " mat"])
    ids = [tokenizer(word)["input_ids"][0] for word in (" good", " bad", " mat")]
    expected = [
        states(causal, text + " we").logits[0, -1, ids].softmax(0).numpy()
        for text in texts
    ]
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    with pytest.raises(ValueError, match=r"got ' goodbad', which is . tokens"):
        encoder.token_scores(texts, tokens=[" goodbad", " bad"])
    with pytest.raises(ValueError, match="expected at least two"):
        encoder.token_scores(texts, tokens=[" good"])
