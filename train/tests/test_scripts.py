"""The page's "copy as Python": its programs, run, make the pictures that the engine makes."""

import inspect
import json
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
from PIL import Image

from reverie_train.fixtures.scheduler_case import SCHEDULERS

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "www" / "models"
WRITER = ROOT / "www" / "build" / "python-script.mjs"
ENGINES = [ROOT / "target" / profile / "reverie" for profile in ("release", "debug")]
# A grey level may round to either side, and a step's float32 sums may differ.
TOLERANCE = 2

RECIPE = {
    "sampler": "ddim",
    "steps": 10,
    "seed": 11,
    "batch": 2,
    "class_label": None,
    "attributes": None,
    "guidance_scale": 1,
    "guidance_interval": None,
    "eta": 0,
    "s_churn": 0,
    "timestep_spacing": None,
    "sigmas": None,
    "threshold": None,
}
DIGITS = RECIPE | {"class_label": "each"}
# (model, what differs from the recipe of that model[, what differs in its folder])
WHOLE = {"flat": False, "scheduled": True}
CASES = [
    ("digits", {"sampler": "ddim", "guidance_scale": 2}),
    ("digits", {"sampler": "ddim", "eta": 1, "steps": 5}),
    ("digits", {"sampler": "ddpm", "guidance_scale": 2, "guidance_interval": [200, 800]}),
    ("digits", {"sampler": "euler"}),
    ("digits", {"sampler": "euler", "s_churn": 4, "steps": 5}),
    ("digits", {"sampler": "euler-a", "steps": 5}),
    ("digits", {"sampler": "heun"}),
    ("digits", {"sampler": "lms", "steps": 5}),
    ("digits", {"sampler": "dpm2", "steps": 5}),
    ("digits", {"sampler": "dpm2-a", "steps": 20, "batch": 1}),
    ("digits", {"sampler": "dpm++2s", "steps": 5}),
    ("digits", {"sampler": "dpm++2m", "class_label": 3}),
    ("digits", {"sampler": "dpm++2m-sde", "steps": 5}),
    ("digits", {"sampler": "dpm++3m", "steps": 5}),
    ("digits", {"sampler": "deis", "steps": 5}),
    ("digits", {"sampler": "unipc", "seed": 4_294_967_295}),
    ("digits", {"sampler": "pndm", "class_label": None, "steps": 20}),
    ("digits", {"sampler": "ddim", "timestep_spacing": "leading", "threshold": "clip_sample"}),
    ("digits", {"sampler": "dpm++2m", "sigmas": "karras", "threshold": "thresholding"}),
    ("digits", {"sampler": "heun", "sigmas": "beta", "timestep_spacing": "linspace", "steps": 5}),
    (
        "portraits",
        {"attributes": {"skin": "orc", "hair": "pink"}, "guidance_scale": 2, "batch": 1},
    ),
    ("digits", {"steps": 5}, {"flat": True}),
    ("digits", {"steps": 5}, {"flat": True, "scheduled": False}),
    ("digits", {"sampler": "ddpm", "steps": 5}, {"scheduled": False}),
    ("digits", {"sampler": "heun", "steps": 5}, {"scheduled": False}),
    ("digits", {"sampler": "dpm++2m", "steps": 5}, {"scheduled": False}),
    ("digits", {"sampler": "dpm2", "steps": 5}, {"scheduled": False}),
]
CASES = [(model, change, WHOLE | dict(*folder)) for model, change, *folder in CASES]


def facts(model: str, folder: dict[str, bool]) -> dict[str, Any]:
    """What the page knows of a model."""
    read = {"class_names": None, "null_label": None} | json.loads(
        (MODELS / model / "reverie.json").read_text()
    )
    unet = json.loads((MODELS / model / "unet" / "config.json").read_text())
    height = width = unet["sample_size"]
    image = {"channels": unet["in_channels"], "height": height, "width": width}
    tables = MODELS / model / "attributes.json"
    attributes = json.loads(tables.read_text())["attributes"] if tables.exists() else []
    told = {"timestep_spacing": "trailing", "threshold": "none"}
    untold = {"timestep_spacing": None, "threshold": "clip_sample"}
    scheduler = {"sigmas": "native"} | (told if folder["scheduled"] else untold)
    return read | image | {"attributes": attributes, "scheduler": scheduler}


