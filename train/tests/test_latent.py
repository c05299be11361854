from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from conftest import CONFIGS
from diffusers import AutoencoderKL, StableDiffusionPipeline
from safetensors.torch import load_file
from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTokenizer

from reverie_train.config import Config, load_config
from reverie_train.data.codes import Codes
from reverie_train.data.sentences import Sentences, tokenize
from reverie_train.export import export
from reverie_train.loop import Trainer
from reverie_train.tasks.latent import LatentTask, Words


@pytest.fixture(scope="module")
def tokenizer() -> CLIPTokenizer:
    """Letters alone, but for one word."""
    letters = sorted(ByteLevel.alphabet())
    pieces = [*letters, *(f"{letter}</w>" for letter in letters), "re", "red</w>"]
    vocabulary = {piece: i for i, piece in enumerate([*pieces, "<|startoftext|>", "<|endoftext|>"])}
    merges = [("r", "e"), ("re", "d</w>")]
    return CLIPTokenizer(
        vocab=vocabulary, merges=merges, model_max_length=16, pad_token="<|endoftext|>"
    )


@pytest.fixture
def autoencoder(tmp_path) -> Path:
    torch.manual_seed(0)
    vae = AutoencoderKL(
        block_out_channels=[8, 8],
        down_block_types=["DownEncoderBlock2D"] * 2,
        up_block_types=["UpDecoderBlock2D"] * 2,
        norm_num_groups=4,
        sample_size=8,
        scaling_factor=1.5,
    )
    vae.save_pretrained(tmp_path / "autoencoder" / "vae")
    preview = '{"latent_preview": {"matrix": [], "bias": []}}'
    (tmp_path / "autoencoder" / "reverie.json").write_text(preview)
    return tmp_path / "autoencoder"


@pytest.fixture
def speaking() -> Config:
    config = load_config(CONFIGS / "latent.toml")
    unet = config.unet | {
        "sample_size": [4, 4],
        "block_out_channels": [8, 16],
        "norm_num_groups": 4,
        "cross_attention_dim": 16,
        "attention_head_dim": 2,
    }
    text_encoder = config.tables["text_encoder"] | {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_attention_heads": 2,
    }
    training = replace(
        config.training, images=4000, batch_size=8, warmup_images=8, mixed_precision="no"
    )
    tables = config.tables | {"text_encoder": text_encoder}
    return replace(config, unet=unet, tables=tables, training=training)


@pytest.fixture
def make_task(speaking, wishing, tokenizer, autoencoder):
    def make() -> LatentTask:
        said = [
            ["a red one" if colour == 0 else "another", f"half {half}"]
            for half, colour in wishing.labels.tolist()
        ]
        sentences = Sentences.of_texts(tokenizer, said)
        words = Words(tokenizer, sentences, [first for first, _ in said])
        torch.manual_seed(0)
        return LatentTask(speaking, wishing, wishing, words, autoencoder)

    return make


def trainer_of(task: LatentTask) -> Trainer:
    return Trainer(task, task.config.training, Accelerator())


def test_training_lowers_the_held_out_loss_of_both_networks(make_task):
    trainer = trainer_of(make_task())
    before = trainer.figures()["held_out"]
    words = trainer.task.model.text_encoder
    first = [parameter.clone() for parameter in words.parameters()]
    for _ in range(60):
        assert trainer.step().isfinite()
    assert trainer.figures()["held_out"] < 0.9 * before
    assert all(not torch.equal(a, b) for a, b in zip(first, words.parameters(), strict=True))


def test_a_resumed_run_equals_an_unbroken_one(make_task, tmp_path):
    unbroken, broken, resumed = (trainer_of(make_task()) for _ in range(3))
    losses = [unbroken.step().item() for _ in range(4)]
    again = [broken.step().item() for _ in range(2)]
    broken.save(tmp_path / "checkpoint.pt")
    resumed.load(tmp_path / "checkpoint.pt")
    assert again + [resumed.step().item() for _ in range(2)] == losses
    for expected, weight in zip(unbroken.parameters, resumed.parameters, strict=True):
        assert torch.equal(expected, weight)


