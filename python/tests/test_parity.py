# SPDX-License-Identifier: Apache-2.0
"""Features against Hugging Face transformers, on the reference folders."""
import json
import pathlib

import pytest
import torch

import permafrost

TOLERANCE = 1e-5
FOLDERS = ("hf_dinov2", "hf_dinov2_with_registers", "hf_ijepa", "hf_videomae_pretraining",
           "hf_vit_mae", "hf_vjepa2_classifier")


def folder_of(parity: pathlib.Path, name: str) -> pathlib.Path:
    if not (parity / name / "config.json").exists():
        pytest.skip(f"no {name} in {parity} (PERMAFROST_PARITY_DIR)")
    return parity / name


def distance(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Relative L2. Theirs may have class and register tokens in front."""
    theirs = theirs[:, theirs.shape[1] - ours.shape[1]:]
    assert ours.shape == theirs.shape
    return ((ours.double() - theirs.double()).norm() / theirs.double().norm()).item()


def clip_for(config: dict) -> torch.Tensor:
    """Normalised values [2,T,3,H,W] of the size that the model is made for."""
    size = config.get("crop_size", config.get("image_size"))
    frames = config.get("frames_per_clip", config.get("num_frames", 1))
    video = config["model_type"] in ("vjepa2", "videomae")
    return torch.randn(2, frames if video else 1, 3, size, size,
                       generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", FOLDERS)
def test_features_are_those_of_transformers(parity, name):
    transformers = pytest.importorskip("transformers")
    folder = folder_of(parity, name)
    config = json.loads((folder / "config.json").read_text())
    clip = clip_for(config)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        if config["model_type"] == "vjepa2":
            theirs = model(clip, skip_predictor=True).last_hidden_state
        elif config["model_type"] == "videomae":
            theirs = model(clip).last_hidden_state
        elif config["model_type"] == "vit_mae":
            model.config.mask_ratio = 0.0
            tokens = (clip.shape[-1] // config["patch_size"]) ** 2
            theirs = model(clip[:, 0], noise=torch.arange(tokens).float().repeat(2, 1)).last_hidden_state
        else:
            theirs = model(clip[:, 0]).last_hidden_state
    ours = permafrost.load_encoder(folder).features(clip, layout="BTCHW")
    assert distance(ours, theirs) < TOLERANCE


def test_features_are_the_stored_outputs_of_vjepa(parity):
    """Where transformers has no such model: what the reference implementation wrote down."""
    safetensors = pytest.importorskip("safetensors.torch")
    folder = parity / "vjepa_checkpoint"
    if not (folder / "vjepa.pth.tar").exists():
        pytest.skip(f"no vjepa_checkpoint in {parity} (PERMAFROST_PARITY_DIR)")
    expected = safetensors.load_file(folder / "expected.safetensors")
    with safetensors.safe_open(folder / "expected.safetensors", "pt") as file:
        config = json.loads(file.metadata()["config"])
    side = config["image_size"]
    encoder = permafrost.load_encoder(folder / "vjepa.pth.tar", {
        "heads": config["num_heads"], "frames": config["num_frames"], "height": side,
        "image_width": side, "uniform_power": config["uniform_power"]})
    ours = encoder.features(expected["clip"], layout="BCTHW")
    assert distance(ours, expected["target_encoder_features"]) < TOLERANCE
