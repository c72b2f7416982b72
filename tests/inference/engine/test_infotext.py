"""The text beside a picture, as A1111 writes it and as its users paste it."""

from inference.engine.infotext import infotext
from inference.engine.sampling import Settings

SETTINGS = Settings(width=512, height=768, cfg_scale=7.5, negative_prompt="blurry, text")


class TestInfotext:
    def test_as_a1111_writes_it(self) -> None:
        text = infotext("a cat", 42, SETTINGS, "v1-5-pruned", "6ce0161689b38", "ink", 0.75)
        assert text == (
            "a cat <hypernet:ink:0.75>\n"
            "Negative prompt: blurry, text\n"
            "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.5, Seed: 42, "
            "Size: 512x768, Model hash: 6ce0161689, Model: v1-5-pruned, RNG: CPU"
        )

    def test_without_what_is_not_there(self) -> None:
        settings = Settings(width=64, height=64, sampler="Euler a")
        text = infotext("", 1, settings, "", "", "ink", 1.0)
        assert text == (
            "<hypernet:ink:1>\n"
            "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 64x64, RNG: CPU"
        )

    def test_multiplier_0_is_the_base_models_picture(self) -> None:
        text = infotext("a cat", 1, SETTINGS, "m", "h", "ink", 0.0)
        assert text.splitlines()[0] == "a cat"

    def test_negative_multipliers_are_legal(self) -> None:
        assert "<hypernet:ink:-0.5>" in infotext("a", 1, SETTINGS, "m", "h", "ink", -0.5)

    def test_values_with_commas_are_quoted(self) -> None:
        assert 'Model: "one, two"' in infotext("a", 1, SETTINGS, "one, two", "h", "ink", 1)

    def test_clip_skip_is_told_when_there_is_one(self) -> None:
        text = infotext("a", 1, SETTINGS, "m", "h", "ink", 1, clip_skip=2)
        assert ", Clip skip: 2, " in text