def arguments(recipe: dict[str, Any]) -> list[str]:
    """The recipe as `reverie sample` takes it."""
    given = {
        "--sampler": recipe["sampler"],
        "--steps": recipe["steps"],
        "--seed": recipe["seed"],
        "--batch": recipe["batch"],
        "--class": recipe["class_label"],
        "--guidance-scale": recipe["guidance_scale"],
        "--guidance-interval": recipe["guidance_interval"]
        and ":".join(map(str, recipe["guidance_interval"])),
        "--eta": recipe["eta"],
        "--s-churn": recipe["s_churn"],
    }
    chosen = recipe["threshold"]
    settings = {
        "timestep_spacing": recipe["timestep_spacing"],
        f"use_{recipe['sigmas']}_sigmas": recipe["sigmas"] and "true",
        "clip_sample": chosen and str(chosen == "clip_sample").lower(),
        "thresholding": chosen and str(chosen == "thresholding").lower(),
    }
    sets = [f"--set={key}={value}" for key, value in settings.items() if value]
    wishes = [f"--attr={name}={value}" for name, value in (recipe["attributes"] or {}).items()]
    pairs = [(key, str(value)) for key, value in given.items() if value is not None]
    return [*(text for pair in pairs for text in pair), *sets, *wishes]


@pytest.fixture(scope="module")
def engine() -> Path:
    built = [path for path in ENGINES if path.exists()]
    if not built:
        pytest.skip("the engine is not built: cargo build --release")
    return max(built, key=lambda path: path.stat().st_mtime)


@pytest.fixture(scope="module")
def scripts() -> list[dict[str, str]]:
    """What the page writes for every case."""
    node = shutil.which("node")
    if not node or not (ROOT / "www" / "node_modules").exists():
        pytest.skip("the page is not set up: npm ci in www")
    asked = [
        {
            "recipe": recipe_of(model, change),
            "model": facts(model, folder),
            "folder": {"path": f"www/models/{model}"} | folder,
        }
        for model, change, folder in CASES
    ]
    command = [node, WRITER]
    written = subprocess.run(
        command, input=json.dumps(asked), text=True, check=True, capture_output=True
    )
    return json.loads(written.stdout)


def recipe_of(model: str, change: dict[str, Any]) -> dict[str, Any]:
    return (DIGITS if model == "digits" else RECIPE) | change


def laid_out(model: str, folder: dict[str, bool], home: Path) -> Path:
    """The model's folder, or a copy that is laid out in another way."""
    if folder == WHOLE:
        return MODELS / model
    copy = home / "model"
    shutil.copytree(MODELS / model, copy)
    if not folder["scheduled"]:
        shutil.rmtree(copy / "scheduler")
    if folder["flat"]:
        for file in [*copy.glob("unet/*"), *copy.glob("scheduler/*")]:
            file.rename(copy / file.name)
    return copy


def case_name(model: str, change: dict[str, Any], folder: dict[str, bool]) -> str:
    flat = "-flat" if folder["flat"] else ""
    return f"{model}-{change.get('sampler', 'ddim')}{flat}{'' if folder['scheduled'] else '-bare'}"


@pytest.fixture
def schedulers(monkeypatch) -> None:
    """Lets programs hand noise to diffusers' schedulers, and puts back what was there."""
    for name in SCHEDULERS.values():
        module = inspect.getmodule(getattr(diffusers, name))
        if hasattr(module, "randn_tensor"):
            monkeypatch.setattr(module, "randn_tensor", module.randn_tensor)


@pytest.mark.usefixtures("schedulers")
@pytest.mark.parametrize("number", range(len(CASES)), ids=[case_name(*case) for case in CASES])
def test_a_program_makes_the_engine_s_picture(number, scripts, engine, tmp_path, monkeypatch):
    model, change, layout = CASES[number]
    script = scripts[number]
    assert script["kind"] == "script", script
    (tmp_path / "script.py").write_text(script["text"])
    folder = str(laid_out(model, layout, tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["script.py", folder])
    runpy.run_path("script.py")
    command = [engine, "sample", "--model", folder, "--backend", "cpu", "--output", "ours.png"]
    made = [*command, *arguments(recipe_of(model, change))]
    subprocess.run(made, check=True, capture_output=True)
    theirs, ours = (
        np.asarray(Image.open(name).convert("RGB"), dtype=int)
        for name in (f"{model}.png", "ours.png")
    )
    assert theirs.shape == ours.shape
    assert np.ptp(theirs) > 100, "the picture is blank"
    assert np.abs(theirs - ours).max() <= TOLERANCE


def test_the_programs_are_well_formed(scripts, tmp_path):
    for number, script in enumerate(scripts):
        (tmp_path / f"script_{number}.py").write_text(script["text"])
    ruff = [sys.executable, "-m", "ruff"]
    config = ["--config", str(ROOT / "train" / "pyproject.toml")]
    subprocess.run([*ruff, "check", *config, "."], cwd=tmp_path, check=True)
    subprocess.run([*ruff, "format", "--check", *config, "."], cwd=tmp_path, check=True)
