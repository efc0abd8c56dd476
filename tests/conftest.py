import os
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
REPO = Path(__file__).parents[1]
SHARED = REPO.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the annotated corpora in ../shared/data are not here")
    return SHARED


@pytest.fixture(scope="session")
def planted():
    """Two spaces of the same documents: one by register, one by language, with gold labels."""
    rng = np.random.default_rng(0)
    register = np.repeat(["NA", "IN", "OP", "HI"], 60)
    language = np.tile(["en", "fi", "fr"], 80)
    _, r = np.unique(register, return_inverse=True)
    _, lang = np.unique(language, return_inverse=True)

    def space(strong, weak):
        noise = rng.normal(scale=0.15, size=(240, 12))
        return (noise + np.eye(12)[strong] + 0.05 * np.eye(12)[6 + weak]).astype(np.float32)

    return {
        "register": register,
        "language": language,
        "by_register": space(r, lang),
        "by_language": space(lang, r),
    }


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> str:
    """A sentence-transformers model with random weights and a tokenizer trained here, in a folder."""
    import torch
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    try:
        from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    except ImportError:
        from sentence_transformers.models import Pooling, Transformer

    folder = tmp_path_factory.mktemp("tiny")
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(
        ["the cat sat on the mat", "mix the flour and bake"] * 5,
        trainers.WordPieceTrainer(vocab_size=120, special_tokens=special, show_progress=False),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        mask_token="[MASK]", model_max_length=64,
    ).save_pretrained(folder / "bert")  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=tokenizer.get_vocab_size(), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=32, max_position_embeddings=64,
        )  # fmt: skip
        BertModel(config).save_pretrained(folder / "bert")
    transformer = Transformer(str(folder / "bert"))
    SentenceTransformer(modules=[transformer, Pooling(16)], device="cpu").save(str(folder / "st"))
    return str(folder / "st")
