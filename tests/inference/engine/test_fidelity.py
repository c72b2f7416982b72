"""The encoder: any CLIP folder, seen through small ones that the test makes."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPVisionConfig

from inference.engine.fidelity import MEAN, ClipEncoder, EncoderError, load_encoder
from tests.inference.bases import LENGTH, tiny_tokenizer
from tests.pictures import png


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    place = tmp_path_factory.mktemp("encoder")
    tokenizer = tiny_tokenizer(place)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2}
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=LENGTH,
        num_hidden_layers=1,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **sizes,
    )
    vision = CLIPVisionConfig(image_size=64, patch_size=16, num_hidden_layers=1, **sizes)
    settings = CLIPConfig(
        text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=24
    )
    CLIPModel(settings).half().save_pretrained(place)
    return place


@pytest.fixture(scope="module")
def encoder(folder: Path) -> ClipEncoder:
    return load_encoder(folder)


def picture(seed: int, width: int = 96, height: int = 64) -> Image.Image:
    import io

    return Image.open(io.BytesIO(png(width, height, seed=seed)))


def test_pictures_and_texts_are_points_of_length_one(encoder: ClipEncoder) -> None:
    images = encoder.image_features([picture(n) for n in range(20)])
    texts = encoder.text_features(["a red house", "a cat", "a cat " * 100])
    assert images.shape == (20, 24) and texts.shape == (3, 24)
    for features in (images, texts):
        assert torch.allclose(features.norm(dim=-1), torch.ones(len(features)), atol=1e-5)


def test_one_by_one_is_the_same_as_together(encoder: ClipEncoder) -> None:
    pictures = [picture(n) for n in range(3)]
    together = encoder.image_features(pictures)
    alone = torch.cat([encoder.image_features([each]) for each in pictures])
    assert torch.allclose(together, alone, atol=1e-5)
    texts = ["a red house", "a cat"]
    said = torch.cat([encoder.text_features([each]) for each in texts])
    assert torch.allclose(encoder.text_features(texts), said, atol=1e-5)


def test_it_computes_what_transformers_does(encoder: ClipEncoder) -> None:
    tokens = encoder.tokenizer(
        ["a red house"], padding="max_length", max_length=LENGTH, return_tensors="pt"
    )
    pixels = torch.zeros(1, 3, 64, 64)
    with torch.no_grad():
        theirs = encoder.model(**tokens, pixel_values=pixels)
    ours = encoder.text_features(["a red house"])
    assert torch.allclose(ours, theirs.text_embeds, atol=1e-5)


def test_the_middle_of_a_picture_is_seen_whatever_its_size(encoder: ClipEncoder) -> None:
    for size in ((64, 64), (640, 480), (30, 90), (128, 128)):
        assert encoder._pixels(Image.new("RGB", size, (128, 128, 128))).shape == (3, 64, 64)
    grey = encoder._pixels(Image.new("RGB", (64, 64), (255, 255, 255)))
    assert torch.allclose(grey, torch.ones_like(grey))  # -1 to 1, where the folder does not say


def test_a_folder_says_how_it_sees(folder: Path, tmp_path: Path) -> None:
    import json
    import shutil

    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    (copy / "preprocessor_config.json").write_text(json.dumps({"image_mean": MEAN}))
    assert load_encoder(copy).mean == MEAN


def test_what_cannot_be_used_is_said(folder: Path, tmp_path: Path) -> None:
    import shutil

    with pytest.raises(EncoderError, match=r"no config\.json"):
        load_encoder(tmp_path)
    copy = Path(shutil.copytree(folder, tmp_path / "cut"))
    tensors = load_file(copy / "model.safetensors")
    tensors.pop("visual_projection.weight")
    save_file(tensors, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(EncoderError, match="missing"):
        load_encoder(copy)
    (copy / "model.safetensors").unlink()
    with pytest.raises(EncoderError, match="cannot be used"):
        load_encoder(copy)
