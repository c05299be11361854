"""Captions say what is true, in words that a reader and the tokenizer take alike."""

import pytest
import torch

from reverie_train.data import Attribute, DataError, Dataset
from reverie_train.data.captions import Captions, Tokens
from reverie_train.data.figures import Figures
from reverie_train.data.phrases import article
from reverie_train.data.sentences import Sentences, tokenize
from reverie_train.tokenizer import (
    FOLDER,
    LENGTH,
    VOCABULARY,
    load_tokenizer,
    save_tokenizer,
    train_tokenizer,
)


@pytest.fixture(scope="module")
def figures(tmp_path_factory) -> Figures:
    return Figures.open(tmp_path_factory.mktemp("LPC"))  # captions need no pictures


@pytest.fixture(scope="module")
def captions(figures) -> Captions:
    return Captions(figures.attributes)


def pictures(figures: Figures, count: int) -> Dataset:
    """Random labels; which are visible is random too."""
    generator = torch.Generator().manual_seed(0)
    labels = [torch.randint(a.null, (count,), generator=generator) for a in figures.attributes]
    labels = torch.stack(labels, 1)
    visible = torch.rand(labels.shape, generator=generator) < 0.8
    images = torch.zeros(count, 3, 64, 32, dtype=torch.uint8)
    return Dataset(images, labels, figures.attributes, visible, "none", "none", [])


def test_a_wish_is_said_plainly(captions):
    assert captions.say({}) == "a figure"
    wish = {"hair": "pink", "headwear": "steel-helmet", "skin": "orc"}
    assert captions.say(wish) == "an orc with pink hair and a steel helmet"
    wish = {"body": "female", "hairstyle": "mohawk", "hair": "auburn", "legs": "red-trousers"}
    assert captions.say(wish) == "a woman with an auburn mohawk wearing red trousers"
    wish = {"skin": "olive", "eyes": "gray", "feet": "brown-boots", "clothing": "aqua-gown"}
    expected = "an olive skinned person with gray eyes wearing an aqua gown and brown boots"
    assert captions.say(wish) == expected
    assert article("a {}", "ice topknot") == "an ice topknot"
    with pytest.raises(DataError, match="hair has no value 'plaid'"):
        captions.say({"hair": "plaid"})


def test_a_caption_names_as_many_of_what_is_visible_as_asked(figures, captions):
    data = pictures(figures, 4000)
    generator = torch.Generator().manual_seed(1)
    rows = captions.draw(data.labels, data.visible, generator, least=3, most=6)
    named = captions.phrases.named[rows].any(1)
    assert not (named & ~data.visible).any()
    most = data.visible.sum(1)
    bald = figures.attributes[3].values.index("bald")
    whole = (named.sum(1) >= 3) | (most < 3) | (data.labels[:, 3] == bald)
    assert whole.all() and named.sum(1).max() == 6
    assert named.float().mean(0).min() > 0.25  # each attribute has its share


def test_captions_are_a_function_of_the_seed(figures, captions):
    data = pictures(figures, 50)
    texts = [
        captions.texts(captions.draw(data.labels, data.visible, torch.Generator().manual_seed(s)))
        for s in (1, 1, 2)
    ]
    assert texts[0] == texts[1] != texts[2]
    assert len(set(texts[0])) > 40


def test_tokens_of_phrases_are_those_of_the_sentence(figures, captions):
    data = pictures(figures, 2000)
    tokenizer = load_tokenizer()
    rows = captions.draw(data.labels, data.visible, torch.Generator().manual_seed(1))
    tokens, named = Tokens(captions, tokenizer)(rows)
    assert torch.equal(tokens, tokenize(tokenizer, captions.texts(rows)))
    assert torch.equal(named, captions.phrases.named[rows].any(1))


def test_what_does_not_fit_is_left_out_whole(figures, captions):
    data = pictures(figures, 500)
    tokenizer = load_tokenizer()
    tokenizer.model_max_length = 12
    rows = captions.draw(data.labels, data.visible, torch.Generator().manual_seed(1), least=6)
    tokens, named = Tokens(captions, tokenizer)(rows)
    assert tokens.shape == (500, 12)
    assert (tokens[:, -1] == tokenizer.eos_token_id).all()
    assert named.sum(1).max() < 6
    beginnings = zip(tokenizer.batch_decode(tokens, True), captions.texts(rows), strict=True)
    for kept, text in beginnings:
        assert text.replace(",", " ,").startswith(kept.strip())


def test_the_tokenizer_knows_the_vocabulary_and_takes_anything(captions):
    tokenizer = load_tokenizer()
    assert len(tokenizer) <= VOCABULARY and tokenizer.model_max_length == LENGTH
    for text in captions.phrases.texts:
        assert len(tokenizer.tokenize(text)) == len(text.replace(",", " ,").split())
    odd = "Zebra, q é 😀"
    assert tokenizer.decode(tokenizer(odd).input_ids, True).replace(" ", "") == "zebra,qé😀"
    assert tokenizer("").input_ids == [tokenizer.bos_token_id, tokenizer.eos_token_id]


def test_the_tokenizer_is_what_its_training_makes(figures, tmp_path):
    train_tokenizer(figures, tmp_path / "trained")
    save_tokenizer(load_tokenizer(), tmp_path / "saved")
    files = sorted(path.name for path in FOLDER.iterdir())
    assert {"merges.txt", "vocab.json"} < set(files)
    for name in ("trained", "saved"):
        assert sorted(path.name for path in (tmp_path / name).iterdir()) == files
        for file in files:
            assert (tmp_path / name / file).read_text() == (FOLDER / file).read_text(), file


def test_sentences_are_drawn_for_pictures(figures):
    data = pictures(figures, 30)
    tokenizer = load_tokenizer()
    sentences = Sentences.of_pictures(tokenizer, data, each=3, seed=5, least=4)
    assert sentences.tokens.shape == (30, 3, LENGTH)
    assert sentences.named.shape == (30, 3, len(data.attributes))
    generator = torch.Generator().manual_seed(0)
    drawn = sentences.draw(torch.arange(30), 0.0, generator)
    assert all((sentences.tokens[i] == drawn[i]).all(1).any() for i in range(30))
    silent = sentences.draw(torch.arange(30), 1.0, generator)
    assert torch.equal(silent, tokenize(tokenizer, [""]).expand(30, -1))


def test_portraits_have_captions_without_legs_and_feet(figures):
    attributes: list[Attribute] = figures.attributes[:8]
    captions = Captions(attributes)
    assert len(captions.phrases.slots) == 6
    assert captions.say({"skin": "orc", "beard": "beard"}) == "an orc with a beard"
