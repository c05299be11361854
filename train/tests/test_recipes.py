"""Each recipe for a few hundred images, as a user runs it: from a kill to an export."""

import gzip
import os
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from conftest import CONFIGS
from PIL import Image

from reverie_train.__main__ import main
from reverie_train.condition import load_denoiser
from reverie_train.data import lpc


def write_idx(path: Path, values: bytes, *shape: int) -> None:
    header = b"\x00\x00\x08" + bytes([len(shape)])
    sizes = b"".join(n.to_bytes(4, "big") for n in shape)
    path.write_bytes(gzip.compress(header + sizes + values))


@pytest.fixture
def data(tmp_path, monkeypatch) -> Path:
    """A folder with 300 images of each kind; sheets of a plain colour stand for the art."""
    for name in ("MNIST", "FashionMNIST"):
        raw = tmp_path / "data" / name / "raw"
        raw.mkdir(parents=True)
        pixels = bytes(i * j % 256 for i in range(300) for j in range(28 * 28))
        write_idx(raw / "train-images-idx3-ubyte.gz", pixels, 300, 28, 28)
        write_idx(raw / "train-labels-idx1-ubyte.gz", bytes(i % 10 for i in range(300)), 300)
    (tmp_path / "data" / "LPC").mkdir()
    (tmp_path / "data" / "LPC" / "AUTHORS.txt").write_text("Ann\n---\nall\n")

    def plain(path: Path) -> Image.Image:
        colour = sha256(str(path).encode()).digest()[:3]
        image = Image.new("RGBA", (32, 32))
        image.paste((*colour, 255), (8, 8, 24, 24))
        return image

    monkeypatch.setattr(lpc, "_crop", plain)
    return tmp_path / "data"


def dry(name: str, folder: Path) -> Path:
    """The recipe with fewer composed images, and in f32, for which every CPU is made."""
    text = (CONFIGS / f"{name}.toml").read_text()
    text = text.replace("train_images = 100_000", "train_images = 300")
    path = folder / f"{name}.toml"
    path.write_text(text.replace('"bf16"', '"no"'))
    return path


@pytest.mark.parametrize("name", ["digits", "fashion", "portraits"])
def test_a_recipe_trains_and_exports(name, data, tmp_path, monkeypatch):
    config, run, out = dry(name, tmp_path), tmp_path / "run", tmp_path / "model"
    common = [str(config), "--data", str(data), "--run", str(run)]
    for command in (["train", *common, "--images", "256"], ["export", *common, "--out", str(out)]):
        monkeypatch.setattr(sys, "argv", ["reverie_train", *command])
        main()
    assert torch.load(run / "checkpoint.pt", weights_only=True)["progress"]["images"] == 256
    assert (run / "samples.png").exists()
    denoiser = load_denoiser(out)
    config = denoiser.unet.config
    noise = torch.randn(1, config.in_channels, config.sample_size, config.sample_size)
    with torch.no_grad():
        assert torch.isfinite(denoiser(noise, 500, denoiser.null[None])).all()
    weights = (out / "unet" / "diffusion_pytorch_model.safetensors").stat().st_size
    assert weights <= {"digits": 3e6, "fashion": 3e6, "portraits": 8e6}[name]


def test_a_killed_run_loses_at_most_its_last_step(data, tmp_path):
    run = tmp_path / "run"
    command = [sys.executable, "-m", "reverie_train", "train", str(dry("digits", tmp_path))]
    command += ["--data", str(data), "--run", str(run), "--images", "1000000"]
    environment = os.environ | {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([*command, "--checkpoint-seconds", "0"], env=environment)
    checkpoint = run / "checkpoint.pt"
    try:
        deadline = time.monotonic() + 300
        while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert process.poll() is None, "the run ended before its first checkpoint"
        time.sleep(0.7)  # into the middle of something
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    images = torch.load(checkpoint, weights_only=True)["progress"]["images"]
    assert images > 0
    again = [*command, "--images", str(images + 32)]
    result = subprocess.run(again, env=environment, capture_output=True, text=True, check=True)
    assert f"resumed at {images:,} images" in result.stdout
    assert torch.load(checkpoint, weights_only=True)["progress"]["images"] == images + 32


def test_a_mistake_is_one_line(tmp_path, monkeypatch):
    arguments = ["reverie_train", "train", str(CONFIGS / "portraits.toml")]
    arguments += ["--data", str(tmp_path), "--run", str(tmp_path / "run")]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit, match="LPC is missing: clone https://"):
        main()
