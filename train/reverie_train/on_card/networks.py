"""The networks that are timed, with PyTorch's f32 output on the device, and what the machine is."""

import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

from ..contenders import write_golden, write_network
from .figures import Figures
from .pytorch import use_tf32


def write(
    sources: list[Path], batches: list[int], device: str, out: Path, figures: Figures
) -> None:
    """Writes `out/NAME` of each source, with a golden file of each batch."""
    use_tf32(False)
    figures.put("machine", lambda: machine(device))
    for source in sources:
        figures.put(source.stem, lambda s=source: _write(s, batches, device, out))


def _write(source: Path, batches: list[int], device: str, out: Path) -> dict[str, Any]:
    folder, unet = write_network(source, out)
    unet.to(device, memory_format=torch.contiguous_format)
    for batch in batches:
        write_golden(folder, unet, batch)
    return {"parameters": sum(parameter.numel() for parameter in unet.parameters())}


def machine(device: str) -> dict[str, Any]:
    facts = {
        "python": platform.python_version(),
        "kernel": platform.release(),
        "torch": torch.__version__,
        "device": platform.processor() or platform.machine(),
    }
    if device == "cuda":
        asked = "name,driver_version,vbios_version,clocks.max.sm,clocks.max.mem,power.limit"
        command = ["nvidia-smi", f"--query-gpu={asked}", "--format=csv,noheader"]
        told = subprocess.run(command, capture_output=True, text=True, timeout=20).stdout.strip()
        facts |= {
            "device": torch.cuda.get_device_name(),
            "driver": told,
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
        }
    return facts
