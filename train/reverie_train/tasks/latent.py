"""The latent model: a U-Net that is told in words what to draw, and works on the code of pictures.

Rombach et al. 2022, section 3.2 and equation 3: the text encoder is trained with the U-Net. What is
exported is a `StableDiffusionPipeline` of diffusers.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from ..config import Config
from ..data import Dataset, Shuffle, load_dataset
from ..data.captions import Captions
from ..data.codes import Codes
from ..data.sentences import Sentences, tokenize
from ..diffusion import Diffusion
from ..evaluation.samples import save_grid
from ..network import build_scheduler, gflop, parameter_count
from ..tokenizer import load_tokenizer, save_tokenizer
from .facts import provenance

TABLES = frozenset({"parts", "text_encoder", "captions"})
HELD_OUT = 512  # images for the log's figure
SHOWN = 24  # captions that are drawn for the run's picture
STEPS, GUIDANCE_SCALE = 20, 3.0


def build(config: Config, root: Path, device: torch.device) -> "LatentTask":
    data, test = (load_dataset(config.data, root, split, device) for split in ("train", "test"))
    words = Words.of_pictures(data, test, config)
    return LatentTask(
        config, data, test, words, Path(config.tables["parts"]["autoencoder"]), device
    )


@dataclass(frozen=True)
class Words:
    """What is said of the images."""

    tokenizer: CLIPTokenizer
    train: Sentences
    test: list[str]  # a caption of each of the first held-out ones

    @classmethod
    def of_pictures(cls, data: Dataset, test: Dataset, config: Config) -> "Words":
        tokenizer, seed = load_tokenizer(), config.training.seed
        sentences = Sentences.of_pictures(tokenizer, data, seed=seed, **config.tables["captions"])
        captions, generator = Captions(data.attributes), torch.Generator().manual_seed(seed + 1)
        labels, visible = (part[:HELD_OUT].cpu() for part in (test.labels, test.visible))
        rows = captions.draw(labels, visible, generator, least=1)
        return cls(tokenizer, sentences, captions.texts(rows))


class Latent(nn.Module):
    """(x_t [N, C, H, W], t [N], tokens [N, L]) to the prediction."""

    def __init__(self, unet: UNet2DConditionModel, text_encoder: CLIPTextModel) -> None:
        super().__init__()
        self.unet, self.text_encoder = unet, text_encoder

    def forward(
        self, sample: torch.Tensor, timestep: torch.Tensor, tokens: torch.Tensor
    ) -> torch.Tensor:
        words = self.text_encoder(tokens).last_hidden_state
        return self.unet(sample, timestep, encoder_hidden_states=words).sample


class LatentTask:
    model: Latent

    def __init__(
        self,
        config: Config,
        data: Dataset,
        test: Dataset,
        words: Words,
        autoencoder: Path,
        device: torch.device | str = "cpu",
    ) -> None:
        """`autoencoder` is the folder of an exported one."""
        self.config, self.name, self.device = config, config.name, device
        self.data, self.test, self.words = data, test, words
        self.vae, self.preview = load_autoencoder(autoencoder, device)
        self.shuffle = Shuffle(len(data), config.training.seed, device)
        self.scheduler = build_scheduler(config)
        self.diffusion = Diffusion(self.scheduler, config.training.min_snr_gamma)
        unet = UNet2DConditionModel(**config.unet).to(memory_format=torch.channels_last)
        text_encoder = build_text_encoder(config.tables["text_encoder"], words.tokenizer)
        self.model = Latent(unet, text_encoder).to(device)

    # What only training needs is made when it begins: an export does without.
    @cached_property
    def codes(self) -> Codes:
        return Codes(self.vae, self.data.images)

    @cached_property
    def held_out(self) -> Codes:
        return Codes(self.vae, self.test.images[:HELD_OUT])

    def recipe(self) -> dict[str, Any]:
        return self.config.recipe()

    def loss(
        self, model: nn.Module, first: int, size: int, generator: torch.Generator
    ) -> torch.Tensor:
        indices = self.shuffle.batch(first, size)
        clean = self.codes.draw(indices, generator)
        tokens = self.words.train.draw(indices, self.config.training.label_dropout, generator)
        return self._error(model, clean, tokens, generator)

    def _error(
        self,
        model: nn.Module,
        clean: torch.Tensor,
        tokens: torch.Tensor,
        generator: torch.Generator,
    ) -> torch.Tensor:
        noise = self.diffusion.noise(clean, generator)
        timestep = self.diffusion.timesteps(len(clean), generator)
        noisy = self.diffusion.add_noise(clean, noise, timestep)
        output = model(noisy.contiguous(memory_format=torch.channels_last), timestep, tokens)
        target = self.diffusion.target(clean, noise, timestep)
        error = F.mse_loss(output.float(), target, reduction="none")
        return (error.mean(dim=(1, 2, 3)) * self.diffusion.weight(timestep)).mean()

    def figures(self, model: nn.Module, generator: torch.Generator) -> dict[str, float]:
        """The loss of held-out figures and captions, in the same noise at every look."""
        clean = self.held_out.draw(slice(None), generator)
        tokens = tokenize(self.words.tokenizer, self.words.test[: len(clean)]).to(self.device)
        return {"held_out": self._error(model, clean, tokens, generator).item()}

    def pipeline(self) -> StableDiffusionPipeline:
        pipeline = StableDiffusionPipeline(
            vae=self.vae,
            text_encoder=self.model.text_encoder,
            tokenizer=self.words.tokenizer,
            unet=self.model.unet,
            scheduler=DDIMScheduler(**self.config.scheduler),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def draw(self, model: nn.Module, run: Path) -> None:
        """Held-out captions and what is drawn of them, `samples.txt` and `samples.png`."""
        captions = self.words.test[:SHOWN]
        pictures = self.pipeline()(
            captions,
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE_SCALE,
            generator=torch.Generator().manual_seed(0),
            output_type="pt",
        ).images
        save_grid(2 * pictures.float().cpu() - 1, run / "samples.png", scale=3)
        (run / "samples.txt").write_text("".join(f"{caption}\n" for caption in captions))

    def export(self, folder: Path, facts: dict[str, Any]) -> None:
        """The pipeline in f16, and a golden test of each part."""
        pipeline = self.pipeline().to("cpu")
        parts = {"unet": pipeline.unet, "text_encoder": pipeline.text_encoder, "vae": pipeline.vae}
        facts |= provenance(self.config, self.data)
        facts["parameters"] = sum(parameter_count(part) for part in parts.values())
        facts["parameters_by_part"] = {name: parameter_count(p) for name, p in parts.items()}
        facts |= self._costs()
        facts["latent_preview"] = self.preview
        if self.config.sampling:
            facts["sampling"] = self.config.sampling
        tokens = tokenize(self.words.tokenizer, self.words.test[:2])
        tested = golden(self.model, tokens, self.config.training.seed)
        save_file(tested, folder / "golden.safetensors")
        for part in parts.values():
            part.half()
        pipeline.save_pretrained(folder)
        save_tokenizer(self.words.tokenizer, folder / "tokenizer")
        # Beside what this version of transformers writes: the two files that all of them read.
        self.words.tokenizer.backend_tokenizer.model.save(str(folder / "tokenizer"))
        read_in_f32(folder / "text_encoder" / "config.json")

    def _costs(self) -> dict[str, Any]:
        """GFLOP of one pass of the U-Net, and of what a prompt and its picture take once."""
        sample = torch.zeros(
            1, self.model.unet.config.in_channels, *self.model.unet.config.sample_size
        )
        tokens = tokenize(self.words.tokenizer, [""])
        words = self.model.text_encoder(tokens).last_hidden_state
        costs = {
            "unet": gflop(self.model.unet, sample, 0, encoder_hidden_states=words),
            "text_encoder": gflop(self.model.text_encoder, tokens),
            "decoder": gflop(self.vae.decode, sample),
        }
        costs = {name: round(cost, 4) for name, cost in costs.items()}
        return {"gflop": costs["unet"], "gflop_by_part": costs}


def read_in_f32(path: Path) -> None:
    """Says of weights in f16 that they are read in f32, as diffusers reads its own.

    transformers reads them as they are stored otherwise, and the pipeline's parts would not fit.
    """
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"dtype": "float32"}, indent=2) + "\n")


def load_autoencoder(
    folder: Path, device: torch.device | str
) -> tuple[AutoencoderKL, dict[str, list]]:
    """An exported autoencoder, frozen, in f32, and the linear preview of its code."""
    try:
        vae = AutoencoderKL.from_pretrained(folder, subfolder="vae", torch_dtype=torch.float32)
        preview = json.loads((folder / "reverie.json").read_text())["latent_preview"]
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(
            f"{folder} is no exported autoencoder ({error}): train and export one there first"
        ) from error
    vae.to(device, memory_format=torch.channels_last)
    return vae.eval().requires_grad_(False), preview


def build_text_encoder(table: dict[str, Any], tokenizer: CLIPTokenizer) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            **table,
            vocab_size=len(tokenizer),
            max_position_embeddings=tokenizer.model_max_length,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


@torch.no_grad()
def golden(model: Latent, tokens: torch.Tensor, seed: int) -> dict[str, torch.Tensor]:
    """Two captions, a noisy code of each, and PyTorch's f32 outputs for them."""
    config = model.unet.config
    shape = (len(tokens), config.in_channels, *config.sample_size)
    sample = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    timestep = torch.tensor([700, 20])
    words = model.text_encoder(tokens).last_hidden_state
    output = model.unet(sample, timestep, encoder_hidden_states=words).sample
    tensors = {
        "input_ids": tokens,
        "last_hidden_state": words,
        "sample": sample,
        "timestep": timestep,
        "output": output,
    }
    return {name: tensor.contiguous() for name, tensor in tensors.items()}
