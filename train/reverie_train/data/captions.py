"""Captions of labelled pictures: what is named, in which words and in which order is random.

A caption is a row of phrases with connectors between them, [connector, phrase] x slots. It is made
for many pictures at once, and becomes text, or tokens, by looking each phrase up.
"""

from dataclasses import dataclass

import torch
from transformers import CLIPTokenizer

from .phrases import AND, COMMA, EMPTY, IN, OPENING, WEARING, WITH, WORN, Phrases
from .types import Attribute, DataError

TAGGED = 0.2  # share of the captions that are lists of tags
GROUPED = 0.5  # share of the others in which what is worn follows what one is


@dataclass(frozen=True)
class Manner:
    """The random numbers of N captions of S slots: which words, which order, which form."""

    words: torch.Tensor  # f32 [N, S] in [0, 1)
    order: torch.Tensor  # f32 [N, S]
    form: torch.Tensor  # f32 [N, 3]

    @classmethod
    def draw(cls, count: int, slots: int, generator: torch.Generator) -> "Manner":
        sizes = ((count, slots), (count, slots), (count, 3))
        return cls(*(torch.rand(size, generator=generator) for size in sizes))

    @classmethod
    def plain(cls, count: int, slots: int) -> "Manner":
        """The first words there are, in the slots' order, as a sentence."""
        order = torch.arange(slots).expand(count, -1) / slots
        form = torch.tensor([1.0, 0.0, 1.0]).expand(count, -1)
        return cls(torch.zeros(count, slots), order, form)


class Captions:
    def __init__(self, attributes: list[Attribute]) -> None:
        self.attributes, self.phrases = attributes, Phrases(attributes)
        self.null = torch.tensor([a.null for a in attributes])

    def draw(
        self,
        labels: torch.Tensor,
        visible: torch.Tensor,
        generator: torch.Generator,
        least: int = 0,
        most: int = 8,
    ) -> torch.Tensor:
        """A random caption of each picture, i64 [N, 2 S] of phrases' numbers.

        From `least` to `most` of the visible attributes are named, each number as likely.
        """
        count, width = labels.shape
        wished = least + (torch.rand(count, 1, generator=generator) * (most + 1 - least)).long()
        chance = torch.rand(count, width, generator=generator).masked_fill(~visible, 2.0)
        rank = chance.argsort(1).argsort(1)
        said = torch.where(visible & (rank < wished), labels, self.null)
        return self._lay(said, Manner.draw(count, len(self.phrases.slots), generator))

    def say(self, wish: dict[str, str]) -> str:
        """The plainest wording of some attributes' values."""
        said = self.null.clone()
        for name, value in wish.items():
            column = [a.name for a in self.attributes].index(name)
            if value not in self.attributes[column].values:
                raise DataError(f"{name} has no value {value!r}")
            said[column] = self.attributes[column].values.index(value)
        plain = Manner.plain(1, len(self.phrases.slots))
        return self.texts(self._lay(said[None], plain))[0]

    def texts(self, rows: torch.Tensor) -> list[str]:
        """The captions as people write them."""
        phrases = self.phrases.texts
        joined = (" ".join(phrases[i] for i in row if phrases[i]) for row in rows.tolist())
        return [text.replace(" ,", ",") for text in joined]

    def _lay(self, said: torch.Tensor, manner: Manner) -> torch.Tensor:
        phrases = torch.stack(
            [
                self._phrase(slot.columns, slot.first, slot.count, said, manner.words[:, i])
                for i, slot in enumerate(self.phrases.slots)
            ],
            1,
        )
        tagged = manner.form[:, :1] < TAGGED
        grouped = manner.form[:, 1:2] < GROUPED
        kind = self.phrases.kind[phrases]
        silent = ~self.phrases.named[phrases].any(2)
        silent[:, 0] &= tagged[:, 0] & ~silent.all(1)  # a sentence has its noun, named or not
        # Order: by chance; in a sentence the noun is first; where grouped, features before clothes.
        order = manner.order + kind * (grouped & ~tagged)
        order = order.masked_fill((kind == OPENING) & ~tagged, -1)
        position = order.masked_fill(silent, 9).argsort(1)
        phrases = phrases.masked_fill(silent, EMPTY).gather(1, position)
        kind = kind.masked_fill(silent, -1).gather(1, position)
        connectors = self._connect(kind, tagged, manner.form[:, 2:] < 0.5)
        return torch.stack([connectors, phrases], 2).flatten(1)

    def _phrase(
        self,
        columns: list[int],
        first: torch.Tensor,
        count: torch.Tensor,
        said: torch.Tensor,
        chance: torch.Tensor,
    ) -> torch.Tensor:
        """The number of one of the phrases for these columns' values."""
        values = tuple(said[:, column] for column in columns)
        return first[values] + (chance * count[values]).long()

    def _connect(
        self, kind: torch.Tensor, tagged: torch.Tensor, briefly: torch.Tensor
    ) -> torch.Tensor:
        """What stands before each phrase of these kinds; -1 is none."""
        before = torch.cat([torch.full_like(kind[:, :1], -1), kind[:, :-1]], 1)
        after = torch.cat([kind[:, 1:], torch.full_like(kind[:, :1], -1)], 1)
        joining = torch.where(after == kind, COMMA, AND)
        opening = torch.where(kind == WORN, torch.where(briefly, IN, WEARING), WITH)
        sentence = torch.where(before == kind, joining, opening)
        connector = torch.where(tagged, COMMA, sentence)
        return connector.masked_fill((before < 0) | (kind < 0), EMPTY)


class Tokens:
    """Captions as a text encoder reads them: what does not fit is left out whole."""

    def __init__(self, captions: Captions, tokenizer: CLIPTokenizer) -> None:
        self.length, self.captions = tokenizer.model_max_length, captions
        self.begin, self.end = tokenizer.bos_token_id, tokenizer.eos_token_id
        # Words are split at spaces first, so that a caption's tokens are its phrases' in a row.
        spelled = tokenizer(captions.phrases.texts, add_special_tokens=False).input_ids
        self.count = torch.tensor([len(tokens) for tokens in spelled])
        self.table = torch.zeros(len(spelled), int(self.count.max()), dtype=torch.long)
        for row, tokens in zip(self.table, spelled, strict=True):
            row[: len(tokens)] = torch.tensor(tokens)

    def __call__(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Token ids, i64 [N, L], and which attributes are named, bool [N, A]."""
        counts = self.count[rows].unflatten(1, (-1, 2))
        fits = counts.sum(2).cumsum(1) <= self.length - 2
        rows = (rows.unflatten(1, (-1, 2)) * fits[..., None]).flatten(1)
        counts = self.count[rows]
        start = 1 + counts.cumsum(1) - counts
        tokens = torch.full((len(rows), self.length + 1), self.end)  # one for what is not there
        tokens[:, 0] = self.begin
        for offset in range(self.table.shape[1]):
            place = torch.where(offset < counts, start + offset, self.length)
            tokens.scatter_(1, place, self.table[rows, offset])
        return tokens[:, : self.length], self.captions.phrases.named[rows].any(1)
