"""Settings, text states and noise: the same for the same prompt and seed, wherever used."""

import dataclasses

import pytest
import torch

from inference.engine.base import LoadedBase
from inference.engine.sampling import (
    SamplingError,
    SeededNoise,
    Settings,
    cut_off,
    encode_text,
    noise,
    text_states,
)

SETTINGS = Settings(width=64, height=64)
LONG = "a red house on the blue house by the large cat in the small circle of a green square"


class TestSettings:
    @pytest.mark.parametrize(
        ("sampler", "name", "schedule"),
        [
            ("DPM++ 2M", "DPM++ 2M", "Karras"),
            ("DPM++ 2M Karras", "DPM++ 2M", "Karras"),
            ("Euler", "Euler", ""),
            ("Euler Karras", "Euler", "Karras"),
            ("DDIM", "DDIM", ""),
        ],
    )
    def test_samplers_have_a1111s_names(self, sampler: str, name: str, schedule: str) -> None:
        settings = Settings(width=64, height=64, sampler=sampler)
        assert (settings.sampler_name, settings.schedule_type) == (name, schedule)

    def test_what_cannot_be_is_said(self) -> None:
        with pytest.raises(SamplingError, match="“Magic”.*DPM.*DDIM"):
            Settings(width=64, height=64, sampler="Magic")
        with pytest.raises(SamplingError, match="multiples of 8"):
            Settings(width=60, height=64)
        with pytest.raises(SamplingError, match="0 steps"):
            Settings(width=64, height=64, steps=0)


class TestText:
    def test_states_have_the_tokenizers_length(self, small_base: LoadedBase) -> None:
        states = encode_text(small_base, ["a red house", ""])
        assert states.shape == (2, small_base.tokenizer.model_max_length, 768)

    def test_are_the_text_encoders_last(self, small_base: LoadedBase) -> None:
        tokens = small_base.tokenizer(
            "a red house", padding="max_length", return_tensors="pt"
        ).input_ids
        expected = small_base.text_encoder(tokens).last_hidden_state
        assert torch.equal(encode_text(small_base, ["a red house"]), expected)

    def test_clip_skip_leaves_out_layers_but_not_the_norm(self, small_base: LoadedBase) -> None:
        skipping = dataclasses.replace(
            small_base, source=dataclasses.replace(small_base.source, clip_skip=2)
        )
        kept, layers = [], small_base.text_encoder.encoder.layers
        hook = layers[0].register_forward_hook(lambda _, __, out: kept.append(out))
        states = encode_text(skipping, ["a cat"])
        hook.remove()
        first = kept[0] if torch.is_tensor(kept[0]) else kept[0][0]
        torch.testing.assert_close(states, small_base.text_encoder.final_layer_norm(first))
        assert not torch.equal(states, encode_text(small_base, ["a cat"]))

    def test_each_prompt_is_encoded_once(
        self, small_base: LoadedBase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = text_states(small_base, "a green square")
        monkeypatch.setattr("inference.engine.sampling.encode_text", None)
        assert text_states(small_base, "a green square") is first

    def test_long_prompts_are_cut_and_say_so(self, small_base: LoadedBase) -> None:
        assert cut_off(small_base, "a red house") == ""
        end = cut_off(small_base, LONG)
        assert end and LONG.endswith(end)
        kept = LONG.removesuffix(end)
        assert torch.equal(encode_text(small_base, [LONG]), encode_text(small_base, [kept]))


class TestNoise:
    def test_is_decided_by_the_seed(self, small_base: LoadedBase) -> None:
        one, same, other = (noise(small_base, seed, SETTINGS) for seed in (1, 1, 2))
        assert torch.equal(one, same)
        assert not torch.equal(one, other)

    def test_is_a_cpu_generators(self, small_base: LoadedBase) -> None:
        """So that it is the same on every device."""
        chance = torch.Generator("cpu").manual_seed(7)
        seeded = SeededNoise(small_base, 7, SETTINGS)
        for _ in range(3):
            assert torch.equal(seeded(), torch.randn(1, 4, 16, 16, generator=chance))

    def test_leaves_other_chance_alone(self, small_base: LoadedBase) -> None:
        before = torch.get_rng_state()
        noise(small_base, 1, SETTINGS)
        assert torch.equal(torch.get_rng_state(), before)
