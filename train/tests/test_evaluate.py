import pytest
import torch
from safetensors.torch import save_file

from reverie_train.classifier import load_or_train, train_classifier
from reverie_train.data import Dataset
from reverie_train.evaluate import judge, read_samples, save_grid


@pytest.fixture
def large(data) -> Dataset:
    """The synthetic images at the classifier's size, enough of them to learn."""
    images = torch.nn.functional.interpolate(data.images, size=(32, 32))
    repeated = images.repeat(30, 1, 1, 1), data.labels.repeat(30)
    return Dataset(*repeated, data.class_names, licence="none", credits="none")


def test_a_classifier_learns_is_cached_and_judges(large, tmp_path):
    path = tmp_path / "run" / "classifier.pt"
    path.parent.mkdir()
    torch.save(train_classifier(large, large, epochs=4), path)
    classifier, accuracy = load_or_train(path, large, large)
    assert accuracy == 1.0
    figures = judge(classifier, large.images[:6], torch.tensor([0, 1, 2, 0, 1, 1]))
    assert figures["samples"] == 6
    assert figures["agreement"] == pytest.approx(5 / 6)
    assert figures["agreement_by_class"] == pytest.approx({"0": 1.0, "1": 2 / 3, "2": 1.0})
    save_grid(large.images, large.labels, tmp_path / "grid.png")
    assert (tmp_path / "grid.png").exists()


def test_samples_of_another_engine_are_read(tmp_path):
    unlabelled, labelled = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    save_file({"sample": torch.full((2, 1, 4, 4), 1.5)}, unlabelled)
    save_file({"sample": torch.zeros(1, 1, 4, 4), "class_labels": torch.tensor([9])}, labelled)
    samples, labels = read_samples([unlabelled, unlabelled], [3, 4])
    assert labels.tolist() == [3, 3, 4, 4]
    assert samples.max() == 1
    assert read_samples([labelled], None)[1].tolist() == [9]
    with pytest.raises(ValueError, match="class_labels"):
        read_samples([unlabelled], None)
