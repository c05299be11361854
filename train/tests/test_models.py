"""The folders in models/, as diffusers and transformers read them, held to what PyTorch gave."""

import json
from pathlib import Path

import pytest
import torch
from diffusers import (
    DDPMPipeline,
    PriorTransformer,
    StableDiffusionPipeline,
    UnCLIPScheduler,
    UNet2DModel,
)
from safetensors.torch import load_file
from transformers import CLIPTextModelWithProjection, CLIPTokenizer, CLIPVisionModelWithProjection

from reverie_train.encoder import load_encoder

MODELS = Path(__file__).parents[2] / "models"
FOLDERS = sorted(path for path in MODELS.iterdir() if path.is_dir())
CAPTION = "an orc with pink hair"  # the second that CLIP's golden test reads
LARGEST = 8_000_000  # bytes of a file


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def golden_of(folder):
    return load_file(folder / "golden.safetensors")


def check_denoiser(folder):
    pipeline = DDPMPipeline.from_pretrained(folder)
    assert pipeline.scheduler.config.prediction_type == "v_prediction"
    unet = UNet2DModel.from_pretrained(folder, subfolder="unet", torch_dtype=torch.float32).eval()
    golden = golden_of(folder)
    expected = golden.pop("output")
    with torch.no_grad():
        close(unet(**golden).sample, expected)


def check_latent(folder):
    pipeline = StableDiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32)
    golden, seen = golden_of(folder), golden_of(folder / "vae")
    with torch.no_grad():
        words = pipeline.text_encoder(golden["input_ids"]).last_hidden_state
        close(words, golden["last_hidden_state"])
        noise = pipeline.unet(
            golden["sample"], golden["timestep"], encoder_hidden_states=words
        ).sample
        close(noise, golden["output"])
        close(pipeline.vae.encode(seen["sample"]).latent_dist.parameters, seen["moments"])
        close(pipeline.vae.decode(seen["latent"]).sample, seen["decoded"])
    caption = pipeline.tokenizer.decode(golden["input_ids"][0], skip_special_tokens=True)
    tokens = pipeline.tokenizer(caption, padding="max_length", return_tensors="pt").input_ids
    assert torch.equal(tokens[0], golden["input_ids"][0])


def check_clip(folder):
    text = CLIPTextModelWithProjection.from_pretrained(folder / "text_encoder")
    vision = CLIPVisionModelWithProjection.from_pretrained(folder / "image_encoder")
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    golden = golden_of(folder)
    tokens = tokenizer(CAPTION, padding="max_length", return_tensors="pt").input_ids
    assert torch.equal(tokens[0], golden["input_ids"][1])
    with torch.no_grad():
        said = text(golden["input_ids"])
        close(said.last_hidden_state, golden["last_hidden_state"])
        close(said.text_embeds, golden["text_embeds"])
        close(vision(golden["pixel_values"]).image_embeds, golden["image_embeds"])


def check_prior(folder):
    prior = PriorTransformer.from_pretrained(
        folder, subfolder="prior", torch_dtype=torch.float32
    ).eval()
    scheduler = UnCLIPScheduler.from_pretrained(folder, subfolder="prior_scheduler")
    assert scheduler.config.prediction_type == "sample"
    golden = golden_of(folder)
    expected = golden.pop("predicted_image_embedding")
    golden["attention_mask"] = golden["attention_mask"].bool()
    with torch.no_grad():
        close(prior(**golden).predicted_image_embedding, expected)


def check_judge(folder):
    encoder, golden = load_encoder(folder), golden_of(folder)
    expected = {name: golden.pop(name) for name in ("logits", "gradient")}
    sample = golden["sample"].requires_grad_()
    logits = encoder(**golden)
    close(logits, expected["logits"])
    parts = logits.split(encoder.widths, dim=1)
    wished = sum(p[:, 0] if p.shape[1] == 1 else p.log_softmax(1)[:, 0] for p in parts)
    wished.sum().backward()
    close(sample.grad, expected["gradient"])


CHECKS = {
    "classifier": check_judge,
    "discriminator": check_judge,
    "image_encoder": check_clip,
    "prior": check_prior,
    "vae": check_latent,
    "unet": check_denoiser,
}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_model_loads_and_matches_its_golden_output(folder):
    part = next(name for name in CHECKS if (folder / name).is_dir())
    check = CHECKS[part]
    check(folder / part if check is check_judge else folder)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_model_is_on_the_list_and_small_enough(folder):
    facts = json.loads((folder / "reverie.json").read_text())
    listed = (MODELS / "README.md").read_text()
    assert f"`{folder.name}`" in listed
    assert facts["licence"] in listed
    assert all(artist in listed for artist in facts["artists"])
    assert all(path.stat().st_size <= LARGEST for path in folder.rglob("*"))
