from dataclasses import replace

import pytest
import torch
from accelerate import Accelerator

from reverie_train.training import Trainer, train


def weights(trainer: Trainer) -> list[torch.Tensor]:
    return [*trainer.bare_unet.parameters(), *trainer.ema.shadow_params]


def test_a_resumed_run_equals_an_unbroken_one(config, data, tmp_path):
    unbroken = Trainer(config, data, Accelerator())
    losses = [unbroken.step().item() for _ in range(6)]

    broken = Trainer(config, data, Accelerator())
    again = [broken.step().item() for _ in range(3)]
    broken.save(tmp_path / "checkpoint.pt")
    resumed = Trainer(config, data, Accelerator())
    resumed.load(tmp_path / "checkpoint.pt")
    again += [resumed.step().item() for _ in range(3)]

    assert again == losses
    assert resumed.progress.images == 48
    for expected, weight in zip(weights(unbroken), weights(resumed), strict=True):
        assert torch.equal(expected, weight)


def test_a_run_ends_with_its_budget_and_leaves_its_pictures(config, data, tmp_path):
    train(config, data, tmp_path, log_seconds=0)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["progress"]["images"] == 48
    assert len(state["progress"]["losses"]) == 6
    assert (tmp_path / "samples.png").stat().st_size > 0
    assert (tmp_path / "loss.png").stat().st_size > 0

    longer = replace(config, training=replace(config.training, images=64))
    train(longer, data, tmp_path)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["progress"]["images"] == 64


def test_the_learning_rate_warms_up_and_anneals(config, data):
    trainer = Trainer(config, data, Accelerator())
    assert trainer.learning_rate() < 1e-4
    trainer.progress.images = 24
    assert trainer.learning_rate() == pytest.approx((1e-3 + 1e-5) / 2)
    trainer.progress.images = 48
    assert trainer.learning_rate() == pytest.approx(1e-5)


def test_minutes_are_a_budget_too(config, data):
    trainer = Trainer(config, data, Accelerator(), minutes=2)
    trainer.progress.seconds = 60
    assert trainer.fraction == 0.5


@pytest.mark.parametrize("prediction_type", ["epsilon", "sample", "v_prediction"])
def test_min_snr_weighs_the_same_error_in_x0(config, data, prediction_type):
    config = replace(
        config,
        scheduler=config.scheduler | {"prediction_type": prediction_type},
        training=replace(config.training, min_snr_gamma=5.0),
    )
    trainer = Trainer(config, data, Accelerator())
    timestep = torch.tensor([100, 500, 900])
    alpha_cumprod = trainer.scheduler.alphas_cumprod[timestep]
    sigma_squared = (1 - alpha_cumprod) / alpha_cumprod
    # An error e in x0 is an error of e²·SNR in ε, of e²·(SNR + 1) in v.
    error = {
        "sample": torch.ones(3),
        "epsilon": 1 / sigma_squared,
        "v_prediction": 1 / sigma_squared + 1,
    }[prediction_type]
    expected = (1 / sigma_squared).clamp(max=5)
    torch.testing.assert_close(trainer._weight(timestep) * error, expected)
