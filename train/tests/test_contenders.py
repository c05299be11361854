import json

import onnx
import torch
from accelerate import Accelerator
from safetensors.torch import load_file

from reverie_train.condition import load_denoiser
from reverie_train.contenders import write_contenders
from reverie_train.export import export
from reverie_train.loop import Trainer
from reverie_train.tasks.denoise import Denoise


def test_a_contender_is_a_folder_an_onnx_file_and_what_pytorch_makes_of_an_input(
    config, data, tmp_path
):
    Trainer(Denoise(config, data), config.training, Accelerator()).save(tmp_path / "checkpoint.pt")
    export(Denoise(config, data), tmp_path / "checkpoint.pt", tmp_path / "net")

    folder = write_contenders(tmp_path / "net", tmp_path / "out")

    graph = onnx.load(folder / "model.onnx").graph
    assert [value.name for value in graph.input] == ["sample", "timestep", "class_labels"]
    assert json.loads((folder / "facts.json").read_text())["gflop"] > 0
    unet = load_denoiser(folder).unet
    for batch in (1, 16):
        tensors = load_file(folder / f"golden-{batch}.safetensors")
        output = tensors.pop("output")
        assert len(output) == batch
        torch.testing.assert_close(unet(**tensors).sample, output)
