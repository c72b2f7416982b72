"""A whole UNet with hypernetworks against section 4 of the format specification, plainly."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from inference.engine.attention import hypernetworks_on
from inference.engine.hypernetwork import (
    Hypernetwork,
    NoMatchingWidth,
    NotANumber,
    WrongMultipliers,
)
from inference.engine.hypernetwork_errors import UnknownAttention
from registry.formats.settings import ACTIVATIONS
from tests.inference.engine.plain import Plain, apart, plain_forward, random_network

TOLERANCE = 1e-4
MULTIPLIERS = torch.tensor([0.0, 0.0, 0.7, 0.7, -0.5, -0.5])
MIXING = {"softmax", "softmin", "logsoftmax", "softmax2d"}
AFFINE_AND_NOT: tuple[dict[str, Any], ...] = ({}, {"activation_func": "relu"})
Networks = Sequence[tuple[Hypernetwork, Tensor]]


def small_unet(width: int = 768) -> UNet2DConditionModel:
    """Self-attention at 32 and 64, cross-attention at `width`."""
    torch.manual_seed(1)
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(32, 64),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=width,
        attention_head_dim=2,
        norm_num_groups=8,
    )
    unet.requires_grad_(False).eval()
    return unet


@pytest.fixture(scope="module")
def unet() -> UNet2DConditionModel:
    return small_unet()


@pytest.fixture(scope="module")
def inputs() -> tuple[Tensor, Tensor, Tensor]:
    return inputs_for(768)


def inputs_for(width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Three pictures, each with its unconditional row."""
    torch.manual_seed(2)
    x = torch.randn(3, 4, 8, 8).repeat_interleave(2, dim=0)
    context = torch.randn(2, 5, width).repeat(3, 1, 1)
    return x, torch.tensor(321.5), context


def forward(unet: Any, networks: Networks, inputs: Any, **options: Any) -> Tensor:
    x, t, context = inputs
    with hypernetworks_on(unet, networks, **options):
        said: Tensor = unet(x, t, context).sample
        return said


def expected(unet: Any, networks: Networks, inputs: Any) -> Tensor:
    return plain_forward(unet, [Plain(*one) for one in networks], *inputs)


ways = pytest.mark.parametrize(
    ("cache", "fold"), [(True, True), (True, False), (False, True), (False, False)]
)


class TestWholeUNet:
    @pytest.mark.parametrize("cache", [True, False])
    @pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
    def test_every_activation(self, unet: Any, inputs: Any, activation: str, cache: bool) -> None:
        network = random_network(activation_func=activation)
        applied = [(network, MULTIPLIERS)]
        found = forward(unet, applied, inputs, cache=cache)
        assert apart(found, expected(unet, applied, inputs)) <= TOLERANCE
        assert apart(found, expected(unet, [], inputs)) > 10 * TOLERANCE

    @ways
    @pytest.mark.parametrize(
        "settings",
        [
            {"layer_structure": (1, 1)},
            {"layer_structure": (1, 2, 1)},
            {"layer_structure": (1, 2, 4, 2, 1)},
            {"use_dropout": True, "dropout_structure": (0, 0.3, 0)},
            {"activation_func": "relu", "activate_output": False},
            {"activation_func": "elu", "use_dropout": True, "layer_structure": (1, 2, 2, 1)},
            {"is_layer_norm": True},
            {"is_layer_norm": True, "activation_func": "mish", "use_dropout": True},
        ],
        ids=str,
    )
    def test_every_structure(
        self, unet: Any, inputs: Any, settings: dict[str, Any], cache: bool, fold: bool
    ) -> None:
        applied = [(random_network(**settings), MULTIPLIERS)]
        found = forward(unet, applied, inputs, cache=cache, fold=fold)
        assert apart(found, expected(unet, applied, inputs)) <= TOLERANCE

    @ways
    @pytest.mark.parametrize("dims", [[768], [32], [64], [32, 64]], ids=str)
    def test_networks_of_some_widths(
        self, unet: Any, inputs: Any, dims: list[int], cache: bool, fold: bool
    ) -> None:
        for settings in AFFINE_AND_NOT:
            applied = [(random_network(dims, **settings), MULTIPLIERS)]
            found = forward(unet, applied, inputs, cache=cache, fold=fold)
            assert apart(found, expected(unet, applied, inputs)) <= TOLERANCE

    def test_text_states_of_sd2(self) -> None:
        wide, inputs = small_unet(1024), inputs_for(1024)
        applied = [(random_network([32, 1024]), MULTIPLIERS)]
        assert apart(forward(wide, applied, inputs), expected(wide, applied, inputs)) <= TOLERANCE

    def test_half_precision_unet_with_a_float32_network(self, unet: Any, inputs: Any) -> None:
        """The network computes in its own dtype; what comes out is the UNet's."""
        half = small_unet().to(torch.bfloat16)
        x, t, context = inputs
        halved = (x.bfloat16(), t, context.bfloat16())
        for settings in AFFINE_AND_NOT:
            applied = [(random_network(**settings), MULTIPLIERS)]
            found = forward(half, applied, halved)
            assert found.dtype == torch.bfloat16
            assert apart(found.float(), expected(unet, applied, inputs)) <= 0.1