def test_an_export_is_a_pipeline_of_diffusers(make_task, tmp_path):
    trainer = trainer_of(make_task())
    trainer.step()
    trainer.save(tmp_path / "checkpoint.pt")
    facts = export(trainer.task, tmp_path / "checkpoint.pt", tmp_path / "model")
    assert facts["latent_preview"] == {"matrix": [], "bias": []}
    assert all(cost > 0 for cost in facts["gflop_by_part"].values())
    assert set(facts["parameters_by_part"]) == {"unet", "text_encoder", "vae"}

    pipeline = StableDiffusionPipeline.from_pretrained(tmp_path / "model")
    pipeline.set_progress_bar_config(disable=True)
    assert pipeline.safety_checker is None and pipeline.feature_extractor is None
    assert pipeline.scheduler.config.prediction_type == "v_prediction"
    assert pipeline.vae.config.scaling_factor == 1.5
    generator = torch.Generator().manual_seed(0)
    drawn = pipeline(
        ["a red one", ""],
        height=8,
        width=8,
        num_inference_steps=2,
        generator=generator,
        output_type="pt",
    )
    assert drawn.images.shape == (2, 3, 8, 8)

    written = {path.name for path in (tmp_path / "model" / "tokenizer").iterdir()}
    assert {"vocab.json", "merges.txt", "tokenizer_config.json"} <= written

    golden = load_file(tmp_path / "model" / "golden.safetensors")
    with torch.no_grad():
        words = pipeline.text_encoder(golden["input_ids"]).last_hidden_state
        output = pipeline.unet(
            golden["sample"], golden["timestep"], encoder_hidden_states=words
        ).sample
    torch.testing.assert_close(words, golden["last_hidden_state"], rtol=0, atol=1e-5)
    torch.testing.assert_close(output, golden["output"], rtol=0, atol=1e-5)
    for part in ("unet/diffusion_pytorch_model", "text_encoder/model"):
        stored = load_file(tmp_path / "model" / f"{part}.safetensors")
        assert {tensor.dtype for tensor in stored.values()} == {torch.float16}


def test_a_run_draws_what_held_out_captions_ask_for(make_task, tmp_path):
    trainer = trainer_of(make_task())
    with trainer.averaged() as model:
        trainer.task.draw(model, tmp_path)
    assert (tmp_path / "samples.png").stat().st_size > 0
    assert (tmp_path / "samples.txt").read_text().splitlines()[0] == "a red one"


def test_codes_are_drawn_from_their_posterior(wishing, autoencoder):
    vae = AutoencoderKL.from_pretrained(autoencoder, subfolder="vae")
    codes = Codes(vae, wishing.images)
    indices = torch.zeros(4000, dtype=torch.long)
    drawn = codes.draw(indices, torch.Generator().manual_seed(0))
    with torch.no_grad():
        posterior = vae.encode(wishing.pixels(slice(1))).latent_dist
    torch.testing.assert_close(drawn.mean(0), 1.5 * posterior.mean[0], rtol=0, atol=0.15)
    torch.testing.assert_close(drawn.std(0), 1.5 * posterior.std[0], rtol=0.1, atol=0)


def test_captions_are_drawn_evenly_and_some_say_nothing(tokenizer):
    sentences = Sentences.of_texts(tokenizer, [["a", "red"], ["b", "c"]])
    generator = torch.Generator().manual_seed(0)
    drawn = sentences.draw(torch.zeros(9000, dtype=torch.long), 0.1, generator)
    a, red, nothing = tokenize(tokenizer, ["a", "red", ""])
    shares = [(drawn == row).all(1).float().mean().item() for row in (a, red, nothing)]
    assert shares == pytest.approx([0.45, 0.45, 0.1], abs=0.02)


def test_a_folder_without_an_autoencoder_is_named(speaking, wishing, tokenizer, tmp_path):
    words = Words(tokenizer, Sentences.of_texts(tokenizer, [["a"]] * 30), ["a"] * 30)
    with pytest.raises(ValueError, match="is no exported autoencoder"):
        LatentTask(speaking, wishing, wishing, words, tmp_path)
