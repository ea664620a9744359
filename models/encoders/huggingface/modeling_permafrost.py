# SPDX-License-Identifier: Apache-2.0
"""V-JEPA encoders for Hugging Face transformers, as `permafrost convert --to huggingface` writes them.

    model = AutoModel.from_pretrained(FOLDER, trust_remote_code=True)
    tokens = model(pixel_values_videos=clips).last_hidden_state   # clips [B,T,3,H,W], normalised
"""

import torch
from torch import nn
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput


class PermafrostVjepaConfig(PretrainedConfig):
    model_type = "permafrost_vjepa"

    def __init__(
        self,
        hidden_size=64,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=256,
        patch_size=8,
        tubelet_size=2,
        num_frames=8,
        image_size=(48, 48),
        layer_norm_eps=1e-6,
        layer_scale=False,
        **kwargs,
    ):
        self.hidden_size = hidden_size
        self.num_hidden_layers = num_hidden_layers
        self.num_attention_heads = num_attention_heads
        self.intermediate_size = intermediate_size
        self.patch_size = patch_size
        self.tubelet_size = tubelet_size
        self.num_frames = num_frames
        self.image_size = list(image_size)
        self.layer_norm_eps = layer_norm_eps
        self.layer_scale = layer_scale
        super().__init__(**kwargs)


class PatchEmbedding(nn.Module):
    def __init__(self, config):
        super().__init__()
        size = (config.tubelet_size, config.patch_size, config.patch_size)
        self.proj = nn.Conv3d(3, config.hidden_size, kernel_size=size, stride=size)


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.heads = config.num_attention_heads
        self.qkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.proj = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, x):
        b, n, d = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.proj(mixed.transpose(1, 2).reshape(b, n, d))


class Mlp(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.fc1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.fc2 = nn.Linear(config.intermediate_size, config.hidden_size)

    def forward(self, x):
        return self.fc2(nn.functional.gelu(self.fc1(x)))


class LayerScale(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(config.hidden_size))

    def forward(self, x):
        return x * self.gamma


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.norm1 = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.attn = Attention(config)
        self.norm2 = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.mlp = Mlp(config)
        self.ls1 = LayerScale(config) if config.layer_scale else nn.Identity()
        self.ls2 = LayerScale(config) if config.layer_scale else nn.Identity()

    def forward(self, x):
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class PermafrostVjepaModel(PreTrainedModel):
    config_class = PermafrostVjepaConfig
    base_model_prefix = "vjepa"
    main_input_name = "pixel_values_videos"

    def __init__(self, config):
        super().__init__(config)
        height, width = config.image_size
        tokens = (
            (config.num_frames // config.tubelet_size)
            * (height // config.patch_size)
            * (width // config.patch_size)
        )
        self.patch_embed = PatchEmbedding(config)
        self.pos_embed = nn.Parameter(torch.zeros(1, tokens, config.hidden_size))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_hidden_layers))
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.post_init()

    def _init_weights(self, module):
        pass  # every weight comes from the folder

    def forward(self, pixel_values_videos, **kwargs):
        tokens = self.patch_embed.proj(pixel_values_videos.transpose(1, 2))
        x = tokens.flatten(2).transpose(1, 2) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return BaseModelOutput(last_hidden_state=self.norm(x))
