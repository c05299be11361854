from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from accelerate import Accelerator

from reverie_train.checkpoint import CheckpointError
from reverie_train.condition import load_denoiser
from reverie_train.data import Shuffle
from reverie_train.diffusion import Diffusion
from reverie_train.export import export
from reverie_train.loop import Trainer, train
from reverie_train.network import build_scheduler
from reverie_train.tasks.denoise import Denoise


def trainer_of(config, data, **options) -> Trainer:
    torch.manual_seed(config.training.seed)
    return Trainer(Denoise(config, data), config.training, Accelerator(), **options)


def run_of(config, data, run, **options) -> None:
    train(Denoise(config, data), config.training, run, **options)


def weights(trainer: Trainer) -> list[torch.Tensor]:
    return [*trainer.parameters, *trainer.ema.shadow_params]


@pytest.mark.parametrize("kind", ["classes", "wishes"])
def test_a_resumed_run_equals_an_unbroken_one(kind, request, tmp_path):
    names = ("config", "data") if kind == "classes" else ("wishing_config", "wishing")
    config, data = (request.getfixturevalue(name) for name in names)
    unbroken = trainer_of(config, data)
    losses = [unbroken.step().item() for _ in range(6)]

    broken = trainer_of(config, data)
    again = [broken.step().item() for _ in range(3)]
    broken.save(tmp_path / "checkpoint.pt")
    resumed = trainer_of(config, data)
    resumed.load(tmp_path / "checkpoint.pt")
    again += [resumed.step().item() for _ in range(3)]

    assert again == losses
    assert resumed.progress.images == 48
    for expected, weight in zip(weights(unbroken), weights(resumed), strict=True):
        assert torch.equal(expected, weight)


def test_a_run_ends_with_its_budget_and_leaves_its_pictures(config, data, tmp_path):
    run_of(config, data, tmp_path, log_seconds=0)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["progress"]["images"] == 48
    assert len(state["progress"]["losses"]) == 6
    assert (tmp_path / "samples.png").stat().st_size > 0
    assert (tmp_path / "loss.png").stat().st_size > 0

    longer = replace(config, training=replace(config.training, images=64))
    run_of(longer, data, tmp_path)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["progress"]["images"] == 64


def test_a_checkpoint_of_another_recipe_is_refused(config, data, tmp_path):
    path = tmp_path / "checkpoint.pt"
    trainer_of(config, data).save(path)
    other = replace(config, scheduler=config.scheduler | {"beta_schedule": "linear"})
    with pytest.raises(CheckpointError, match="another recipe: scheduler"):
        trainer_of(other, data).load(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="move it away"):
        trainer_of(config, data).load(path)
    with pytest.raises(CheckpointError, match="missing"):
        trainer_of(config, data).load(tmp_path / "nothing.pt")


