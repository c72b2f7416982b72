"""A1111's options with A1111's defaults; a wrong one is named before anything is computed."""

from typing import Any

import pytest

from inference.engine.training import PRESETS, TrainingError, TrainingOptions


def test_the_defaults_are_those_of_a1111() -> None:
    options = TrainingOptions(name="x")
    assert options.learn_rate == "0.00001"
    assert (options.batch_size, options.gradient_step) == (1, 1)
    assert (options.training_width, options.training_height) == (512, 512)
    assert options.layer_structure == (1, 2, 1)
    assert options.activation_func == "linear"
    assert options.weight_initialization == "Normal"
    assert options.template_file == "style_filewords.txt"
    assert options.latent_sampling_method == "once"
    assert options.clip_grad_mode == "disabled"
    assert (options.save_hypernetwork_every, options.create_image_every) == (500, 500)
    assert options.optimizer_name == "AdamW"
    assert not (options.add_layer_norm or options.use_dropout or options.shuffle_tags)
    spec = options.spec()
    assert spec.activate_output is False
    assert spec.dropout_structure == (0, 0, 0)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_a_set_of_options(preset: str) -> None:
    chosen = PRESETS[preset]
    options = TrainingOptions(name="x", **chosen)
    assert {key: getattr(options, key) for key in chosen} == dict(chosen)


def test_dropout_without_a_structure_stands_where_old_a1111_put_it() -> None:
    options = TrainingOptions(
        name="x", layer_structure=(1, 2, 4, 2, 1), use_dropout=True, last_layer_dropout=True
    )
    assert options.spec().dropout_structure == (0, 0.3, 0.3, 0.3, 0)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "my network"}, "“my network” cannot be a network's name"),
        ({"name": "None"}, "cannot be a network's name"),
        ({"name": "../x"}, "cannot be a network's name"),
        ({"layer_structure": (1,)}, "The layer structure 1 does not work"),
        ({"layer_structure": (1, 2)}, "The layer structure 1, 2 does not work"),
        ({"layer_structure": (1, -2, 1)}, "The layer structure 1, -2, 1 does not work"),
        (
            {"layer_structure": (1, 0.001, 1), "enable_sizes": (768,)},
            "0.001 times the width 768",
        ),
        ({"enable_sizes": (0,)}, "enable_sizes is 0"),
        ({"activation_func": "glu"}, "activation_func cannot be “glu”"),
        ({"weight_initialization": "Zero"}, "weight_initialization cannot be “Zero”"),
        ({"clip_grad_mode": "both"}, "clip_grad_mode cannot be “both”"),
        ({"latent_sampling_method": "never"}, "latent_sampling_method cannot be “never”"),
        ({"precision": "fp8"}, "precision cannot be “fp8”"),
        ({"optimizer_name": "Adamant"}, "optimizer_name cannot be “Adamant”"),
        ({"optimizer_name": "LBFGS"}, "The optimizer LBFGS cannot train"),
        ({"batch_size": 0}, "batch_size is 0, but it has to be 1 or more"),
        ({"gradient_step": 0}, "gradient_step is 0"),
        ({"steps": 0}, "steps is 0"),
        ({"save_hypernetwork_every": -1}, "save_hypernetwork_every is -1"),
        ({"training_width": 100}, "training_width is 100, but it has to be a multiple of 8"),
        ({"tag_drop_out": 1.0}, "tag_drop_out is 1.0"),
        ({"learn_rate": "quick"}, "The learning rate “quick” cannot be read"),
        ({"clip_grad_value": "-1"}, "The gradient clipping value “-1” cannot be read"),
        ({"dropout_structure": (0, 0.1, 0)}, "dropout is off"),
        ({"use_dropout": True}, "no layer would drop anything"),
        ({"use_dropout": True, "dropout_structure": (0, 0.1)}, "it needs 3 rates"),
        ({"use_dropout": True, "dropout_structure": (0, 1, 0)}, "it needs 3 rates"),
        ({"use_dropout": True, "dropout_structure": (0, 0.1, 0.1)}, "the last 0"),
    ],
)
def test_a_wrong_option_is_named(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(TrainingError) as refused:
        TrainingOptions(**{"name": "x", **wrong})
    assert said in str(refused.value)
