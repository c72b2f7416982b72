"""Base models are read whole from both real layouts, offline, or refused with a sentence."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from inference.engine.base import BaseSource, hash_of_base, load_base
from inference.engine.base_errors import (
    BaseNotFound,
    PickledCheckpoint,
    PredictionUnknown,
    TokenizerMissing,
    UnknownLayout,
    WeightsBroken,
    WeightsMissing,
    WrongFamily,
)
from tests.inference.bases import tiny_base, tiny_tokenizer
from tests.inference.checkpoints import checkpoint, small_parts, vae_tensors

WIDTHS = {"sd1": 768, "sd2": 1024}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("folder") / "tiny")


@pytest.fixture(scope="module", params=["sd1", "sd2"])
def single(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """(source, the parts that were saved), of each family; its words lie beside it."""
    family = request.param
    place = tmp_path_factory.mktemp(family)
    tiny_tokenizer(place / "tokenizer")
    parts = small_parts(width=WIDTHS[family])
    path = checkpoint(place / "small.safetensors", *parts)
    prediction = "v_prediction" if family == "sd2" else ""
    return BaseSource(path=path, family=family, prediction_type=prediction), parts


class TestDiffusersFolder:
    def test_every_part_is_read(self, folder: Path) -> None:
        base = load_base(BaseSource(path=folder), device="cpu")
        assert base.unet.config["cross_attention_dim"] == 768
        stored = load_file(folder / "unet" / "diffusion_pytorch_model.safetensors")
        assert all(torch.equal(base.unet.state_dict()[name], t) for name, t in stored.items())
        assert base.bytes > sum(t.numel() * 4 for t in stored.values())

    def test_it_is_ready_to_render(self, folder: Path) -> None:
        base = load_base(BaseSource(path=folder), device="cpu")
        for part in (base.unet, base.vae, base.text_encoder):
            assert not part.training
            assert not any(parameter.requires_grad for parameter in part.parameters())

    def test_its_own_words_and_their_number_are_kept(self, folder: Path) -> None:
        tokenizer = load_base(BaseSource(path=folder), device="cpu").tokenizer
        assert tokenizer.model_max_length == 16
        assert len(tokenizer("a red house", padding="max_length").input_ids) == 16

    def test_the_scheduler_is_the_folders_unless_told_otherwise(self, folder: Path) -> None:
        said = load_base(BaseSource(path=folder), device="cpu").scheduler_config
        assert said["prediction_type"] == "epsilon"
        told = BaseSource(path=folder, prediction_type="v_prediction")
        assert load_base(told, device="cpu").scheduler_config["prediction_type"] == "v_prediction"

    def test_half_precision(self, folder: Path) -> None:
        base = load_base(BaseSource(path=folder, precision="bf16"), device="cpu")
        for part in (base.unet, base.vae, base.text_encoder):
            assert {parameter.dtype for parameter in part.parameters()} == {torch.bfloat16}

    def test_a_folder_of_half_precision_files(self, folder: Path, tmp_path: Path) -> None:
        copy = Path(shutil.copytree(folder, tmp_path / "half"))
        for weights in (*copy.glob("unet/*.safetensors"), *copy.glob("vae/*.safetensors")):
            weights.rename(weights.with_name(weights.stem + ".fp16.safetensors"))
        assert load_base(BaseSource(path=copy), device="cpu").bytes

    def test_another_vae(self, folder: Path, tmp_path: Path) -> None:
        other = tiny_base(tmp_path / "other", seed=1)
        base = load_base(BaseSource(path=folder, vae_path=other / "vae"), device="cpu")
        stored = load_file(other / "vae" / "diffusion_pytorch_model.safetensors")
        assert torch.equal(base.vae.state_dict()["quant_conv.weight"], stored["quant_conv.weight"])


class TestSingleFile:
    def test_every_part_computes_what_the_saved_one_did(self, single: Any) -> None:
        source, (unet, vae, text) = single
        base = load_base(source, device="cpu")
        torch.manual_seed(1)
        latents, words = torch.randn(1, 4, 8, 8), torch.arange(16)[None]
        with torch.no_grad():
            states = text.eval()(words).last_hidden_state
            assert torch.equal(base.text_encoder(words).last_hidden_state, states)
            expected = unet.eval()(latents, 7, states).sample
            assert torch.allclose(base.unet(latents, 7, states).sample, expected, atol=1e-5)
            decoded = vae.eval().decode(latents).sample
            assert torch.allclose(base.vae.decode(latents).sample, decoded, atol=1e-5)

    def test_its_schedule_is_stable_diffusions(self, single: Any) -> None:
        source, _ = single
        said = load_base(source, device="cpu").scheduler_config
        assert (said["beta_start"], said["beta_end"]) == (0.00085, 0.012)
        assert said["prediction_type"] == (source.prediction_type or "epsilon")

    def test_sd2_does_not_say_what_it_predicts(self, single: Any) -> None:
        source, _ = single
        if source.family == "sd2":
            with pytest.raises(PredictionUnknown, match="epsilon"):
                load_base(BaseSource(path=source.path, family="sd2"))

    def test_its_hash_is_a1111s(self, single: Any) -> None:
        import hashlib

        source, _ = single
        digest = hashlib.sha256(source.path.read_bytes()).hexdigest()
        assert hash_of_base(source.path) == digest
        assert load_base(source, device="cpu").hash == digest

    def test_a_vae_in_a_file_of_its_own(self, single: Any, tmp_path: Path) -> None:
        source, _ = single
        _, vae, _ = small_parts(width=768, seed=5)
        path = tmp_path / "vae.safetensors"
        save_file({n: t.contiguous().clone() for n, t in vae_tensors(vae).items()}, path)
        told = BaseSource(source.path, source.family, source.prediction_type, vae_path=path)
        base = load_base(told, device="cpu")
        name = "decoder.conv_in.weight"
        assert torch.equal(base.vae.state_dict()[name], vae.state_dict()[name])

    def test_clips_own_vocabulary_needs_no_files(self, tmp_path: Path) -> None:
        unet, vae, text = small_parts(width=768)
        text.resize_token_embeddings(49408)
        path = checkpoint(tmp_path / "real.safetensors", unet, vae, text)
        tokenizer = load_base(BaseSource(path=path), device="cpu").tokenizer
        assert tokenizer("a photo of a cat").input_ids == [49406, 320, 1125, 539, 320, 2368, 49407]


class TestRefusals:
    """Each with a sentence that says what to do."""

    def test_nothing_there(self, tmp_path: Path) -> None:
        with pytest.raises(BaseNotFound, match="Correct the path"):
            load_base(BaseSource(path=tmp_path / "gone.safetensors"))

    def test_a_pickle_is_never_opened(self, tmp_path: Path) -> None:
        path = tmp_path / "v1-5.ckpt"
        path.write_bytes(b"cos\nsystem\n(S'false'\ntR.")
        with pytest.raises(PickledCheckpoint, match="v1-5.safetensors"):
            load_base(BaseSource(path=path))

    def test_the_command_in_that_sentence_converts(self, tmp_path: Path) -> None:
        import re
        import subprocess
        import sys

        path = tmp_path / "v1-5.ckpt"
        torch.save({"state_dict": {"a": torch.ones(2)}, "epoch": 3}, path)
        with pytest.raises(PickledCheckpoint) as refusal:
            load_base(BaseSource(path=path))
        command = re.search(r"python -c '(.+)', and", str(refusal.value))
        assert command
        subprocess.run([sys.executable, "-c", command[1]], cwd=tmp_path, check=True)
        assert load_file(tmp_path / "v1-5.safetensors")["a"].tolist() == [1, 1]

    @pytest.mark.parametrize("family", ["sd1", "sd2"])
    def test_the_wrong_family(self, family: str, folder: Path, single: Any) -> None:
        source, _ = single
        with pytest.raises(WrongFamily, match=r"SD 2\.x"):
            load_base(BaseSource(path=folder, family="sd2"))
        if source.family != family:
            with pytest.raises(WrongFamily, match="registered as"):
                load_base(BaseSource(path=source.path, family=family))  # type: ignore[arg-type]

    def test_sdxl(self, tmp_path: Path) -> None:
        path = tmp_path / "xl.safetensors"
        unet = "model.diffusion_model."
        save_file(
            {
                f"{unet}input_blocks.0.0.weight": torch.zeros(4, 4, 3, 3),
                f"{unet}input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight": torch.zeros(
                    4, 2048
                ),
                "conditioner.embedders.0.transformer.text_model.x": torch.zeros(1),
            },
            path,
        )
        with pytest.raises(WrongFamily, match="SDXL"):
            load_base(BaseSource(path=path))

    def test_a_lora_is_no_base_model(self, tmp_path: Path) -> None:
        path = tmp_path / "lora.safetensors"
        save_file({"lora_unet_down.lora_up.weight": torch.zeros(1)}, path)
        with pytest.raises(UnknownLayout, match="no UNet"):
            load_base(BaseSource(path=path))

    def test_an_inpainting_model(self, folder: Path, tmp_path: Path) -> None:
        copy = Path(shutil.copytree(folder, tmp_path / "inpainting"))
        settings = json.loads((copy / "unet/config.json").read_text())
        (copy / "unet/config.json").write_text(json.dumps(settings | {"in_channels": 9}))
        with pytest.raises(UnknownLayout, match="inpainting"):
            load_base(BaseSource(path=copy))

    @pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
    def test_a_folder_without_some_weights(self, part: str, folder: Path, tmp_path: Path) -> None:
        copy = Path(shutil.copytree(folder, tmp_path / "copy"))
        weights = next(copy.glob(f"{part}/*.safetensors"))
        tensors = load_file(weights)
        lost = sorted(tensors)[0]
        save_file({n: t for n, t in tensors.items() if n != lost}, weights, {"format": "pt"})
        with pytest.raises(WeightsMissing, match="not whole") as refusal:
            load_base(BaseSource(path=copy))
        assert refusal.value.part == part
        weights.unlink()
        with pytest.raises(WeightsMissing, match=r"\.safetensors missing"):
            load_base(BaseSource(path=copy))

    def test_a_file_without_some_weights(self, single: Any, tmp_path: Path) -> None:
        source, _ = single
        tensors = load_file(source.path)
        lost = "first_stage_model.decoder.conv_in.weight"
        path = tmp_path / "cut.safetensors"
        save_file({n: t for n, t in tensors.items() if n != lost}, path)
        tiny_tokenizer(tmp_path / "tokenizer")
        with pytest.raises(WeightsMissing, match=r"VAE of cut\.safetensors"):
            load_base(BaseSource(path, source.family, source.prediction_type))

    def test_a_file_that_ends_early(self, single: Any, tmp_path: Path) -> None:
        source, _ = single
        path = tmp_path / "short.safetensors"
        path.write_bytes(source.path.read_bytes()[:-1000])
        with pytest.raises(WeightsBroken, match="Copy the model again"):
            load_base(BaseSource(path, source.family))

    def test_words_that_are_not_clips(self, single: Any, tmp_path: Path) -> None:
        source, _ = single
        path = tmp_path / "small.safetensors"
        shutil.copyfile(source.path, path)
        with pytest.raises(TokenizerMissing, match="132 tokens"):
            load_base(BaseSource(path, source.family, source.prediction_type))

    def test_a_folder_that_is_no_pipeline(self, tmp_path: Path) -> None:
        with pytest.raises(UnknownLayout, match="model_index.json"):
            load_base(BaseSource(path=tmp_path))
