"""The measurement on a card, rehearsed on the CPU with small networks."""

import json
import time
from pathlib import Path

import pytest
import torch
from diffusers import DDIMScheduler, DDPMPipeline, DDPMScheduler, UNet2DModel
from safetensors.torch import load_file, save_file

from reverie_train.contenders import write_golden
from reverie_train.on_card import engine, pytorch, report
from reverie_train.on_card.figures import Figures, read_part

FIGURE = {"ms": 2.0, "off": 1e-6}


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A folder of parts with a small network in the place of `digits`."""
    folder = tmp_path / "nets" / "digits"
    torch.manual_seed(0)
    unet = UNet2DModel(
        sample_size=8,
        in_channels=1,
        out_channels=1,
        block_out_channels=(8, 8),
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
    )
    scheduler = DDPMScheduler(prediction_type="v_prediction", timestep_spacing="trailing")
    DDPMPipeline(unet=unet, scheduler=scheduler).save_pretrained(folder)
    write_golden(folder, unet.eval(), 1)
    return tmp_path


@pytest.fixture
def measure(work: Path) -> pytorch.Measure:
    return pytorch.Measure(work, "cpu", warmups=1, passes=4)


def command(work: Path, printed: str) -> engine.Engine:
    """An engine that says this, and copies what it is given for its output."""
    script = work / "reverie"
    script.write_text(f'#!/bin/sh\ncp "$OUTPUT" "$7"\necho "{printed}"\n')
    script.chmod(0o755)
    return engine.Engine(script, "NVIDIA", 20)


def test_every_figure_is_written_at_once_and_a_failure_is_named(tmp_path):
    figures = Figures(tmp_path, "part", time.time() + 60)
    figures.put("good", lambda: {"ms": 1})
    assert read_part(tmp_path, "part") == {"good": {"ms": 1}}
    figures.put("bad", lambda: {"ms": 1 / 0})
    figures.put("after", lambda: {"ms": 2})
    assert read_part(tmp_path, "part")["bad"] == {"failed": "ZeroDivisionError: division by zero"}
    assert read_part(tmp_path, "part")["after"] == {"ms": 2}
    late = Figures(tmp_path, "late", time.time() - 1)
    late.put("any", lambda: pytest.fail("the time was up"))
    assert "the time was up" in read_part(tmp_path, "late")["any"]["failed"]


@pytest.mark.parametrize(
    ("printed", "error", "verdict"),
    [
        ("x in 1.0 ms on NVIDIA H100 (vulkan)", 0.0, True),
        ("x in 1.0 ms on NVIDIA H100 (vulkan)", 2e-4, False),
        ("x in 1.0 ms on llvmpipe (LLVM 15) (vulkan)", 0.0, False),
    ],
)
def test_only_what_ran_on_the_card_and_is_pytorch_s_is_timed(
    work, monkeypatch, printed, error, verdict
):
    folder = work / "nets" / "digits"
    wanted = load_file(folder / "golden-1.safetensors")["output"]
    made = wanted + error * wanted.abs().max()
    save_file({"sample": made}, work / "output.safetensors")
    monkeypatch.setenv("OUTPUT", str(work / "output.safetensors"))
    figures = Figures(work, "parity", time.time() + 60)
    engine.parity(command(work, printed), [folder], [1], figures)
    asked = Figures(work, "bench", time.time() + 60)
    (folder / "bench.json").write_text('{"passes": []}')
    script = work / "bench"
    script.write_text('#!/bin/sh\necho "NVIDIA H100 (vulkan): 1 GFLOP/s"\n')
    script.chmod(0o755)
    engine.bench(engine.Engine(script, "NVIDIA", 20), [folder], [1], 0.1, asked)
    assert ("failed" not in asked.all["digits/whole"]) is verdict, (figures.all, asked.all)


def test_pytorch_is_held_to_its_own_output_and_timed(work, measure):
    figures = Figures(work, "eager", time.time() + 60)
    setting = pytorch.Setting("digits", False, pytorch.EAGER, 1)
    pytorch.time_settings([setting], measure, figures)
    found = figures.all["digits/f32/eager/1"]
    assert found["ms"] > 0 and found["loop_ms"] > found["ms"] and found["off"] < 1e-5, found

    golden = work / "nets" / "digits" / "golden-1.safetensors"
    tensors = load_file(golden)
    save_file(tensors | {"output": tensors["output"] * 1.001}, golden)
    pytorch.time_settings([setting], measure, figures)
    assert "off by" in figures.all["digits/f32/eager/1"]["failed"]


@torch.no_grad()
def test_the_timed_loop_is_ddim_s(work):
    folder = work / "nets" / "digits"
    unet = UNet2DModel.from_pretrained(folder, subfolder="unet")
    sample = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))

    def call(x, timestep, labels):
        return unet(x, timestep, class_labels=labels).sample

    found = pytorch._ddim(call, folder, sample, None)()

    scheduler = DDIMScheduler.from_pretrained(folder, subfolder="scheduler", clip_sample=False)
    scheduler.set_timesteps(engine.STEPS)
    wanted = sample
    for timestep in scheduler.timesteps:
        wanted = scheduler.step(unet(wanted, timestep).sample, timestep, wanted).prev_sample
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4)


def test_the_settings_that_are_timed():
    eager = pytorch.eager([Path("a"), Path("b")], [1, 16])
    assert len({setting.name for setting in eager}) == len(eager) == 8
    assert [setting.name for setting in eager[:2]] == ["a/f32/eager/1", "b/f32/eager/1"]
    names = [setting.name for setting in pytorch.compiled([1, 16])]
    assert len(set(names)) == len(names) == 16
    assert names[0] == "digits/f32/default/1", "what matters most comes first"


def test_the_report_has_what_is_there_and_names_what_is_not(tmp_path):
    part = {
        "kernel": "matmul",
        "shape": "64x64",
        "dispatches": 3,
        "ms": 0.5,
        "device_ms": 0.25,
        "gflop_per_second": 100.0,
        "gigabytes_per_second": 10.0,
        "share": 0.5,
    }
    done = {
        "model": "digits",
        "batch": 1,
        "ms": 1.0,
        "device_ms": 0.75,
        "gflop_per_second": 500.0,
        "share": 0.25,
        "parts": [part],
    }
    roof = {"gflop_per_second": 2000.0, "gigabytes_per_second": 100.0}
    run = {
        "model": "digits", "batch": 1, "steps": 50, "runs": 3, "start_ms": 4.0, "loop_ms": 60.0
    }  # fmt: skip
    bench = {"device": "NVIDIA H100 (vulkan)", "roof": roof, "passes": [done], "runs": [run]}
    for name, entries in {
        "parity": {"digits/1": {"off": 2e-6}},
        "bench": {"digits/whole": bench, "digits/kernels": bench},
        "eager": {"digits/f32/eager/1": FIGURE, "digits/tf32/eager/1": {"failed": "no memory"}},
        "compiled": {"digits/f32/default/1": FIGURE | {"ms": 1.5, "loop_ms": 70.0}},
    }.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(entries))
    (tmp_path / "stopped").write_text("warm: a compiler was stopped\n")

    report.write(tmp_path, tmp_path / "out")

    everything = json.loads((tmp_path / "out" / "card.json").read_text())
    assert everything["bench"]["digits/whole"] == bench
    assert everything["failed"] == [
        "networks: not run",
        "eager digits/tf32/eager/1: no memory",
        "warm: a compiler was stopped",
    ]
    text = (tmp_path / "out" / "card.md").read_text()
    row = "| digits | 1 | 1.000 | 0.750 | 500 | 25.0% | 2.0e-06 | 1.500 | default | 1.50 |"
    assert row in text, text
    assert "60.00 ms, 1.200 a step" in text and "digits/f32/default/1: 70.00 ms" in text
    assert "| matmul | 64x64 | 3 | 0.5000 | 0.2500 | 100% |" in text
    assert all(f"- {line}" in text for line in everything["failed"])
