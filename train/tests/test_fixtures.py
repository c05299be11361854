import filecmp
import json

import pytest
import torch
from diffusers import DDIMScheduler, UNet2DModel
from safetensors.torch import load_file

from reverie_train.fixtures import (
    PRESETS,
    SCHEDULER_CASES,
    UNET_CASES,
    random_cases,
    scheduler_case,
    unet_case,
)
from reverie_train.fixtures.readme import readme

BY_NAME = {case.name: case for case in UNET_CASES}


def load(case: unet_case.UNetCase, folder) -> UNet2DModel:
    subfolder = {} if case.flat else {"subfolder": "unet"}
    return UNet2DModel.from_pretrained(folder, torch_dtype=torch.float32, **subfolder).eval()


@pytest.mark.parametrize("name", ["plain", "classes", "fourier", "old-names", "class-identity"])
def test_a_stored_case_gives_its_output_when_diffusers_loads_it(name, tmp_path):
    case = BY_NAME[name]
    unet_case.write_case(case, tmp_path)
    tensors = load_file(tmp_path / "io.safetensors")
    expected = tensors.pop("output")
    with torch.no_grad():
        output = load(case, tmp_path)(**tensors).sample
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-5)


def test_the_same_case_is_the_same_bytes(tmp_path):
    for folder in ("once", "twice"):
        unet_case.write_case(BY_NAME["ten-twenty"], tmp_path / folder)
        scheduler_case.write_case(SCHEDULER_CASES[0], 0, tmp_path / folder)
    files = [path.name for path in (tmp_path / "once").iterdir()]
    match, differ, errors = filecmp.cmpfiles(
        tmp_path / "once", tmp_path / "twice", files, shallow=False
    )
    assert (sorted(match), differ, errors) == (sorted(files), [], [])


def test_no_default_weight_survives():
    case = BY_NAME["fourier"]
    before, after = UNet2DModel(**case.config), unet_case.build(case)
    for (name, old), new in zip(before.named_parameters(), after.parameters(), strict=True):
        assert not (old == new).any(), name


def test_random_cases_are_reproducible_and_valid(tmp_path):
    cases = random_cases(12, seed=5)
    assert cases == random_cases(12, seed=5)
    assert cases != random_cases(12, seed=6)
    for case in cases[:4]:
        unet_case.write_case(case, tmp_path / case.name)


def test_presets_have_the_sizes_they_say():
    counts = {}
    for name, case in PRESETS.items():
        with torch.device("meta"):
            unet = UNet2DModel(**case.config)
        counts[name] = round(sum(p.numel() for p in unet.parameters()) / 1e6, 1)
    assert counts == {"ddpm-cifar10": 35.7, "net-a": 1.1, "net-c": 6.5}


def test_attributes_are_stored_as_rows_with_the_free_one_last(tmp_path):
    case = BY_NAME["attributes"]
    unet_case.write_case(case, tmp_path)
    described = json.loads((tmp_path / "attributes.json").read_text())["attributes"]
    assert {entry["name"]: entry["values"] for entry in described} == case.attributes
    tables = load_file(tmp_path / "attributes.safetensors")
    width = load(case, tmp_path).time_embedding.linear_2.out_features
    shapes = {name: [len(values) + 1, width] for name, values in case.attributes.items()}
    assert {name: list(table.shape) for name, table in tables.items()} == shapes


def test_the_readme_names_every_case():
    text = readme(UNET_CASES, SCHEDULER_CASES, PRESETS)
    assert all(f"`{case.name}`" in text for case in (*UNET_CASES, *SCHEDULER_CASES))
    assert all(preset in text for preset in PRESETS)


def test_names_are_unique():
    for cases in (UNET_CASES, SCHEDULER_CASES):
        assert len({case.name for case in cases}) == len(cases)


def test_a_trajectory_uses_the_noise_it_is_given():
    """DDIM at eta 1 is ancestral sampling: the two samplers agree where neither clips."""
    config = {"clip_sample": False, "timestep_spacing": "leading"}
    generator = torch.Generator().manual_seed(0)
    x_t = torch.randn(scheduler_case.SHAPE, generator=generator)
    w = torch.randn(1, *scheduler_case.SHAPE[1:], generator=generator)
    noise = torch.randn(10, *scheduler_case.SHAPE, generator=generator)
    results = []
    for sampler in ("ddpm", "ddim"):
        case = scheduler_case.SchedulerCase("x", sampler, 10, config, eta=1.0)
        predict = scheduler_case.closed_form(case, w)
        results.append(scheduler_case.trajectory(case, predict, x_t, noise)["trajectory"])
    torch.testing.assert_close(*results, rtol=1e-4, atol=1e-5)
    assert isinstance(case.scheduler, DDIMScheduler)
