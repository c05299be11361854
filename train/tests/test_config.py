import pytest
from conftest import CONFIGS

from reverie_train.config import load_config
from reverie_train.network import build_scheduler, build_unet, gflop_per_pass, parameter_count


def test_digits_fits_its_budget():
    config = load_config(CONFIGS / "digits.toml")
    unet = build_unet(config)
    assert config.null_label == 10
    assert parameter_count(unet) <= 1_400_000
    assert gflop_per_pass(unet) <= 0.6
    assert build_scheduler(config).config.prediction_type == "v_prediction"


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
