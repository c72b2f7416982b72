"""Files that are honest, but something else: each is recognised, named, and told where it belongs.

Nothing is recognised by its extension. Bytes tell containers apart, and names of tensors and
settings tell what is inside; both are looked at only after a file proved to be no hypernetwork.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final, NamedTuple

from registry.formats.errors import (
    IsCheckpoint,
    IsControlNet,
    IsEmbedding,
    IsHns,
    IsLora,
    IsOptimizerState,
    IsSdxl,
    IsVae,
    NearMiss,
    OtherContainer,
    Refusal,
    shown,
)


class _Magic(NamedTuple):
    offset: int
    magic: bytes
    kind: str
    what: str
    advice: str


_UNPACK: Final = "Unpack it and upload the .pt inside."
_SAVE: Final = "Upload the .pt that AUTOMATIC1111 saved in models/hypernetworks."
_DOWNLOAD: Final = "The download went wrong: fetch the file itself and upload that."
_PREVIEW: Final = "Pictures can be added to a network's page once the network is there."

_MAGICS: Final = (
    _Magic(257, b"ustar", "tar", "a tar archive", _UNPACK),
    _Magic(0, b"7z\xbc\xaf\x27\x1c", "7z", "a 7z archive", _UNPACK),
    _Magic(0, b"Rar!\x1a\x07", "rar", "a RAR archive", _UNPACK),
    _Magic(0, b"\x1f\x8b", "gzip", "a gzip file", _UNPACK),
    _Magic(0, b"BZh", "bzip2", "a bzip2 file", _UNPACK),
    _Magic(0, b"\xfd7zXZ\x00", "xz", "an xz file", _UNPACK),
    _Magic(0, b"\x28\xb5\x2f\xfd", "zstd", "a Zstandard file", _UNPACK),
    _Magic(0, b"GGUF", "gguf", "a GGUF file, as language models use", _SAVE),
    _Magic(0, b"\x93NUMPY", "npy", "a NumPy array", _SAVE),
    _Magic(0, b"\x89HDF\r\n\x1a\n", "hdf5", "an HDF5 file, as Keras writes", _SAVE),
    _Magic(0, b"\x89PNG\r\n\x1a\n", "png", "a PNG picture", _PREVIEW),
    _Magic(0, b"\xff\xd8\xff", "jpeg", "a JPEG picture", _PREVIEW),
    _Magic(8, b"WEBP", "webp", "a WebP picture", _PREVIEW),
    _Magic(0, b"GIF8", "gif", "a GIF picture", _PREVIEW),
    _Magic(0, b"%PDF-", "pdf", "a PDF document", _SAVE),
    _Magic(0, b"MZ", "exe", "a Windows program", _SAVE),
    _Magic(0, b"\x7fELF", "elf", "a Linux program", _SAVE),
    _Magic(0, b"version https://git-lfs", "git-lfs", "a Git LFS pointer", _DOWNLOAD),
)
_WEB_PAGE: Final = re.compile(rb"\s*<(!doctype|html|\?xml|head|body)", re.IGNORECASE)
_MAX_RECIPE_BYTES: Final = 64 << 10

_TORCHSCRIPT: Final = re.compile(r"[^/]+/(code/.*|constants\.pkl|bytecode\.pkl|attributes\.pkl)")
_OTHER_ZIPS: Final = (
    (re.compile(r"[^/]+\.npy"), "npz", "a NumPy archive (.npz)", _SAVE),
    (re.compile(r"\[Content_Types\]\.xml"), "office", "an Office document", _SAVE),
    (re.compile(r"(.*/)?config\.json"), "keras", "a folder of another program, zipped", _UNPACK),
    (
        re.compile(r".*\.(pt|safetensors|ckpt|bin|zip|7z)", re.IGNORECASE),
        "zip",
        "a ZIP around other files",
        _UNPACK,
    ),
    (
        re.compile(r".*\.(png|jpe?g|webp|txt)", re.IGNORECASE),
        "zip-images",
        "a ZIP of pictures or texts",
        "If it is a training set, upload it in the studio.",
    ),
)

# In order: the first pattern that a name fits decides.
_CONTENTS: Final[tuple[tuple[type[NearMiss], re.Pattern[str]], ...]] = (
    (IsOptimizerState, re.compile(r"optimizer_state_dict")),
    (
        IsSdxl,
        re.compile(
            r"lora_te2_.*|conditioner\.embedders\..*|clip_[gl]|sdxl_.*|stable-diffusion-xl-.*"
        ),
    ),
    (
        IsLora,
        re.compile(
            r"lora_(unet|te)\w*[._].*|.*\.lora_(up|down|mid|A|B)\b.*|.*\.(hada_w1_a|lokr_w1|dora_scale)"
            r"|ss_network_module|ss_network_dim|networks\.lora"
        ),
    ),
    (IsEmbedding, re.compile(r"string_to_param|string_to_token|emb_params")),
    (
        IsControlNet,
        re.compile(r"control_model\..*|input_hint_block\..*|controlnet_cond_embedding.*"),
    ),
    (
        IsCheckpoint,
        re.compile(
            r"(model\.)?(diffusion_model|model_ema)\..*|cond_stage_model\..*|first_stage_model\..*"
            r"|(input|middle|output)_blocks?\..*|(down|mid|up)_blocks?\..*|text_model\..*"
        ),
    ),
    (IsVae, re.compile(r"(encoder|decoder)\.(conv_in|down|mid|up)\..*|(post_)?quant_conv\..*")),
)

_OUR_OWN: Final = frozenset({"linear.0.weight", "linear1.weight", "layer_structure"})


def of_start(start: bytes) -> Refusal | None:
    """Return what a file is whose first bytes (512 are enough) say so."""
    for at, magic, kind, what, advice in _MAGICS:
        if start[at : at + len(magic)] == magic:
            return OtherContainer(kind=kind, what=what, advice=advice)
    if _WEB_PAGE.match(start):
        return OtherContainer(kind="web-page", what="a web page", advice=_DOWNLOAD)
    return None


def of_recipe(start: bytes, size: int) -> Refusal | None:
    """Recognise MonkeyPatch's .hns: a Python literal of names and strengths, in text."""
    text = start.decode("utf-8", "ignore").strip()
    if size > _MAX_RECIPE_BYTES or not text.startswith(("[", "{", "(", '"', "'")):
        return None
    is_text = all(char.isprintable() or char.isspace() for char in text)
    return IsHns(seen=shown(text, 40)) if is_text else None


def refuse_member_names(names: Collection[str]) -> None:
    """Refuse a ZIP whose entries show that another program wrote it."""
    if any(_TORCHSCRIPT.fullmatch(name) for name in names):
        what = "a TorchScript module, which carries code"
        raise OtherContainer(kind="torchscript", what=what, advice=_SAVE)
    if any(name.endswith("/data.pkl") for name in names):
        return
    for pattern, kind, what, advice in _OTHER_ZIPS:
        if any(pattern.fullmatch(name) for name in names):
            raise OtherContainer(kind=kind, what=what, advice=advice)


def refuse_contents(names: Collection[str]) -> None:
    """Refuse a file whose tensors, keys or texts show what else of Stable Diffusion's it is."""
    for refusal, pattern in _CONTENTS:
        for name in sorted(names):
            if pattern.fullmatch(name):
                raise refusal(seen=shown(name, 60))


def refuse_texts(texts: Collection[str]) -> None:
    """Refuse a pickle that could not be read by the texts in it, unless these are our own."""
    if not _OUR_OWN.intersection(texts):
        refuse_contents(texts)