def test_a_full_disk_leaves_the_last_checkpoint(config, data, tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.pt"
    trainer = trainer_of(config, data)
    trainer.save(path)
    before = path.read_bytes()

    def full_disk(_, target):
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(CheckpointError, match="last one is intact"):
        trainer.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_labels_are_dropped_together_and_each_alone(wishing_config, wishing):
    trainer = trainer_of(wishing_config, wishing)
    condition, config = trainer.task.model.condition, wishing_config.training
    labels = torch.zeros(20_000, 2, dtype=torch.long)
    kept = condition.drop(labels, config, torch.Generator().manual_seed(0)) == 0
    shares = {
        "none": (~kept).all(1).float().mean().item(),
        "half": (kept[:, 0] & ~kept[:, 1]).float().mean().item(),
        "all": kept.all(1).float().mean().item(),
    }
    # A chance drawn evenly drops none, one or both of two equally often.
    third = config.subset_share / 3
    expected = {"none": config.label_dropout + third, "half": third / 2}
    expected["all"] = 1 - config.label_dropout - config.subset_share + third
    assert shares == pytest.approx(expected, abs=0.01)


def test_the_learning_rate_warms_up_and_anneals(config, data):
    trainer = trainer_of(config, data)
    assert trainer.learning_rate() < 1e-4
    trainer.progress.images = 24
    assert trainer.learning_rate() == pytest.approx((1e-3 + 1e-5) / 2)
    trainer.progress.images = 48
    assert trainer.learning_rate() == pytest.approx(1e-5)


def test_minutes_are_a_budget_too(config, data):
    trainer = trainer_of(config, data, minutes=2)
    trainer.progress.seconds = 60
    assert trainer.fraction == 0.5


@pytest.mark.parametrize("prediction_type", ["epsilon", "sample", "v_prediction"])
def test_min_snr_weighs_the_same_error_in_x0(config, data, prediction_type):
    config = replace(
        config,
        scheduler=config.scheduler | {"prediction_type": prediction_type},
        training=replace(config.training, min_snr_gamma=5.0),
    )
    diffusion = Diffusion(build_scheduler(config), config.training.min_snr_gamma)
    timestep = torch.tensor([100, 500, 900])
    alpha_cumprod = diffusion.scheduler.alphas_cumprod[timestep]
    sigma_squared = (1 - alpha_cumprod) / alpha_cumprod
    # An error e in x0 is an error of e²·SNR in ε, of e²·(SNR + 1) in v.
    error = {
        "sample": torch.ones(3),
        "epsilon": 1 / sigma_squared,
        "v_prediction": 1 / sigma_squared + 1,
    }[prediction_type]
    expected = (1 / sigma_squared).clamp(max=5)
    torch.testing.assert_close(diffusion.weight(timestep) * error, expected)


@pytest.mark.parametrize("kind", ["classes", "wishes"])
def test_training_goes_on_from_an_exported_model(kind, request, tmp_path):
    names = ("config", "data") if kind == "classes" else ("wishing_config", "wishing")
    config, data = (request.getfixturevalue(name) for name in names)
    first = trainer_of(config, data)
    first.step()
    first.save(tmp_path / "checkpoint.pt")
    export(Denoise(config, data), tmp_path / "checkpoint.pt", tmp_path / "model")

    task = Denoise(config, data)
    progress = task.start_from(tmp_path / "model")
    exported = load_denoiser(tmp_path / "model").parameters()
    for expected, weight in zip(exported, task.model.parameters(), strict=True):
        assert torch.equal(expected, weight)
    assert progress.images == 0

    train(task, config.training, tmp_path / "run", progress=progress)
    facts = export(Denoise(config, data), tmp_path / "run/checkpoint.pt", tmp_path / "next")
    assert facts["images_seen"] == config.training.images + first.progress.images
    assert facts["training_minutes"] >= 0


def test_a_model_to_start_from_is_checked(config, data, wishing, tmp_path):
    with pytest.raises(ValueError, match="no exported model"):
        Denoise(config, data).start_from(tmp_path)
    trainer = trainer_of(config, data)
    trainer.save(tmp_path / "checkpoint.pt")
    export(Denoise(config, data), tmp_path / "checkpoint.pt", tmp_path / "model")
    wider = replace(config, unet=config.unet | {"block_out_channels": [8, 16, 16]})
    with pytest.raises(ValueError, match="another network"):
        Denoise(wider, data).start_from(tmp_path / "model")
    others = replace(data, attributes=[replace(data.attributes[0], values=["x", "y", "z"])])
    with pytest.raises(ValueError, match="other attributes"):
        Denoise(config, others).start_from(tmp_path / "model")


def test_a_batch_beyond_an_epoch_goes_on_in_the_next():
    shuffle = Shuffle(10, seed=3)
    stream = [shuffle[position] for position in range(40)]
    assert shuffle.batch(7, 26).tolist() == stream[7:33]
    assert sorted(stream[10:20]) == list(range(10))


def test_only_a_task_that_can_keeps_snapshots(config, data):
    task = SimpleNamespace(name="some", model=Denoise(config, data).model)
    training = replace(config.training, snapshots=[8])
    with pytest.raises(ValueError, match="no snapshots"):
        Trainer(task, training, Accelerator())


def test_the_averages_alone_are_exported_as_a_checkpoint_is(config, data, tmp_path):
    run_of(config, data, tmp_path)
    for name in ("checkpoint", "averages"):
        export(Denoise(config, data), tmp_path / f"{name}.pt", tmp_path / name)
    for name in ("reverie.json", "golden.safetensors", "unet/diffusion_pytorch_model.safetensors"):
        files = [tmp_path / folder / name for folder in ("checkpoint", "averages")]
        assert files[0].read_bytes() == files[1].read_bytes()
    sizes = [(tmp_path / f"{name}.pt").stat().st_size for name in ("checkpoint", "averages")]
    assert sizes[1] < 0.3 * sizes[0]
