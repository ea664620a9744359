#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the small hf_* folders of this directory with Hugging Face transformers.

    python3 models/parity/make_huggingface.py [FOLDER]      default: the folder of this file

Each is a model folder as transformers saves it (config.json, model.safetensors) and
expected.safetensors with what that model makes of random inputs. Every weight is random, so that no
bias, norm, scale or token can be left out unnoticed; sizes differ from folder to folder, and no two
that could be confused are the same. Made with torch 2.11.0 and transformers 5.23.0 on a CPU in
float32; other versions give the same layout, and values that differ in the last bits.
"""
import json
import pathlib
import shutil
import sys
import zlib

import torch
import transformers
from safetensors.torch import load_file, save_file


def randomise(model):
    for name, weight in model.named_parameters():
        values = torch.randn(weight.shape)
        if "lambda" in name:
            values = 0.6 + 0.2 * values
        elif "norm" in name and name.endswith("weight"):
            values = 1 + 0.2 * values
        elif weight.dim() == 1:
            values = 0.1 * values
        elif "token" in name or "position" in name:
            values = 0.5 * values
        else:
            values = 0.8 * values / weight[0].numel() ** 0.5
        weight.data.copy_(values)
    return model.eval()


def save(folder, name, model, expected):
    """expected: names of the inputs and outputs to tensors."""
    path = pathlib.Path(folder) / name
    if path.exists():
        shutil.rmtree(path)
    model.save_pretrained(path)
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    save_file({key: value.contiguous() for key, value in expected.items()},
              path / "expected.safetensors", {"config": json.dumps(versions)})
    size = sum(file.stat().st_size for file in path.iterdir())
    print(f"{name}: {size} bytes, " + ", ".join(f"{k} {list(v.shape)}" for k, v in expected.items()))


def seeded(name):
    torch.manual_seed(zlib.crc32(name.encode()))
    return name


def image_outputs(model, pixels, resized, **resized_options):
    return {
        "pixel_values": pixels,
        "last_hidden_state": model(pixels).last_hidden_state,
        "pixel_values_resized": resized,
        "last_hidden_state_resized": model(resized, **resized_options).last_hidden_state,
    }


def dinov2(folder):
    name = seeded("hf_dinov2")
    model = randomise(transformers.Dinov2Model(transformers.Dinov2Config(
        hidden_size=12, num_hidden_layers=2, num_attention_heads=2, mlp_ratio=2, image_size=12,
        patch_size=3)))
    save(folder, name, model,
         image_outputs(model, torch.randn(2, 3, 12, 12), torch.randn(1, 3, 18, 15)))


def dinov2_with_registers(folder):
    name = seeded("hf_dinov2_with_registers")
    model = randomise(transformers.Dinov2WithRegistersModel(transformers.Dinov2WithRegistersConfig(
        hidden_size=12, num_hidden_layers=2, num_attention_heads=3, mlp_ratio=2, image_size=12,
        patch_size=2, num_register_tokens=3, use_swiglu_ffn=True)))
    # Smaller along one side, where this architecture averages positions, and larger along the other.
    save(folder, name, model,
         image_outputs(model, torch.randn(2, 3, 12, 12), torch.randn(1, 3, 8, 16)))


def ijepa(folder):
    name = seeded("hf_ijepa")
    model = randomise(transformers.IJepaModel(transformers.IJepaConfig(
        hidden_size=12, num_hidden_layers=2, num_attention_heads=2, intermediate_size=30,
        image_size=12, patch_size=3), add_pooling_layer=False))
    save(folder, name, model,
         image_outputs(model, torch.randn(2, 3, 12, 12), torch.randn(1, 3, 15, 9),
                       interpolate_pos_encoding=True))


def vit_mae(folder):
    name = seeded("hf_vit_mae")
    model = randomise(transformers.ViTMAEModel(transformers.ViTMAEConfig(
        hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=28,
        decoder_hidden_size=8, decoder_num_hidden_layers=1, decoder_num_attention_heads=2,
        decoder_intermediate_size=12, image_size=10, patch_size=2, mask_ratio=0.0)))
    # Even with nothing masked the model shuffles its tokens by this noise: ascending is no shuffle.
    order = lambda tokens, batch: torch.arange(tokens).float().repeat(batch, 1)
    pixels, resized = torch.randn(2, 3, 10, 10), torch.randn(1, 3, 8, 14)
    save(folder, name, model, {
        "pixel_values": pixels,
        "last_hidden_state": model(pixels, noise=order(25, 2)).last_hidden_state,
        "pixel_values_resized": resized,
        "last_hidden_state_resized": model(resized, noise=order(28, 1),
                                           interpolate_pos_encoding=True).last_hidden_state,
    })


VIDEOMAE = dict(hidden_size=12, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
                decoder_hidden_size=8, decoder_num_hidden_layers=1, decoder_num_attention_heads=2,
                decoder_intermediate_size=20, image_size=8, patch_size=2, num_frames=4,
                tubelet_size=2)


def videomae_classifier(folder):
    name = seeded("hf_videomae_classifier")
    model = randomise(transformers.VideoMAEForVideoClassification(
        transformers.VideoMAEConfig(num_labels=5, **VIDEOMAE)))
    pixels = torch.randn(2, 4, 3, 8, 8)
    save(folder, name, model, {
        "pixel_values": pixels,
        "last_hidden_state": model.videomae(pixels).last_hidden_state,
        "logits": model(pixels).logits,
    })


def videomae_pretraining(folder):
    name = seeded("hf_videomae_pretraining")
    # With a last norm in the encoder, as the released pretrained models have it.
    config = dict(VIDEOMAE, hidden_size=16, num_frames=6, tubelet_size=3, use_mean_pooling=False)
    model = randomise(transformers.VideoMAEForPreTraining(transformers.VideoMAEConfig(**config)))
    pixels = torch.randn(2, 6, 3, 8, 8)
    masked = torch.stack([torch.randperm(32) < 22 for _ in range(2)])
    outputs = model(pixels, bool_masked_pos=masked)
    save(folder, name, model, {
        "pixel_values": pixels,
        "bool_masked_pos": masked,
        "last_hidden_state": model.videomae(pixels).last_hidden_state,
        "reconstruction": outputs.logits,
        "loss": outputs.loss,
    })
    # The names that the modules have in memory, which transformers reads as well as those it saves.
    path = pathlib.Path(folder) / name / "model.safetensors"
    assert any(key.endswith("q_bias") for key in load_file(path))
    save_file(model.state_dict(), path, {"format": "pt"})


def vjepa2_classifier(folder):
    name = seeded("hf_vjepa2_classifier")
    # 10 channels a head: 2 rotated by time, row and column each, and 4 that are not.
    model = randomise(transformers.VJEPA2ForVideoClassification(transformers.VJEPA2Config(
        hidden_size=20, num_hidden_layers=2, num_attention_heads=2, mlp_ratio=2.0, crop_size=8,
        patch_size=2, frames_per_clip=4, tubelet_size=2, num_pooler_layers=1, pred_hidden_size=4,
        pred_num_hidden_layers=1, pred_num_attention_heads=1, pred_mlp_ratio=2.0,
        pred_num_mask_tokens=2, num_labels=5)))
    pixels = torch.randn(2, 4, 3, 8, 8)
    longer = torch.randn(1, 6, 3, 8, 8)
    save(folder, name, model, {
        "pixel_values_videos": pixels,
        "last_hidden_state": model.vjepa2(pixels, skip_predictor=True).last_hidden_state,
        "logits": model(pixels).logits,
        "pixel_values_videos_resized": longer,
        "last_hidden_state_resized": model.vjepa2(longer, skip_predictor=True).last_hidden_state,
    })


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent
    torch.set_num_threads(1)
    with torch.no_grad():
        for make in (dinov2, dinov2_with_registers, ijepa, vit_mae, videomae_classifier,
                     videomae_pretraining, vjepa2_classifier):
            make(folder)


if __name__ == "__main__":
    main()
