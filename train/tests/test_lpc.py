"""Portraits of sheets drawn here: one plain colour each, whose transparent parts are known."""

import random

import numpy as np
import pytest
import torch
from PIL import Image

from reverie_train.config import DataConfig
from reverie_train.data import DataError, load_dataset
from reverie_train.data.composer import Composer, Sheets, kept_below
from reverie_train.data.figures import Figures
from reverie_train.data.layers import FRAME, Layers
from reverie_train.data.lpc import BACKGROUND, Wardrobe, visible

WHOLE = (0, 0, 32, 32)


def sheet(root, path, colour, box=WHOLE):
    """A sheet that is `colour` in `box` of a portrait."""
    image = Image.new("RGBA", (832, 1344))
    x, y = FRAME[0], FRAME[1] + Wardrobe.rows.start
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


def drawn(wardrobe, portrait) -> np.ndarray:
    return wardrobe.pixels(portrait).permute(1, 2, 0).numpy()


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
    image = drawn(wardrobe, PORTRAIT)
    assert image.shape == (32, 32, 3)
    assert tuple(image[0, 0]) == BACKGROUND
    assert tuple(image[20, 20]) == (0, 200, 0)
    assert tuple(image[16, 12]) == (250, 0, 0)
    assert tuple(image[30, 10]) == (90, 90, 90)
    assert tuple(image[2, 15]) == (255, 0, 255)


def test_a_hat_hides_the_hair_that_would_stick_out_above_it(wardrobe):
    image = drawn(wardrobe, PORTRAIT | {"headwear": "steel-helmet"})
    assert tuple(image[2, 15]) == BACKGROUND
    assert tuple(image[10, 15]) == (10, 10, 10)
    assert kept_below(torch.zeros(1, 32, 32, dtype=torch.uint8)).min() == 1


def test_layers_are_joined_as_pillow_joins_them(tmp_path):
    chance = np.random.default_rng(0)
    paths = ["body/male/orc.png", "body/male/eyes/red.png", "hair/male/mohawk/pink2.png"]
    for path in [*paths, "head/helms/male/metal_helm_male.png"]:
        noise = chance.integers(0, 256, (64, 32, 4), dtype=np.uint8)
        noise[..., 3] = np.where(chance.random((64, 32)) < 0.5, noise[..., 3] & 128, noise[..., 3])
        image = Image.new("RGBA", (832, 1344))
        image.paste(Image.fromarray(noise), FRAME[:2])
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        image.save(tmp_path / path)
    composer = Composer(Layers(tmp_path), slice(0, 64), BACKGROUND)
    hat = "head/helms/male/metal_helm_male.png"
    worn = [Sheets(paths[:2], paths[2], hat, tucked=True), Sheets(paths[:1])]
    tucked, plain = composer(worn).permute(0, 2, 3, 1).numpy()
    assert np.array_equal(tucked, by_pillow(tmp_path, paths, hat))
    assert np.array_equal(plain, by_pillow(tmp_path, paths[:1], None))


def by_pillow(root, paths, hat):
    image = Image.new("RGBA", (32, 64), (*BACKGROUND, 255))
    layers = [Image.open(root / path).convert("RGBA").crop(FRAME) for path in paths]
    if hat:
        crown = Image.open(root / hat).convert("RGBA").crop(FRAME)
        worn = np.asarray(crown)[..., 3] > 127
        hair = np.array(layers[-1])
        for x in range(32):
            lowest = max(np.flatnonzero(worn[:, x]), default=-1)
            hair[: lowest + 1, x, 3] *= worn[: lowest + 1, x]
        layers = [*layers[:-1], Image.fromarray(hair), crown]
    for layer in layers:
        image.alpha_composite(layer)
    return np.asarray(image.convert("RGB"))


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
        wardrobe.pixels(PORTRAIT | {"clothing": "red-gown"})


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
        wardrobe.pixels(PORTRAIT | {"skin": "marsh-orc"})


FIGURE = PORTRAIT | {"legs": "red-trousers", "feet": "black-shoes", "body": "female"}


@pytest.fixture
def figures(tmp_path) -> Figures:
    root = tmp_path / "LPC"
    sheet(root, "body/female/orc.png", (0, 200, 0, 255), (8, 8, 24, 52))
    sheet(root, "body/female/eyes/red.png", (250, 0, 0, 255), (12, 16, 14, 18))
    sheet(root, "hair/female/mohawk/pink2.png", (255, 0, 255, 255), (15, 0, 17, 12))
    sheet(root, "torso/plate/chest_female.png", (90, 90, 90, 255), (8, 26, 24, 36))
    sheet(root, "torso/plate/arms_female.png", (91, 91, 91, 255), (0, 26, 4, 32))
    sheet(root, "torso/dress_female/tightdress_red.png", (150, 0, 0, 255), (8, 26, 24, 44))
    sheet(root, "legs/pants/female/red_pants_female.png", (200, 0, 0, 255), (8, 34, 24, 48))
    sheet(root, "feet/shoes/female/black_shoes_female.png", (1, 1, 1, 255), (8, 46, 24, 52))
    (root / "AUTHORS.txt").write_text("Ann Artist\n-----\n")
    return Figures.open(root)


def test_a_figure_is_drawn_from_head_to_foot(figures):
    image = drawn(figures, FIGURE)
    head = Figures.rows.start + Wardrobe.rows.start  # where the sheets' boxes begin
    assert image.shape == (64, 32, 3)
    assert tuple(image[head + 2, 15]) == (255, 0, 255)
    assert tuple(image[head + 35, 15]) == (90, 90, 90)  # armour over trousers,
    assert tuple(image[head + 47, 15]) == (200, 0, 0)  # and trousers over shoes
    assert tuple(image[head + 50, 15]) == (1, 1, 1)
    gown = drawn(figures, FIGURE | {"clothing": "red-gown"})
    assert tuple(gown[head + 45, 15]) == (0, 200, 0)  # no trousers below a gown


def test_what_a_gown_covers_is_not_visible(figures):
    assert figures.visible(FIGURE) == set(FIGURE)
    assert figures.visible(FIGURE | {"clothing": "red-gown"}) == set(FIGURE) - {"legs"}
    assert figures.visible(FIGURE | {"clothing": "blouse"}) == set(FIGURE) - {"legs", "feet"}


def test_figures_are_drawn_in_what_fits(figures):
    chance = random.Random(0)
    for _ in range(200):
        assert figures.draw(chance, {"feet": "maroon-boots"})["body"] == "female"
        assert figures.draw(chance, {"legs": "brown-kilt"})["body"] == "male"
    with pytest.raises(DataError, match="no legs 'brown-kilt' and feet 'brown-boots'"):
        figures.draw(chance, {"legs": "brown-kilt", "feet": "brown-boots"})


def test_a_packed_file_draws_the_same(figures, tmp_path):
    paths = figures.sheets(FIGURE).paths
    figures.layers.pack(paths, tmp_path / "packed" / "LPC")
    packed = Figures.open(tmp_path / "packed" / "LPC")
    assert torch.equal(packed.pixels(FIGURE), figures.pixels(FIGURE))
    assert packed.artists() == ["Ann Artist"]
    with pytest.raises(DataError, match=r"layers.npz lacks torso.*red.png: pack it again"):
        packed.pixels(FIGURE | {"clothing": "red-gown"})
    (packed.root / "layers.npz").write_bytes(b"PK\x03\x04 half")
    with pytest.raises(DataError, match="pack it again"):
        Figures.open(packed.root).pixels(FIGURE)
    assert set(paths) <= figures.every_sheet()
