import json
import math

import pytest
import torch
from accelerate import Accelerator
from diffusers import DDPMScheduler
from safetensors.torch import save_file

from reverie_train.card import write_card
from reverie_train.data import Dataset
from reverie_train.evaluation import Evaluation, Size, judge, read_samples
from reverie_train.evaluation.agreement import agreement
from reverie_train.evaluation.classifier import load_or_train, train_classifier
from reverie_train.evaluation.likelihood import BIN, Bound, bits_per_dimension
from reverie_train.evaluation.measures import entropy, frechet_distance, nearest
from reverie_train.export import export
from reverie_train.loop import Trainer
from reverie_train.tasks.denoise import Denoise


@pytest.fixture
def large(wishing) -> Dataset:
    """The synthetic images at the classifier's size, enough of them to learn."""
    images = torch.nn.functional.interpolate(wishing.images.float(), size=(32, 32)).byte()
    return Dataset(
        images.repeat(30, 1, 1, 1),
        wishing.labels.repeat(30, 1),
        wishing.attributes,
        wishing.visible.repeat(30, 1),
        licence="none",
        credits="none",
        artists=[],
    )


def test_a_classifier_learns_every_attribute(large, tmp_path):
    classifier = train_classifier(large, shift=1, epochs=4, seed=0)
    assert torch.equal(judge(classifier, large.images).labels, large.labels)
    path = tmp_path / "classifier.pt"
    torch.save({"another": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match="remove it"):
        load_or_train(path, large, shift=0)


def test_hidden_and_free_attributes_do_not_count(wishing):
    asked = torch.tensor([[0, 2], [1, 3], [1, 0]])  # 3 leaves the colour free
    seen = torch.tensor([[0, 1], [0, 2], [1, 1]])
    visible = torch.tensor([[True, True], [True, True], [True, False]])
    figures = agreement(seen, asked, visible, wishing.attributes)
    assert figures["by_attribute"] == pytest.approx({"half": 2 / 3, "colour": 0.0})
    assert figures["mean"] == pytest.approx(1 / 3)


def test_frechet_distance_of_gaussians_is_the_closed_form():
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(200_000, 3, generator=generator)
    # Of N(0, 1) and N(1, 4) a dimension: 1 + (2 - 1)^2.
    assert frechet_distance(a, 2 * a + 1) == pytest.approx(3 * 2, rel=0.02)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_the_nearest_image_is_found():
    references = torch.zeros(3, 1, 2, 2, dtype=torch.uint8)
    references[1] = 255
    distance, index = nearest(torch.full((1, 1, 2, 2), 0.5), references)
    assert index.tolist() == [1]
    assert distance.item() == pytest.approx(0.5)


def test_entropy_is_in_bits():
    assert entropy(torch.tensor([0, 1, 2, 3])) == pytest.approx(2.0)
    assert entropy(torch.tensor([5, 5])) == 0


class Oracle(torch.nn.Module):
    """The exact denoiser of images that are one grey level all over: v of x0 = `level`."""

    def __init__(self, level: float, scheduler: DDPMScheduler) -> None:
        super().__init__()
        self.level, self.scheduler = level, scheduler

    def forward(self, noisy, timestep, labels):
        alpha = self.scheduler.alphas_cumprod[timestep].view(-1, 1, 1, 1)
        return (alpha.sqrt() * noisy - self.level) / (1 - alpha).sqrt()


def test_the_bound_is_the_closed_form(config):
    scheduler = DDPMScheduler(**config.scheduler)
    clean = torch.full((2, 1, 8, 8), 1 / 255)
    labels = torch.zeros(2, 1, dtype=torch.long)
    known = bits_per_dimension(Oracle(1 / 255, scheduler), scheduler, clean, labels)
    # All that remains is the decoder's mass outside the bin.
    bound = Bound(Oracle(0.0, scheduler), scheduler)
    inside = math.erf(BIN / math.sqrt(2 * bound.posterior[1]))
    assert known["bits_per_dimension"] == pytest.approx(-math.log2(inside), abs=5e-3)

    timestep = torch.tensor([300, 300])
    term = bound.term(clean, timestep, labels, torch.Generator().manual_seed(0))
    # KL of two Gaussians of one variance: half the difference of 1/SNR, over the gap squared.
    snr = scheduler.alphas_cumprod.double() / (1 - scheduler.alphas_cumprod.double())
    expected = 0.5 * (snr[299] - snr[300]) / 255**2
    torch.testing.assert_close(term, expected.expand(2), rtol=1e-3, atol=0)


def test_samples_of_another_engine_are_read(tmp_path, data, wishing):
    path = tmp_path / "a.safetensors"
    save_file({"sample": torch.full((2, 1, 4, 4), 1.5)}, path)
    samples, labels = read_samples([path, path], data.attributes, ["b", "class=c"])
    assert labels.tolist() == [[1], [1], [2], [2]]
    assert samples.max() == 1
    _, labels = read_samples([path], wishing.attributes, ["colour=green"])
    assert labels.tolist() == [[2, 1], [2, 1]]
    with pytest.raises(ValueError, match="hat=green"):
        read_samples([path], wishing.attributes, ["hat=green"])


@pytest.mark.parametrize("kind", ["classes", "wishes"])
def test_an_export_is_evaluated(kind, request, tmp_path):
    names = ("config", "data") if kind == "classes" else ("wishing_config", "wishing")
    config, data = (request.getfixturevalue(name) for name in names)
    trainer = Trainer(Denoise(config, data), config.training, Accelerator())
    trainer.step()
    trainer.save(tmp_path / "checkpoint.pt")
    export(Denoise(config, data), tmp_path / "checkpoint.pt", tmp_path / "model")
    classifier = train_classifier(data, shift=0, epochs=9, seed=0)
    size = Size(samples=30, guided=6, bound=4, steps=2)
    evaluation = Evaluation(tmp_path / "model", data, data, classifier, size, processes=1)
    text = json.dumps(evaluation.run(tmp_path / "model", None))
    figures = json.loads(text)
    assert figures["frechet_distance"]["2_steps"] > 0
    assert figures["frechet_distance"]["floor_train"]["mean"] == pytest.approx(0, abs=1e-6)
    assert figures["diversity"]["samples"] > 0
    # The held-out set is the training set here.
    assert figures["memorisation"]["held_out"] == [0, 0, 0, 0]
    assert figures["memorisation"]["samples"][0] > 0
    assert figures["bound"]["bits_per_dimension"] > figures["bound"]["monte_carlo_error"]
    assert figures["agreement"]["guided"]["images"] == 6
    assert (tmp_path / "model" / "closest.png").exists()
    assert (tmp_path / "model" / "unguided.png").exists()

    (tmp_path / "model" / "evaluation.json").write_text(text)
    (tmp_path / "model" / "samples.txt").write_text("One of each.\n")
    write_card(config, tmp_path / "model", machine="a machine", note="Once resumed.")
    card = (tmp_path / "model" / "README.md").read_text()
    assert data.licence in card
    assert all(artist in card for artist in data.artists)
    assert "8 images seen" in card
    assert "Once resumed." in card and "One of each." in card
    assert f"{figures['frechet_distance']['4_steps']:.2f}" in card
