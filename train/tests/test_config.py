import pytest
from conftest import CONFIGS

from reverie_train.config import Focus, load_config
from reverie_train.data import Attribute
from reverie_train.network import build_denoiser, build_scheduler, gflop_per_pass, parameter_count

CLASSES = [Attribute("class", "Class", [str(i) for i in range(10)])]


@pytest.mark.parametrize(
    ("name", "attributes", "parameters", "gflop"),
    [
        ("digits", CLASSES, 1_400_000, 0.6),
        ("fashion", CLASSES, 1_400_000, 0.6),
        ("portraits", [Attribute("body", "Body", ["male", "female"])], 4_000_000, 1.3),
    ],
)
def test_a_model_fits_its_budget(name, attributes, parameters, gflop):
    config = load_config(CONFIGS / f"{name}.toml")
    denoiser = build_denoiser(config, attributes)
    assert parameter_count(denoiser) <= parameters
    assert gflop_per_pass(denoiser) <= gflop
    assert build_scheduler(config).config.prediction_type == "v_prediction"


def test_a_network_must_have_the_classes_of_its_data():
    config = load_config(CONFIGS / "digits.toml")
    with pytest.raises(ValueError, match="num_class_embeds"):
        build_denoiser(config, [Attribute("class", "Class", ["one"])])


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("label_dropout = 0.15", "label_dropout = 1.5", "label_dropout"),
        ("batch_size", "bach_size", "bach_size"),
        ("[data]", "[date]", "data"),
        ("images = 800_000", "images = 1", "batch"),
    ],
)
def test_a_mistake_is_named(tmp_path, old, new, named):
    text = (CONFIGS / "digits.toml").read_text()
    assert old in text
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=named):
        load_config(path)


def test_a_focus_weighs_its_rectangle_and_keeps_the_mean():
    weights = load_config(CONFIGS / "portraits.toml").training.focus.weights(32, 32)
    assert weights[18, 15] == 8 * weights[0, 0]
    assert (weights > weights[0, 0]).sum() == 3 * 12
    assert weights.mean() == pytest.approx(1)


@pytest.mark.parametrize(
    "wrong", [{"rows": (3, 3)}, {"columns": (0, 33)}, {"rows": (-1, 2)}, {"weight": 0.0}]
)
def test_a_focus_must_lie_in_the_picture(wrong):
    focus = Focus(**{"rows": (0, 1), "columns": (0, 1), "weight": 2.0} | wrong)
    with pytest.raises(ValueError, match="rectangle"):
        focus.weights(32, 32)
