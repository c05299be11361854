"""CLIP, prior and decoder: trained a little, exported, and read back by their own libraries."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from conftest import CONFIGS, shrunk
from diffusers import PriorTransformer, UnCLIPScheduler, UNet2DModel
from safetensors.torch import load_file
from torch.nn import functional as F
from transformers import (
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionModelWithProjection,
)

from reverie_train.clip import Encoders, agree, contrast
from reverie_train.config import Config, load_config
from reverie_train.data import Attribute, Dataset
from reverie_train.data.figures import Figures
from reverie_train.evaluation import unclip
from reverie_train.evaluation.classifier import Classifier
from reverie_train.evaluation.zero_shot import accuracy, prototypes
from reverie_train.export import export
from reverie_train.loop import Trainer
from reverie_train.tasks.clip import ClipTask
from reverie_train.tasks.decoder import DecoderTask
from reverie_train.tasks.denoise import Denoise
from reverie_train.tasks.prior import PriorTask
from reverie_train.tokenizer import load_tokenizer

SMALL = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2}


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> Dataset:
    """8x8 pictures whose colour is the skin's, with the portraits' attributes."""
    attributes = Figures.open(tmp_path_factory.mktemp("LPC")).attributes[:8]
    generator = torch.Generator().manual_seed(0)
    labels = [torch.randint(a.null, (64,), generator=generator) for a in attributes]
    labels = torch.stack(labels, 1)
    colours = torch.randint(256, (attributes[1].null, 3), generator=generator)
    images = colours[labels[:, 1]][:, :, None, None].expand(-1, -1, 8, 8).to(torch.uint8)
    visible = torch.ones(labels.shape, dtype=torch.bool)
    return Dataset(images.contiguous(), labels, attributes, visible, "none", "none", ["A. Nother"])


def small(name: str, **tables: dict) -> Config:
    config = load_config(CONFIGS / f"{name}.toml")
    training = replace(
        config.training, images=6400, batch_size=16, warmup_images=16, mixed_precision="no"
    )
    tables = {key: config.tables[key] | values for key, values in tables.items()}
    return replace(config, training=training, tables=config.tables | tables)


def clip_task(faces: Dataset) -> ClipTask:
    config = small(
        "clip",
        text_encoder=SMALL | {"projection_dim": 16},
        image_encoder=SMALL | {"projection_dim": 16, "image_size": 8, "num_hidden_layers": 1},
        captions={"each": 2},
    )
    torch.manual_seed(0)
    return ClipTask(config, faces, faces, load_tokenizer())


@pytest.fixture(scope="module")
def clip(faces, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    trained(clip_task(faces), folder, steps=30)
    return folder / "model"


def trained(task, folder: Path, steps: int) -> list[float]:
    """Trains and exports to `model`; returns the losses of every step."""
    trainer = Trainer(task, task.config.training, Accelerator())
    losses = [trainer.step().item() for _ in range(steps)]
    folder.mkdir(exist_ok=True)
    trainer.save(folder / "checkpoint.pt")
    export(task, folder / "checkpoint.pt", folder / "model")
    return losses


def falls(losses: list[float]) -> bool:
    third = len(losses) // 3
    return sum(losses[-third:]) < 0.97 * sum(losses[:third])


def test_a_caption_that_is_true_of_another_picture_is_not_held_against_it():
    labels = torch.tensor([[0, 1], [0, 2], [3, 1]])
    named = torch.tensor([[True, False], [True, True], [False, True]])
    expected = [[True, False, True], [True, True, False], [False, False, True]]
    assert agree(labels, named).tolist() == expected
    images, texts = torch.eye(3), torch.eye(3)[[0, 1, 1]]
    plain = contrast(images, texts, torch.tensor(5.0), torch.eye(3, dtype=torch.bool))
    expected = F.cross_entropy(5 * images @ texts.T, torch.arange(3))
    expected += F.cross_entropy(5 * texts @ images.T, torch.arange(3))
    assert plain.item() == pytest.approx(expected.item() / 2)
    forgiven = torch.eye(3, dtype=torch.bool)
    forgiven[1, 2] = True
    assert contrast(images, texts, torch.tensor(5.0), forgiven) < plain


def test_clip_learns_what_pictures_show(faces, tmp_path):
    task = clip_task(faces)
    losses = trained(task, tmp_path, steps=60)
    assert falls(losses)
    figures = task.figures(task.model, torch.Generator())
    assert list(figures) == ["mean", *(a.name for a in faces.attributes)]
    assert figures["skin"] > 0.3  # one value of nine at random, and all that is to be seen


def test_an_exported_clip_is_read_by_transformers(clip):
    golden = load_file(clip / "golden.safetensors")
    text = CLIPTextModelWithProjection.from_pretrained(clip / "text_encoder")
    vision = CLIPVisionModelWithProjection.from_pretrained(clip / "image_encoder")
    tokenizer = CLIPTokenizer.from_pretrained(clip / "tokenizer")
    assert text.dtype == vision.dtype == torch.float32
    prompts = ["a figure", "an orc with pink hair"]
    tokens = tokenizer(prompts, padding="max_length", return_tensors="pt").input_ids
    assert torch.equal(tokens, golden["input_ids"])
    with torch.no_grad():
        output = text(tokens)
        torch.testing.assert_close(output.text_embeds, golden["text_embeds"])
        torch.testing.assert_close(output.last_hidden_state, golden["last_hidden_state"])
        seen = vision(golden["pixel_values"]).image_embeds
        torch.testing.assert_close(seen, golden["image_embeds"])
    mask = Encoders.load(clip).say(tokens).mask
    expected = tokenizer(prompts, padding="max_length", return_tensors="pt").attention_mask
    assert torch.equal(mask.long(), expected)


def prior_task(faces: Dataset, clip: Path) -> PriorTask:
    table = {"num_attention_heads": 2, "attention_head_dim": 8, "embedding_dim": 16}
    config = small("prior", prior=table, captions={"each": 2})
    torch.manual_seed(0)
    return PriorTask(config, faces, faces, clip)


def test_a_prior_learns_and_is_read_by_diffusers(faces, clip, tmp_path):
    task = prior_task(faces, clip)
    losses = trained(task, tmp_path, steps=60)
    assert falls(losses)
    seen = Encoders.load(clip).see(faces.images)
    assert task.embeddings.mean(0).abs().max() < 1e-5
    torch.testing.assert_close(task.embeddings.std(0), torch.ones(16))
    model = PriorTransformer.from_pretrained(
        tmp_path / "model", subfolder="prior", torch_dtype=torch.float32
    )
    torch.testing.assert_close(model.clip_mean[0], seen.mean(0), rtol=1e-3, atol=1e-3)
    golden = load_file(tmp_path / "model" / "golden.safetensors")
    expected = golden.pop("predicted_image_embedding")
    golden["attention_mask"] = golden["attention_mask"].bool()
    with torch.no_grad():
        torch.testing.assert_close(model(**golden).predicted_image_embedding, expected)
    scheduler = UnCLIPScheduler.from_pretrained(tmp_path / "model", subfolder="prior_scheduler")
    assert scheduler.config.prediction_type == "sample"
    figures = prior_task(faces, clip).figures(model, torch.Generator().manual_seed(0))
    assert all(-1 <= figures[name] <= 1 for name in ("prior", "caption"))
    assert figures["gain"] == pytest.approx(figures["prior"] - figures["caption"])


@pytest.fixture(scope="module")
def portraits(faces, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("portraits")
    torch.manual_seed(0)
    trained(Denoise(shrunk("portraits"), faces), folder, steps=4)
    return folder / "model"


def decoder_task(faces: Dataset, clip: Path, portraits: Path) -> DecoderTask:
    likeness, config = shrunk("portraits"), small("decoder")
    training = replace(config.training, focus=None, learning_rate=4e-3)
    config = replace(config, unet=likeness.unet, training=training)
    return DecoderTask(config, faces, faces, clip, portraits)


def test_a_decoder_starts_as_the_portraits_that_ask_for_nothing(faces, clip, portraits):
    from reverie_train.condition import load_denoiser

    task, likeness = decoder_task(faces, clip, portraits), load_denoiser(portraits)
    sample = torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        ours = task.model(sample, 300, torch.zeros(2, 16))
        theirs = likeness(sample, 300, likeness.null.expand(2, -1))
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    wished = likeness.condition(faces.labels) - likeness.condition(likeness.null[None])
    guess = task.model.embedding(task.embeddings)
    assert F.mse_loss(guess, wished) < F.mse_loss(torch.zeros_like(wished), wished)


def test_a_decoder_learns_and_is_read_by_diffusers(faces, clip, portraits, tmp_path):
    task = decoder_task(faces, clip, portraits)
    task.draw(task.model, tmp_path)
    assert (tmp_path / "samples.png").exists()
    assert task.figures(task.model, torch.Generator().manual_seed(0))["held_out"] > 0
    losses = trained(task, tmp_path, steps=60)
    assert falls(losses)
    unet = UNet2DModel.from_pretrained(
        tmp_path / "model", subfolder="unet", torch_dtype=torch.float32
    )
    golden = load_file(tmp_path / "model" / "golden.safetensors")
    weight = load_file(tmp_path / "model" / "embedding.safetensors")["weight"]
    labels = golden["embedding"] @ weight.float().T
    assert (golden["embedding"][1] == 0).all()
    with torch.no_grad():
        output = unet(golden["sample"], golden["timestep"], class_labels=labels).sample
    torch.testing.assert_close(output, golden["output"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["clip", "prior", "decoder"])
def test_a_resumed_training_is_one_that_never_stopped(kind, faces, clip, portraits, tmp_path):
    def make():
        return {
            "clip": lambda: clip_task(faces),
            "prior": lambda: prior_task(faces, clip),
            "decoder": lambda: decoder_task(faces, clip, portraits),
        }[kind]()

    whole = Trainer(task := make(), task.config.training, Accelerator())
    for _ in range(4):
        whole.step()
    parts = Trainer(task := make(), task.config.training, Accelerator())
    parts.step(), parts.step()
    parts.save(tmp_path / "checkpoint.pt")
    resumed = Trainer(task := make(), task.config.training, Accelerator())
    resumed.load(tmp_path / "checkpoint.pt")
    resumed.step(), resumed.step()
    for ours, theirs in zip(resumed.parameters, whole.parameters, strict=True):
        assert torch.equal(ours, theirs)


def test_a_missing_clip_is_named(faces, tmp_path):
    with pytest.raises(ValueError, match="no exported CLIP"):
        prior_task(faces, tmp_path)


def test_what_is_measured_of_the_chain(faces, clip, portraits, tmp_path):
    trained(prior_task(faces, clip), tmp_path / "prior", steps=2)
    trained(decoder_task(faces, clip, portraits), tmp_path / "decoder", steps=2)
    encoders = Encoders.load(clip)
    prior = unclip.Prior(tmp_path / "prior" / "model", "cpu")
    decoder = unclip.load_decoder(tmp_path / "decoder" / "model", "cpu")
    classifier = Classifier(faces.attributes, channels=3)
    figures = unclip.unclip(encoders, prior, decoder, classifier, faces, 20, tmp_path)
    assert (tmp_path / "unclip.png").exists()
    assert figures["cosine"]["picture"] == pytest.approx(1)
    assert set(figures["agreement"]) == {"picture", "prior", "caption"}
    assert figures["agreement"]["prior"]["images"] == 20
    guessed = unclip.guess(encoders, prior, faces, 20, torch.Generator().manual_seed(0))
    assert guessed.figures() == {"cosine": figures["cosine"], "gain": figures["gain"]}
    seen = unclip.zero_shot(encoders, faces, faces)
    assert set(seen["by_plain_prompts"]) == {a.name for a in faces.attributes}
    assert set(unclip.supervised(classifier, faces)) == {a.name for a in faces.attributes}


def test_directions_are_means_of_the_captions_that_name_a_value():
    embeddings = torch.tensor([[2.0, 0.0], [0.0, 3.0], [0.0, -1.0], [5.0, 0.0]])
    labels, named = torch.tensor([0, 1, 1, 0]), torch.tensor([True, True, False, True])
    directions = prototypes(embeddings, labels, named, Attribute("a", "A", ["x", "y", "z"]))
    assert directions.tolist() == [[1, 0], [0, 1], [0, 0]]
    pictures, truth = torch.tensor([[1.0, 0.1], [1.0, 0.2], [0.1, 9.0]]), torch.tensor([0, 1, 1])
    shown = torch.tensor([True, True, True])
    assert accuracy(pictures, directions, truth, shown) == pytest.approx(2 / 3)
    shown = torch.tensor([True, False, True])
    assert accuracy(pictures, directions, truth, shown) == 1


def test_another_portrait_is_drawn_of_what_the_caption_names(faces, clip):
    class Mirror:
        """A wardrobe that has the data set's pictures, and keeps what it was asked for."""

        def __init__(self):
            self.wishes = []

        def draw(self, chance, wish):
            self.wishes.append(wish)
            return wish

        def compose(self, portraits, device):
            return faces.images[: len(portraits)]

    encoders, mirror = Encoders.load(clip), Mirror()
    guessed = unclip.guess(encoders, lambda said, _: said.embedding, faces, 20, torch.Generator())
    found = unclip.another(encoders, mirror, faces, guessed)
    torch.testing.assert_close(found, guessed.ways["picture"])
    assert len(mirror.wishes) == 40
    for wish, labels, named in zip(mirror.wishes, faces.labels, guessed.named, strict=False):
        said = zip(faces.attributes, labels.tolist(), named.tolist(), strict=True)
        assert wish == {a.name: a.values[i] for a, i, is_named in said if is_named}
