"""Sentence-transformers models loaded, and what may be asked of them."""

from typing import Any

from embetter_reg._devices import pick_device, pick_dtype
from embetter_reg._hub import loading
from embetter_reg._optional import optional_import
from embetter_reg.text._loading import check_int8
from embetter_reg.text._windows import special_tokens

BACKENDS = {
    "torch": (),
    "onnx": ("optimum.onnxruntime", "onnx"),
    "openvino": ("optimum.intel", "openvino"),
}


def load_sentence_model(
    name: str,
    *,
    device: str | list[str],
    dtype: str,
    backend: Any,
    model_kwargs: dict[str, Any] | None,
    revision: str | None,
    local_files_only: bool,
) -> Any:
    """Return a SentenceTransformer, ready to run.

    Raises
    ------
    OSError
        If it cannot be loaded.
    ValueError
        If the device or the backend cannot compute in ``dtype``.
    ImportError
        If the backend's packages are not installed.

    """
    from sentence_transformers import SentenceTransformer

    if backend != "torch":
        module, extra = BACKENDS[backend]
        optional_import(
            module,
            package=f"sentence-transformers[{extra}]",
            purpose=f"backend={backend!r}",
        )
    place = "cpu" if isinstance(device, list) else pick_device(device)
    check_int8(dtype, place)
    options = dict(model_kwargs or {})
    if backend == "torch":
        torch_dtype = pick_dtype("float32" if dtype == "int8" else dtype, place)
        options.setdefault("dtype", torch_dtype)
    elif dtype != "auto":
        raise ValueError(
            f"got dtype={dtype!r} with backend={backend!r}, expected "
            "'auto'; name an exported model "
            'of that type in model_kwargs={"file_name": ...}'
        )
    with loading(name):
        model = SentenceTransformer(
            name,
            device=place,
            backend=backend,
            revision=revision,
            local_files_only=local_files_only,
            model_kwargs=options,
        )
    if reads_plain_text(model):
        special_tokens(model.tokenizer)  # its first call changes the tokenizer
    if dtype == "int8":
        from embetter_reg.text._int8 import quantize

        quantize(model)
    return model.eval()


def width(model: Any) -> int:
    """Return the embedding's width; older sentence-transformers name the method
    otherwise.
    """
    new = getattr(model, "get_embedding_dimension", None)
    return new() if new else model.get_sentence_embedding_dimension()


def pools_prompt(model: Any) -> bool:
    """Say whether the tokens of a prompt count where token vectors become one."""
    return all(getattr(module, "include_prompt", True) for module in model)


def reads_plain_text(model: Any) -> bool:
    """Say whether the model takes token numbers alone, with no chat template and no
    query expansion.
    """
    first = model[0]
    tokenizer: Any = getattr(first, "tokenizer", None)
    config = getattr(first, "modality_config", {"text": {}})
    return (
        type(first).__name__ == "Transformer"
        and hasattr(tokenizer, "model_input_names")
        and isinstance(config, dict)
        and set(config) == {"text"}
        and not getattr(first, "query_expansion", None)
    )


def n_prompt_tokens(tokenizer: Any, prompt: str) -> int:
    """Return how many tokens a pooling layer that leaves prompts out leaves out: as the
    library counts them, on the prompt alone.
    """
    if not prompt:
        return 0
    ids = tokenizer(prompt)["input_ids"]
    return len(ids) - (ids[-1] in tokenizer.all_special_ids)
