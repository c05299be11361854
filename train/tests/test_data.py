import gzip

import pytest
import torch

from reverie_train.config import DataConfig
from reverie_train.data import DataError, Shuffle, load_dataset


def idx(*shape: int, values: bytes) -> bytes:
    header = b"\x00\x00\x08" + bytes([len(shape)])
    return gzip.compress(header + b"".join(n.to_bytes(4, "big") for n in shape) + values)


@pytest.fixture
def root(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    pixels = bytes([0, 255]) * 392
    (raw / "train-images-idx3-ubyte.gz").write_bytes(idx(2, 28, 28, values=pixels * 2))
    (raw / "train-labels-idx1-ubyte.gz").write_bytes(idx(2, values=bytes([7, 3])))
    return tmp_path


def test_images_are_padded_and_scaled(root):
    data = load_dataset(DataConfig("mnist", pad=2), root)
    assert data.images.shape == (2, 1, 32, 32)
    assert data.pixels(slice(None))[0, 0, 2, 2:6].tolist() == [-1, 1, -1, 1]
    assert (data.images[:, :, :2] == 0).all()
    assert data.labels.tolist() == [[7], [3]]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: gzip.compress(b"not idx"),
        lambda content: content[:-9],
        lambda content: gzip.compress(gzip.decompress(content)[:-1]),
        lambda content: b"",
    ],
)
def test_a_damaged_idx_file_is_refused(root, spoil):
    path = root / "MNIST" / "raw" / "train-images-idx3-ubyte.gz"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DataError, match=path.name):
        load_dataset(DataConfig("mnist"), root)


def test_an_unknown_set_is_refused(tmp_path):
    with pytest.raises(DataError, match="there are mnist, fashion_mnist, lpc"):
        load_dataset(DataConfig("cifar"), tmp_path)


def test_an_epoch_shows_every_index_once():
    shuffle = Shuffle(10, seed=0)
    first = [shuffle[position] for position in range(10)]
    second = [shuffle[position] for position in range(10, 20)]
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second
    assert torch.equal(torch.tensor(first), torch.tensor([shuffle[p] for p in range(10)]))