class TestStacking:
    @ways
    @pytest.mark.parametrize(
        ("first", "second"),
        [({}, {}), ({"activation_func": "relu"}, {}), ({}, {"is_layer_norm": True})],
        ids=str,
    )
    def test_networks_compose_in_prompt_order(
        self, unet: Any, inputs: Any, first: Any, second: Any, cache: bool, fold: bool
    ) -> None:
        one, two = random_network(seed=1, **first), random_network(seed=2, **second)
        applied = [(one, MULTIPLIERS), (two, MULTIPLIERS.flip(0))]
        found = forward(unet, applied, inputs, cache=cache, fold=fold)
        assert apart(found, expected(unet, applied, inputs)) <= TOLERANCE
        assert apart(found, expected(unet, applied[::-1], inputs)) > TOLERANCE

    def test_a_network_that_is_off_leaves_the_others_alone(self, unet: Any, inputs: Any) -> None:
        one, two = random_network(seed=1), random_network(seed=2, activation_func="relu")
        off = torch.zeros(6)
        alone = forward(unet, [(two, MULTIPLIERS)], inputs)
        assert torch.equal(forward(unet, [(one, off), (two, MULTIPLIERS)], inputs), alone)


class TestMultipliers:
    @ways
    @pytest.mark.parametrize("activation", [None, "relu"])
    @pytest.mark.parametrize(
        "multipliers",
        [
            [0.3, 0.3, 0.6, 0.6, 1.0, 1.0],
            [0.0, 0.5, 0.0, 0.5, 0.0, 0.5],
            [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
            [0.0, 1.0, -1.0, 0.0, 2.0, 0.0],
        ],
        ids=str,
    )
    def test_a_batch_is_its_rows_one_by_one(
        self,
        unet: Any,
        inputs: Any,
        activation: str | None,
        multipliers: list[float],
        cache: bool,
        fold: bool,
    ) -> None:
        network = random_network(activation_func=activation)
        found = forward(
            unet, [(network, torch.tensor(multipliers))], inputs, cache=cache, fold=fold
        )
        x, t, context = inputs
        for row, multiplier in enumerate(multipliers):
            part = slice(row, row + 1)
            alone = forward(
                unet,
                [(network, torch.tensor([multiplier]))],
                (x[part], t, context[part]),
                cache=cache,
                fold=fold,
            )
            assert apart(found[part], alone) <= TOLERANCE

    def test_rows_of_multiplier_0_are_the_base_models(self, unet: Any, inputs: Any) -> None:
        base = expected(unet, [], inputs)
        for settings in AFFINE_AND_NOT:
            found = forward(unet, [(random_network(**settings), MULTIPLIERS)], inputs)
            assert apart(found[:2], base[:2]) <= TOLERANCE / 10
            assert apart(found[2:], base[2:]) > 10 * TOLERANCE

    def test_all_rows_at_0_run_the_base_model_itself(self, unet: Any, inputs: Any) -> None:
        found = forward(unet, [(random_network(), torch.zeros(6))], inputs)
        assert torch.equal(found, forward(unet, [], inputs))

    def test_one_for_each_row_is_needed(self, unet: Any, inputs: Any) -> None:
        for settings in AFFINE_AND_NOT:
            with pytest.raises(WrongMultipliers) as caught:
                forward(unet, [(random_network(**settings), torch.ones(3))], inputs)
            assert (caught.value.given, caught.value.batch) == (3, 6)

    @pytest.mark.parametrize("activation", sorted(MIXING))
    def test_activations_over_the_rows_see_one_picture_only(
        self, unet: Any, inputs: Any, activation: str
    ) -> None:
        """A1111 renders a picture's two rows together: others in the batch change nothing."""
        network = random_network(activation_func=activation)
        pairs = [0, 0, 1, 1, 2, 2]
        found = forward(unet, [(network, MULTIPLIERS)], inputs, pictures=pairs)
        x, t, context = inputs
        for start in (0, 2, 4):
            pair = slice(start, start + 2)
            alone = expected(unet, [(network, MULTIPLIERS[pair])], (x[pair], t, context[pair]))
            assert apart(found[pair], alone) <= TOLERANCE


class TestKeysAndValuesOfText:
    @pytest.fixture
    def products(self, unet: Any) -> Iterator[list[int]]:
        """Rows that went through a to_k of cross-attention."""
        rows: list[int] = []
        hooks = [
            module.register_forward_pre_hook(lambda _, given: rows.append(len(given[0])))
            for name, module in unet.named_modules()
            if name.endswith("attn2.to_k")
        ]
        yield rows
        for hook in hooks:
            hook.remove()

    @pytest.mark.parametrize("activation", [None, "relu"])
    def test_are_computed_once_for_all_steps_and_strengths(
        self, unet: Any, inputs: Any, activation: str | None, products: list[int]
    ) -> None:
        network = random_network(activation_func=activation)
        x, t, context = inputs
        with hypernetworks_on(unet, [(network, MULTIPLIERS)]):
            for _ in range(3):
                unet(x, t, context)
        sites = sum(name.endswith("attn2.processor") for name in unet.attn_processors)
        assert products == [2] * sites  # one row with the prompt, one without

    def test_follow_the_prompt(self, unet: Any, inputs: Any) -> None:
        network = random_network(activation_func="relu")
        x, t, context = inputs
        other = context.flip(0)
        applied = [(network, MULTIPLIERS)]
        with hypernetworks_on(unet, applied):
            unet(x, t, context)
            found = unet(x, t, other).sample
            assert apart(found, expected(unet, applied, (x, t, other))) <= TOLERANCE

    def test_follow_a_tensor_that_is_written_to(self, unet: Any, inputs: Any) -> None:
        network = random_network()
        x, t, context = inputs
        changing = context.clone()
        applied = [(network, MULTIPLIERS)]
        with hypernetworks_on(unet, applied):
            unet(x, t, changing)
            changing *= -1
            found = unet(x, t, changing).sample
            assert apart(found, expected(unet, applied, (x, t, -context))) <= TOLERANCE


class TestTheUNet:
    def test_is_as_before_afterwards(self, unet: Any, inputs: Any) -> None:
        before = dict(unet.attn_processors)
        with pytest.raises(KeyError), hypernetworks_on(unet, [(random_network(), MULTIPLIERS)]):
            raise KeyError
        assert unet.attn_processors == before

    def test_without_networks_is_diffusers_own(self, unet: Any, inputs: Any) -> None:
        x, t, context = inputs
        mask = torch.ones(6, 5, dtype=torch.bool)
        mask[1::2, 3:] = False
        with torch.no_grad():
            own = unet(x, t, context, encoder_attention_mask=mask).sample
        with hypernetworks_on(unet, []):
            found = unet(x, t, context, encoder_attention_mask=mask).sample
        assert apart(found, own) <= TOLERANCE / 10

    def test_with_no_context_of_a_networks_widths(self, unet: Any) -> None:
        network = random_network([1024, 1280])
        with (
            pytest.raises(NoMatchingWidth, match="1024 and 1280.*32, 64 and 768") as caught,
            hypernetworks_on(unet, [(network, MULTIPLIERS)]),
        ):
            pass
        assert caught.value.widths == (1024, 1280)

    def test_of_another_kind_of_attention(self) -> None:
        torch.manual_seed(0)
        other = UNet2DConditionModel(
            sample_size=8,
            block_out_channels=(32, 64),
            layers_per_block=1,
            down_block_types=("SimpleCrossAttnDownBlock2D", "DownBlock2D"),
            mid_block_type="UNetMidBlock2DSimpleCrossAttn",
            up_block_types=("UpBlock2D", "SimpleCrossAttnUpBlock2D"),
            cross_attention_dim=768,
            attention_head_dim=8,
            norm_num_groups=8,
        )
        with pytest.raises(UnknownAttention), hypernetworks_on(other, []):
            pass

    def test_numbers_that_overflow_are_no_picture(self, unet: Any, inputs: Any) -> None:
        network = random_network([768], strong=1e30)
        with pytest.raises(NotANumber, match="“net0”.*text states"):
            forward(unet, [(network, MULTIPLIERS)], inputs)
