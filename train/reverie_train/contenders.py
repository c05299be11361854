"""What the benchmarks of `bench/` run: the same networks as diffusers folders and as ONNX."""

import json
import shutil
import warnings
from pathlib import Path

import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from safetensors.torch import save_file
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from .condition import load_denoiser
from .fixtures.unet_case import UNetCase, build, inputs

BATCHES = (1, 16)


def write_contenders(source: Path, out: Path) -> Path:
    """Writes a network's folder with `model.onnx`, of any batch, its cost and golden files.

    Returns the folder.
    """
    folder, unet = write_network(source, out)
    for batch in BATCHES:
        tensors = write_golden(folder, unet, batch)
    _export(unet, tensors, folder / "model.onnx")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        unet(**{name: tensor[:1] for name, tensor in tensors.items() if name != "output"})
    facts = {"gflop": counter.get_total_flops() / 1e9}
    (folder / "facts.json").write_text(json.dumps(facts) + "\n")
    return folder


def write_network(source: Path, out: Path) -> tuple[Path, UNet2DModel]:
    """Writes a diffusers folder, `out/NAME`.

    Of a network's config, which gets random weights, or of a model's folder.
    """
    folder = out / source.stem
    shutil.rmtree(folder, ignore_errors=True)
    if source.is_dir():
        shutil.copytree(source, folder)
        return folder, load_denoiser(source).unet
    unet = build(_case(source.stem, json.loads(source.read_text()), 1))
    DDPMPipeline(unet=unet, scheduler=DDPMScheduler()).save_pretrained(folder)
    return folder, unet


@torch.no_grad()
def write_golden(folder: Path, unet: UNet2DModel, batch: int) -> dict[str, torch.Tensor]:
    """Writes `golden-N.safetensors`: an input, and PyTorch's output on the network's device.

    Returns its tensors, on the CPU.
    """
    tensors = inputs(_case(folder.name, {**unet.config}, batch), unet)
    tensors["timestep"] = tensors["timestep"].expand(batch).contiguous()
    there = {name: tensor.to(unet.device) for name, tensor in tensors.items()}
    tensors["output"] = unet(**there).sample.cpu().contiguous()
    save_file(tensors, folder / f"golden-{batch}.safetensors")
    return tensors


def _case(name: str, config: dict, batch: int) -> UNetCase:
    size = config["sample_size"]
    return UNetCase(name, "a benchmark", config, (size, size), timestep=[500], batch=batch)


class _Call(nn.Module):
    """The U-Net as a function of tensors alone."""

    def __init__(self, unet: UNet2DModel) -> None:
        super().__init__()
        self.unet = unet

    def forward(
        self,
        sample: torch.Tensor,
        timestep: torch.Tensor,
        class_labels: torch.Tensor | None = None,
    ) -> torch.Tensor:
        return self.unet(sample, timestep, class_labels=class_labels).sample


def _export(unet: UNet2DModel, tensors: dict[str, torch.Tensor], file: Path) -> None:
    names = [name for name in ("sample", "timestep", "class_labels") if name in tensors]
    batch = torch.export.Dim("batch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Call(unet),
            tuple(tensors[name] for name in names),
            file,
            input_names=names,
            output_names=["output"],
            dynamic_shapes=tuple({0: batch} for _ in names),
            external_data=False,
            dynamo=True,
            verbose=False,
        )
