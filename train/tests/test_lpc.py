"""Portraits of sheets drawn here: one plain colour each, whose transparent parts are known."""

import random

import numpy as np
import pytest
from PIL import Image

from reverie_train.config import DataConfig
from reverie_train.data import DataError, load_dataset
from reverie_train.data.lpc import BACKGROUND, CROP, Wardrobe, below, visible

WHOLE = (0, 0, 32, 32)


def sheet(root, path, colour, box=WHOLE):
    """A sheet that is `colour` in `box` of a portrait."""
    image = Image.new("RGBA", (832, 1344))
    x, y = CROP[:2]
    image.paste(colour, (x + box[0], y + box[1], x + box[2], y + box[3]))
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    image.save(root / path)


@pytest.fixture
def wardrobe(tmp_path) -> Wardrobe:
    root = tmp_path / "LPC"
    sheet(root, "body/male/orc.png", (0, 200, 0, 255), (8, 8, 24, 32))
    sheet(root, "body/male/eyes/red.png", (250, 0, 0, 255), (12, 16, 14, 18))
    sheet(root, "torso/plate/chest_male.png", (90, 90, 90, 255), (8, 26, 24, 32))
    sheet(root, "torso/plate/arms_male.png", (91, 91, 91, 255), (0, 26, 4, 32))
    sheet(root, "hair/male/mohawk/pink2.png", (255, 0, 255, 255), (15, 0, 17, 12))
    sheet(root, "head/helms/male/metal_helm_male.png", (10, 10, 10, 255), (8, 6, 24, 14))
    (root / "AUTHORS.txt").write_text("\ufeffThanks to\n\nAnn Artist\n-----\nhats\n\nBo\n---\nx\n")
    return Wardrobe.open(root)


PORTRAIT = {
    "body": "male",
    "skin": "orc",
    "eyes": "red",
    "hairstyle": "mohawk",
    "hair": "pink",
    "beard": "none",
    "clothing": "plate-armour",
    "headwear": "none",
}


def test_layers_lie_on_one_another(wardrobe):
    image = np.asarray(wardrobe.compose(PORTRAIT))
    assert image.shape == (32, 32, 3)
    assert tuple(image[0, 0]) == BACKGROUND[:3]
    assert tuple(image[20, 20]) == (0, 200, 0)
    assert tuple(image[16, 12]) == (250, 0, 0)
    assert tuple(image[30, 10]) == (90, 90, 90)
    assert tuple(image[2, 15]) == (255, 0, 255)


def test_a_hat_hides_the_hair_that_would_stick_out_above_it(wardrobe):
    image = np.asarray(wardrobe.compose(PORTRAIT | {"headwear": "steel-helmet"}))
    assert tuple(image[2, 15]) == BACKGROUND[:3]
    assert tuple(image[10, 15]) == (10, 10, 10)
    hair = Image.new("RGBA", (32, 32), (1, 2, 3, 255))
    assert np.asarray(below(hair, Image.new("RGBA", (32, 32)))).min(2).max() == 1


def test_what_is_covered_is_not_visible():
    assert visible(PORTRAIT) == set(PORTRAIT)
    assert visible(PORTRAIT | {"hairstyle": "bald"}) == set(PORTRAIT) - {"hair"}
    assert "hair" in visible(PORTRAIT | {"hairstyle": "bald", "beard": "beard"})
    helmet = visible(PORTRAIT | {"headwear": "steel-helmet", "beard": "beard"})
    assert helmet == set(PORTRAIT) - {"hair", "hairstyle", "eyes", "beard"}


def test_portraits_are_drawn_as_wished_in_clothes_that_fit(wardrobe):
    chance = random.Random(0)
    for _ in range(200):
        portrait = wardrobe.draw(chance, {"clothing": "red-gown"})
        assert portrait["body"] == "female"
        drawn = wardrobe.draw(chance, {"skin": "orc"})
        assert drawn["skin"] == "orc"
        fits = wardrobe.table["clothing"]
        assert drawn["clothing"] in fits["both"] | fits[drawn["body"]]
    with pytest.raises(DataError, match="red-gwon"):
        wardrobe.draw(chance, {"clothing": "red-gwon"})
    with pytest.raises(DataError, match="no red-gown is cut for male"):
        wardrobe.compose(PORTRAIT | {"clothing": "red-gown"})


def test_the_artists_are_named(wardrobe):
    assert wardrobe.artists() == ["Ann Artist", "Bo"]


def test_names_are_for_people(wardrobe):
    attributes = wardrobe.attributes
    assert [a.name for a in attributes] == list(PORTRAIT)
    values = [value for a in attributes for value in a.values]
    assert 120 <= len(values) <= 160
    assert all(value == value.lower() and " " not in value for value in values)
    assert all(len(set(a.values)) == len(a.values) for a in attributes)


def test_a_missing_or_incomplete_checkout_is_refused(wardrobe, tmp_path):
    with pytest.raises(DataError, match="clone https://"):
        load_dataset(DataConfig("lpc", train_images=1), tmp_path / "elsewhere")
    with pytest.raises(DataError, match="incomplete"):
        load_dataset(DataConfig("lpc", train_images=50), wardrobe.root.parent)
    (wardrobe.root / "body" / "male" / "red_orc.png").write_bytes(b"\x89PNG half")
    with pytest.raises(DataError, match="red_orc"):
        wardrobe.compose(PORTRAIT | {"skin": "marsh-orc"})
