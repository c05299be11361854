"""PyTorch's side: the same weights and inputs, eager and compiled, in f32 and with TF32."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import DDIMScheduler, UNet2DModel
from safetensors.torch import load_file

from .engine import RUN, STEPS
from .figures import TOLERANCE, Figures

COMPILED = ("digits", "c")
BLOCK = 10
EAGER = "eager"
# What torch.compile calls its modes; the second records CUDA graphs.
MODES = ("default", "reduce-overhead")

Pass = Callable[[torch.Tensor, torch.Tensor, torch.Tensor | None], torch.Tensor]


@dataclass(frozen=True)
class Setting:
    network: str
    tf32: bool
    mode: str
    batch: int

    @property
    def name(self) -> str:
        return f"{self.network}/{'tf32' if self.tf32 else 'f32'}/{self.mode}/{self.batch}"


@dataclass(frozen=True)
class Measure:
    """How a setting is timed."""

    work: Path
    device: str
    warmups: int
    passes: int

    def sync(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()

    def median_ms(self, call: Callable[[], object], warmups: int, times: int, block: int) -> float:
        """Milliseconds of one call: the median of blocks, with a synchronize around each."""
        for _ in range(warmups):
            call()
        blocks = []
        for _ in range(max(1, times // block)):
            self.sync()
            start = time.perf_counter()
            for _ in range(block):
                call()
            self.sync()
            blocks.append((time.perf_counter() - start) / block)
        return 1000 * statistics.median(blocks)


def eager(nets: list[Path], batches: list[int]) -> list[Setting]:
    """In f32 first: should time be short, that is what the engine's figures stand beside."""
    return [
        Setting(net.name, tf32, EAGER, batch)
        for batch in batches
        for tf32 in (False, True)
        for net in nets
    ]


def compiled(batches: list[int]) -> list[Setting]:
    return [
        Setting(network, tf32, mode, batch)
        for batch in batches
        for tf32 in (False, True)
        for mode in MODES
        for network in COMPILED
    ]


def use_tf32(allowed: bool) -> None:
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed
    torch.backends.cudnn.benchmark = True


def time_settings(settings: list[Setting], measure: Measure, figures: Figures) -> None:
    for setting in settings:
        figures.put(setting.name, lambda s=setting: _time(s, measure))


@torch.no_grad()
def warm(settings: list[Setting], measure: Measure, figures: Figures) -> None:
    """Compiles ahead of the timing: what the compiler makes stays in its cache."""
    for setting in settings:
        figures.put(setting.name, lambda s=setting: {"off": _off(*_prepare(s, measure))})


@torch.no_grad()
def _time(setting: Setting, measure: Measure) -> dict[str, Any]:
    call, tensors = _prepare(setting, measure)
    off = _off(call, tensors)
    if not setting.tf32 and off > TOLERANCE:
        raise ValueError(f"its output is off by {off}")
    sample, timestep, labels = (tensors.get(k) for k in ("sample", "timestep", "class_labels"))
    block = min(BLOCK, measure.passes)
    ms = measure.median_ms(
        lambda: call(sample, timestep, labels), measure.warmups, measure.passes, block
    )
    loop = {}
    if setting.network == RUN and setting.batch == 1:
        run = _ddim(call, measure.work / "nets" / RUN, sample, labels)
        # As many passes once more, and half as many to warm up.
        runs = max(1, 2 * measure.passes // STEPS)
        loop["loop_ms"] = measure.median_ms(run, 1, runs, 1)
    return {"ms": ms, "off": off, **loop}


def _prepare(setting: Setting, measure: Measure) -> tuple[Pass, dict[str, torch.Tensor]]:
    use_tf32(setting.tf32)
    torch._dynamo.reset()
    folder = measure.work / "nets" / setting.network
    unet = UNet2DModel.from_pretrained(folder, subfolder="unet", torch_dtype=torch.float32)
    unet = unet.to(measure.device).eval().requires_grad_(False)
    tensors = load_file(folder / f"golden-{setting.batch}.safetensors", device=measure.device)

    def call(
        sample: torch.Tensor, timestep: torch.Tensor, labels: torch.Tensor | None
    ) -> torch.Tensor:
        return unet(sample, timestep, class_labels=labels, return_dict=False)[0]

    if setting.mode in MODES:
        return torch.compile(call, mode=setting.mode, dynamic=False), tensors
    return call, tensors


def _off(call: Pass, tensors: dict[str, torch.Tensor]) -> float:
    found = call(tensors["sample"], tensors["timestep"], tensors.get("class_labels"))
    wanted = tensors["output"]
    return float((found - wanted).abs().max() / wanted.abs().max())


def _ddim(
    call: Pass, folder: Path, sample: torch.Tensor, labels: torch.Tensor | None
) -> Callable[[], torch.Tensor]:
    """The loop of a DDIM run: a pass and one sum a step, nothing made or moved in between.

    Without noise and clipping a step is linear in the sample and the network's output, so what
    diffusers' scheduler makes of a one and a zero are the two factors.
    """
    scheduler = DDIMScheduler.from_pretrained(folder, subfolder="scheduler", clip_sample=False)
    scheduler.set_timesteps(STEPS)
    one, zero = torch.ones(1), torch.zeros(1)
    steps = []
    for timestep in scheduler.timesteps:
        of_sample = scheduler.step(zero, timestep, one).prev_sample.item()
        of_output = scheduler.step(one, timestep, zero).prev_sample.item()
        steps.append((timestep.reshape(1).to(sample.device), of_sample, of_output))

    def run() -> torch.Tensor:
        x = sample
        for timestep, of_sample, of_output in steps:
            x = of_sample * x + of_output * call(x, timestep, labels)
        return x.cpu()

    return run
