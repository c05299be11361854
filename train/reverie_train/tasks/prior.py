"""The prior: from a caption's embedding to a picture's, by diffusion on 128 numbers.

Ramesh et al. 2022 (unCLIP), section 2.2 and equation 2: a causal transformer over the caption's
tokens, its embedding, the time, the noisy embedding and a query, which predicts the embedding
itself. `PriorTransformer` of diffusers; its `UnCLIPScheduler`.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from diffusers import PriorTransformer, UnCLIPScheduler
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from ..clip import Encoders, Said
from ..config import Config
from ..data import Dataset, Shuffle, load_dataset
from ..data.sentences import Sentences, tokenize
from ..diffusion import Diffusion
from ..network import gflop, parameter_count
from .facts import provenance

TABLES = frozenset({"prior", "parts", "captions"})
HELD_OUT = 512  # pictures for the log's figures
STEPS = 25


def build(config: Config, root: Path, device: torch.device) -> "PriorTask":
    train, test = (load_dataset(config.data, root, split, device) for split in ("train", "test"))
    return PriorTask(config, train, test, Path(config.tables["parts"]["clip"]), device)


class PriorTask:
    model: PriorTransformer

    def __init__(
        self,
        config: Config,
        data: Dataset,
        test: Dataset,
        clip: Path,
        device: torch.device | str = "cpu",
    ) -> None:
        """`clip` is the folder of an exported one."""
        self.config, self.name, self.device = config, config.name, device
        self.data, self.test, self.clip = data, test, Encoders.load(clip, device)
        self.shuffle = Shuffle(len(data), config.training.seed, device)
        self.diffusion = Diffusion(UnCLIPScheduler(**config.scheduler))
        self.model = PriorTransformer(**config.tables["prior"]).to(device)
        # Facts of the data, that only a parameter of this name carries in diffusers' format.
        self.model.clip_mean.requires_grad_(False)
        self.model.clip_std.requires_grad_(False)

    # What only training needs is made when it begins: an export does without.
    @cached_property
    def embeddings(self) -> torch.Tensor:
        """Those of the pictures, [N, D], of mean 0 and deviation 1 in every number."""
        seen = self.clip.see(self.data.images)
        self.model.clip_mean.copy_(seen.mean(0, keepdim=True))
        self.model.clip_std.copy_(seen.std(0, keepdim=True))
        return (seen - self.model.clip_mean) / self.model.clip_std

    @cached_property
    def sentences(self) -> Sentences:
        table, seed = self.config.tables["captions"], self.config.training.seed
        return Sentences.of_pictures(self.clip.tokenizer, self.data, seed=seed, **table)

    @cached_property
    def held_out(self) -> tuple[torch.Tensor, Said]:
        """Embeddings of held-out pictures, and what one caption of each says."""
        test, table = self.test, self.config.tables["captions"]
        sentences = Sentences.of_pictures(self.clip.tokenizer, test, seed=1, **table | {"each": 1})
        said = self.clip.say(sentences.tokens[:HELD_OUT, 0].long())
        return self.clip.see(test.images[:HELD_OUT]), said

    def recipe(self) -> dict[str, Any]:
        return self.config.recipe()

    def loss(
        self, model: nn.Module, first: int, size: int, generator: torch.Generator
    ) -> torch.Tensor:
        indices = self.shuffle.batch(first, size)
        clean = self.embeddings[indices]
        dropout = self.config.training.label_dropout
        said = self.clip.say(self.sentences.draw(indices, dropout, generator))
        noise = self.diffusion.noise(clean, generator)
        timestep = self.diffusion.timesteps(size, generator)
        noisy = self.diffusion.add_noise(clean, noise, timestep)
        return F.mse_loss(predict(model, noisy, timestep, said).float(), clean)

    def figures(self, model: nn.Module, generator: torch.Generator) -> dict[str, float]:
        """Mean cosines with the pictures' embeddings: of the prior's, and of the captions' own."""
        true, said = self.held_out
        scheduler = UnCLIPScheduler(**self.config.scheduler)
        drawn = sample_prior(self.model, scheduler, said, generator)
        cosines = {
            "prior": F.cosine_similarity(drawn, true).mean().item(),
            "caption": F.cosine_similarity(said.embedding, true).mean().item(),
        }
        return {**cosines, "gain": cosines["prior"] - cosines["caption"]}

    def draw(self, model: nn.Module, run: Path) -> None:
        """It draws nothing: that is the decoder's."""

    def export(self, folder: Path, facts: dict[str, Any]) -> None:
        """The transformer in f16, its scheduler, and a golden test."""
        clip, config = self.clip, self.model.config
        said = clip.say(tokenize(clip.tokenizer, ["", "an orc with pink hair"]).to(self.device))
        said = Said(said.hidden.cpu(), said.embedding.cpu(), said.mask.cpu())
        generator = torch.Generator().manual_seed(self.config.training.seed)
        noisy = torch.randn(2, config.clip_embed_dim or config.embedding_dim, generator=generator)
        timestep = torch.tensor([700, 20])
        one = Said(said.hidden[:1], said.embedding[:1], said.mask[:1])
        cost = gflop(predict, self.model, noisy[:1], timestep[:1], one)
        facts |= provenance(self.config, self.data)
        facts["parameters"] = parameter_count(self.model)
        facts["gflop"] = round(cost, 4)
        golden = {
            "hidden_states": noisy,
            "timestep": timestep,
            "proj_embedding": said.embedding,
            "encoder_hidden_states": said.hidden,
            "attention_mask": said.mask,
            "predicted_image_embedding": predict(self.model, noisy, timestep, said),
        }
        contiguous = {name: tensor.contiguous() for name, tensor in golden.items()}
        save_file(contiguous, folder / "golden.safetensors")
        self.model.half().save_pretrained(folder / "prior")
        UnCLIPScheduler(**self.config.scheduler).save_pretrained(folder / "prior_scheduler")


def predict(
    prior: nn.Module, noisy: torch.Tensor, timestep: torch.Tensor | int, said: Said
) -> torch.Tensor:
    return prior(
        noisy,
        timestep,
        proj_embedding=said.embedding,
        encoder_hidden_states=said.hidden,
        attention_mask=said.mask,
    ).predicted_image_embedding


@torch.no_grad()
def sample_prior(
    prior: PriorTransformer,
    scheduler: UnCLIPScheduler,
    said: Said,
    generator: torch.Generator,
    steps: int = STEPS,
) -> torch.Tensor:
    """An embedding of a picture for each caption, [N, D]; `generator` is on its device."""
    device = said.embedding.device
    width = prior.config.clip_embed_dim or prior.config.embedding_dim
    z = torch.randn(len(said.embedding), width, generator=generator, device=device)
    scheduler.set_timesteps(steps)
    timesteps = scheduler.timesteps.tolist()
    for t, before in zip(timesteps, [*timesteps[1:], None], strict=True):
        predicted = predict(prior, z, t, said)
        z = scheduler.step(predicted, t, z, before, generator=generator).prev_sample
    return prior.post_process_latents(z)
