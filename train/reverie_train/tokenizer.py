"""The captions' tokenizer: CLIP's byte-level byte-pair encoding, its merges learned from captions.

Radford et al. 2021, section 2.4; Sennrich et al. 2016. Any text has tokens: what the captions never
said falls into pieces of words, in the end into bytes.
"""

import json
import random
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer

from .data.captions import Captions
from .data.figures import Figures

FOLDER = Path(__file__).parent / "data" / "tokenizer"
VOCABULARY, LENGTH = 1024, 32
CAPTIONS, SEED = 50_000, 4
BEGIN, END, END_OF_WORD = "<|startoftext|>", "<|endoftext|>", "</w>"


def load_tokenizer() -> CLIPTokenizer:
    """That of the captions, as it was trained."""
    return CLIPTokenizer.from_pretrained(FOLDER)


def train_tokenizer(figures: Figures, folder: Path) -> CLIPTokenizer:
    """Learns the merges from captions of random figures; writes the files of a `CLIPTokenizer`."""
    captions = Captions(figures.attributes)
    texts = captions.texts(captions.draw(*_drawn(figures), torch.Generator().manual_seed(SEED)))
    merges = learn_merges(texts)
    letters = list(_bytes_to_unicode().values())
    tokens = [*letters, *(letter + END_OF_WORD for letter in letters)]
    tokens += dict.fromkeys("".join(pair) for pair in merges)
    tokens = [*tokens[: VOCABULARY - 2], BEGIN, END]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    kept = [pair for pair in merges if "".join(pair) in vocabulary]
    _write(vocabulary, kept, LENGTH, folder)
    return CLIPTokenizer.from_pretrained(folder)


def save_tokenizer(tokenizer: CLIPTokenizer, folder: Path) -> None:
    """The files that every CLIP has had, which transformers no longer writes but still reads."""
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    merges = [tuple(pair) for pair in model["merges"]]
    numbers = sorted(tokenizer.get_vocab().items(), key=lambda pair: pair[1])
    _write(dict(numbers), merges, tokenizer.model_max_length, folder)


def _write(
    vocabulary: dict[str, int], merges: list[tuple[str, str]], length: int, folder: Path
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _write_json(folder / "vocab.json", vocabulary)
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")
    special = {"bos_token": BEGIN, "eos_token": END, "pad_token": END, "unk_token": END}
    _write_json(folder / "special_tokens_map.json", special)
    described = {"tokenizer_class": "CLIPTokenizer", "model_max_length": length, **special}
    _write_json(folder / "tokenizer_config.json", described)


def learn_merges(texts: list[str]) -> list[tuple[str, str]]:
    """Pairs in the order in which they are joined, the most frequent first."""
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix=END_OF_WORD))
    tokenizer.normalizer = normalizers.Lowercase()
    words = pre_tokenizers.Split(_pattern(), "removed", invert=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [words, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, end_of_word_suffix=END_OF_WORD, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    return [tuple(pair) for pair in merges]


def _pattern():
    from tokenizers import Regex

    return Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")


def _bytes_to_unicode() -> dict[int, str]:
    """GPT-2's printable stand-in for every byte: itself where it can be seen."""
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in seen]
    stands = [*seen, *range(256, 256 + len(hidden))]
    return {byte: chr(code) for byte, code in zip([*seen, *hidden], stands, strict=True)}


def _drawn(figures: Figures) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels and visibility of random figures, [N, A]."""
    chance = random.Random(SEED)
    drawn = [figures.draw(chance) for _ in range(CAPTIONS)]
    number = {a.name: {v: i for i, v in enumerate(a.values)} for a in figures.attributes}
    labels = [[number[name][one[name]] for name in figures.titles] for one in drawn]
    shown = [figures.visible(one) for one in drawn]
    visible = [[name in shows for name in figures.titles] for shows in shown]
    return torch.tensor(labels), torch.tensor(visible)


def _write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n")
