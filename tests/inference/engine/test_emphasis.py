"""Brackets weigh what is in them, as A1111's users write them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inference.engine.base import LoadedBase
from inference.engine.emphasis import LESS, MORE, Fragment, fragments, framed, weighted
from inference.engine.sampling import cut_off, encode_text


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("", [("", 1.0)]),
        ("a red house", [("a red house", 1.0)]),
        ("a (red) house", [("a ", 1.0), ("red", MORE), (" house", 1.0)]),
        ("a ((red)) house", [("a ", 1.0), ("red", MORE**2), (" house", 1.0)]),
        ("a [red] house", [("a ", 1.0), ("red", LESS), (" house", 1.0)]),
        ("a (red:1.3) house", [("a ", 1.0), ("red", 1.3), (" house", 1.0)]),
        ("(a (red:1.5) house:0.5)", [("a ", 0.5), ("red", 0.75), (" house", 0.5)]),
        ("(red: .5)", [("red", 0.5)]),
        ("(red:-1)", [("red", -1.0)]),
        ("([red])", [("red", 1.0)]),
        (r"a \(red\) house", [("a (red) house", 1.0)]),
        (r"a \\ house", [("a \\ house", 1.0)]),
        ("(red", [("red", MORE)]),
        ("a [red, blue", [("a ", 1.0), ("red, blue", LESS)]),
        ("red) and ]", [("red) and ]", 1.0)]),
        ("house:1.3)", [("house:1.3)", 1.0)]),
        ("time: 12:30", [("time: 12:30", 1.0)]),
        ("[red:blue]", [("red:blue", LESS)]),
    ],
)
def test_what_brackets_say(prompt: str, expected: list[tuple[str, float]]) -> None:
    found = fragments(prompt)
    assert [each.text for each in found] == [text for text, _ in expected]
    assert [each.weight for each in found] == pytest.approx([weight for _, weight in expected])


@given(st.text(st.characters(exclude_characters="()[]\\")))
def test_without_brackets_a_prompt_is_itself(prompt: str) -> None:
    assert fragments(prompt) == [Fragment(prompt)]


@given(st.text("ab ()[]\\:1.", max_size=30))
def test_no_letter_is_lost(prompt: str) -> None:
    kept = "".join(each.text for each in fragments(prompt))
    assert [c for c in kept if c in "ab "] == [c for c in prompt if c in "ab "]


class TestTokens:
    def test_are_the_tokenizers_own(self, small_base: LoadedBase) -> None:
        prompts = ["a red house, at night", ""]
        tokens, weights = framed(small_base, prompts)
        expected = small_base.tokenizer(prompts, padding="max_length", return_tensors="pt")
        assert torch.equal(tokens, expected.input_ids)
        assert (weights == 1).all()

    def test_carry_their_weights(self, small_base: LoadedBase) -> None:
        tokens, weights = framed(small_base, ["a (red:1.5) house", "a red house"])
        assert torch.equal(tokens[0], tokens[1])
        assert weights[0, :5].tolist() == [1, 1, 1.5, 1, 1]
        assert (weights[0, 5:] == 1).all()

    def test_brackets_take_no_room(self, small_base: LoadedBase) -> None:
        room = small_base.tokenizer.model_max_length - 2
        assert cut_off(small_base, "((red)) " * room) == ""
        assert cut_off(small_base, "((red)) " * room + "house") == "house"


class TestStates:
    def test_of_a_weighted_token_are_larger_and_the_mean_stays(self) -> None:
        states = torch.rand(1, 3, 4) + 0.5
        found = weighted(states, torch.tensor([[1.0, 2.0, 1.0]]))
        assert torch.allclose(found.mean(), states.mean())
        # By A1111's rule: all are scaled by one number, so their proportions are the weights.
        assert torch.allclose(
            (found / states)[0, :, 0] / (found / states)[0, 0, 0], torch.tensor([1.0, 2.0, 1.0])
        )

    def test_a_prompt_does_not_change_its_neighbour(self, small_base: LoadedBase) -> None:
        alone = encode_text(small_base, ["a red house"])
        beside = encode_text(small_base, ["a red house", "a (blue:1.4) boat"])
        assert torch.allclose(alone[0], beside[0], atol=1e-6)

    def test_without_a_mean_are_not_divided_by_rounding(self) -> None:
        states = torch.randn(1, 8, 16)
        states -= states.mean()
        weights = torch.ones(1, 8)
        weights[0, 2] = 1.5
        assert torch.equal(weighted(states, weights), states * weights.unsqueeze(-1))

    def test_emphasis_changes_what_the_unet_sees(self, small_base: LoadedBase) -> None:
        plain, strong = (encode_text(small_base, [p]) for p in ("a red house", "a (red) house"))
        assert not torch.allclose(plain, strong)
