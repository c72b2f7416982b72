"""Checkpoints in one file, as LDM and A1111 name their tensors: the inverse of what is tested,
written from the layouts themselves."""

import re
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

Tensors = dict[str, torch.Tensor]
RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}


def small_parts(*, width: int, seed: int = 0) -> tuple[UNet2DConditionModel, Any, CLIPTextModel]:
    """UNet, VAE and text encoder with every block of the real ones, and few channels."""
    torch.manual_seed(seed)
    is_sd2 = width == 1024
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(64, 64, 128, 128),
        layers_per_block=2,
        cross_attention_dim=width,
        attention_head_dim=(1, 1, 2, 2) if is_sd2 else 8,
        use_linear_projection=is_sd2,
        norm_num_groups=32,
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
    )
    vae = AutoencoderKL(
        block_out_channels=(32, 32, 64, 64),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=4,
        norm_num_groups=32,
    )
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=132,
            hidden_size=width,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=width // 64,
            max_position_embeddings=16,
            hidden_act="gelu" if is_sd2 else "quick_gelu",
        )
    )
    return unet, vae, text


def checkpoint(path: Path, unet: Any, vae: Any, text: Any) -> Path:
    """All three in one file; the text encoder as SD 2.x has it where its states are 1024 wide."""
    is_sd2 = text.config.hidden_size == 1024
    tensors = {f"model.diffusion_model.{n}": t for n, t in unet_tensors(unet).items()}
    tensors |= {f"first_stage_model.{n}": t for n, t in vae_tensors(vae).items()}
    tensors |= open_clip_tensors(text) if is_sd2 else clip_tensors(text)
    save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, path)
    return path


def unet_tensors(unet: Any) -> Tensors:
    return {_of_unet(name): tensor for name, tensor in unet.state_dict().items()}


def _of_unet(name: str) -> str:
    for ours, theirs in (
        ("time_embedding.linear_1", "time_embed.0"),
        ("time_embedding.linear_2", "time_embed.2"),
        ("conv_in", "input_blocks.0.0"),
        ("conv_norm_out", "out.0"),
        ("conv_out", "out.2"),
        ("mid_block.attentions.0", "middle_block.1"),
    ):
        if name.startswith(f"{ours}."):
            return name.replace(ours, theirs, 1)
    if found := re.match(r"mid_block\.resnets\.(\d)\.(.+)", name):
        return f"middle_block.{2 * int(found[1])}.{_of_resnet(found[2])}"
    found = re.match(r"(down|up)_blocks\.(\d)\.(\w+)\.(\d)\.(.+)", name)
    assert found, name
    level, kind, number, rest = int(found[2]), found[3], int(found[4]), found[5]
    if found[1] == "down":
        if kind == "downsamplers":
            return f"input_blocks.{3 * level + 3}.0.{rest.replace('conv', 'op')}"
        block = f"input_blocks.{3 * level + 1 + number}"
    else:
        if kind == "upsamplers":
            return f"output_blocks.{3 * level + 2}.{2 if level else 1}.{rest}"
        block = f"output_blocks.{3 * level + number}"
    return f"{block}.1.{rest}" if kind == "attentions" else f"{block}.0.{_of_resnet(rest)}"


def _of_resnet(name: str) -> str:
    layer, _, kind = name.partition(".")
    return f"{RESNET[layer]}.{kind}"


def vae_tensors(vae: Any) -> Tensors:
    return dict(_of_vae(name, tensor) for name, tensor in vae.state_dict().items())


def _of_vae(name: str, tensor: torch.Tensor) -> tuple[str, torch.Tensor]:
    name = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    name = re.sub(r"down_blocks\.(\d)\.resnets", r"down.\1.block", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d)\.resnets", lambda m: f"up.{3 - int(m[1])}.block", name)
    name = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{3 - int(m[1])}.upsample", name)
    if "mid_block.attentions.0." in name:
        name = name.replace("mid_block.attentions.0", "mid.attn_1")
        for ours, theirs in (
            ("group_norm", "norm"),
            ("to_q", "q"),
            ("to_k", "k"),
            ("to_v", "v"),
            ("to_out.0", "proj_out"),
        ):
            name = name.replace(ours, theirs)
        if name.endswith("weight") and ".norm." not in name:
            tensor = tensor[:, :, None, None]
    return name, tensor


def clip_tensors(text: Any) -> Tensors:
    prefix = "cond_stage_model.transformer.text_model."
    tensors = {prefix + name: tensor for name, tensor in text.state_dict().items()}
    length = text.config.max_position_embeddings
    return tensors | {f"{prefix}embeddings.position_ids": torch.arange(length)[None]}


def open_clip_tensors(text: Any) -> Tensors:
    """With the last layer that SD 2.x does not use, and which transformers' version lacks."""
    prefix, state = "cond_stage_model.model.", text.state_dict()
    tensors = {
        f"{prefix}positional_embedding": state["embeddings.position_embedding.weight"],
        f"{prefix}token_embedding.weight": state["embeddings.token_embedding.weight"],
        f"{prefix}ln_final.weight": state["final_layer_norm.weight"],
        f"{prefix}ln_final.bias": state["final_layer_norm.bias"],
        f"{prefix}text_projection": torch.zeros(4, 4),
        f"{prefix}logit_scale": torch.tensor(1.0),
    }
    layers = text.config.num_hidden_layers
    for number in range(layers + 1):
        theirs = f"{prefix}transformer.resblocks.{number}."
        ours = f"encoder.layers.{min(number, layers - 1)}."
        for kind in ("weight", "bias"):
            thirds = [state[f"{ours}self_attn.{which}_proj.{kind}"] for which in "qkv"]
            tensors[f"{theirs}attn.in_proj_{kind}"] = torch.cat(thirds)
            tensors[f"{theirs}attn.out_proj.{kind}"] = state[f"{ours}self_attn.out_proj.{kind}"]
            for pair in (("ln_1", "layer_norm1"), ("ln_2", "layer_norm2")):
                tensors[f"{theirs}{pair[0]}.{kind}"] = state[f"{ours}{pair[1]}.{kind}"]
            for pair in (("mlp.c_fc", "mlp.fc1"), ("mlp.c_proj", "mlp.fc2")):
                tensors[f"{theirs}{pair[0]}.{kind}"] = state[f"{ours}{pair[1]}.{kind}"]
    return tensors
