import json

import torch
from accelerate import Accelerator
from diffusers import DDIMScheduler, DDPMScheduler, UNet2DModel
from safetensors.torch import load_file

from reverie_train.evaluate import generate
from reverie_train.export import export
from reverie_train.training import Trainer


def test_an_export_loads_in_diffusers_and_matches_its_golden(config, data, tmp_path):
    trainer = Trainer(config, data, Accelerator())
    for _ in range(3):
        trainer.step()
    trainer.save(tmp_path / "checkpoint.pt")
    folder = tmp_path / "model"
    export(config, data, tmp_path / "checkpoint.pt", folder)

    stored = load_file(folder / "unet" / "diffusion_pytorch_model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {torch.float16}
    average = dict(
        zip(
            (name for name, _ in trainer.bare_unet.named_parameters()),
            trainer.ema.shadow_params,
            strict=True,
        )
    )
    assert all(torch.equal(average[name].half(), tensor) for name, tensor in stored.items())

    unet = UNet2DModel.from_pretrained(folder, subfolder="unet", torch_dtype=torch.float32)
    golden = load_file(folder / "golden.safetensors")
    expected = golden.pop("output")
    with torch.no_grad():
        output = unet.eval()(**golden).sample
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-5)

    for kind in (DDIMScheduler, DDPMScheduler):
        scheduler = kind.from_pretrained(folder, subfolder="scheduler")
        assert scheduler.config.prediction_type == "v_prediction"

    facts = json.loads((folder / "reverie.json").read_text())
    assert facts["null_label"] == 3
    assert facts["images_seen"] == 24
    assert facts["class_names"] == ["a", "b", "c"]

    samples, labels = generate(folder, 3, per_class=2, steps=2, guidance_scale=2.0, seed=0)
    assert samples.shape == (6, 1, 8, 8)
    assert labels.tolist() == [0, 0, 1, 1, 2, 2]
