"""What each flavour does to a network: repairs in the settings, and indices that follow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from registry.formats.flavors import (
    Flavor,
    portable_form,
    portable_spec,
    settled_spec,
    training_form,
    training_spec,
)
from registry.formats.hypernetwork import HypernetworkSpec
from tests.registry.formats.networks import network

DROPOUT = HypernetworkSpec(
    "inner",
    layer_structure=(1.0, 2.0, 0.5, 1.0),
    activation_func="Mish",
    dropout_structure=(0, 0.3, 0, 0),
)


def test_every_flavour_takes_its_files_name_and_writes_numbers_one_way() -> None:
    settled = settled_spec(DROPOUT, stem="served")
    assert settled.name == "served"
    assert [type(factor) for factor in settled.layer_structure] == [int, int, float, int]
    assert settled == replace(DROPOUT, name="served")


@pytest.mark.parametrize(("stored", "written"), [("Mish", "mish"), (None, "linear")])
def test_an_activation_is_spelled_as_every_program_knows_it(
    stored: str | None, written: str
) -> None:
    spec = replace(DROPOUT, activation_func=stored)
    for form in (training_spec, portable_spec):
        assert form(spec, stem="served").activation_func == written


@pytest.mark.parametrize(("rates", "last"), [((0, 0.3, 0, 0), False), ((0, 0, 0.3, 0), True)])
def test_the_training_flavour_says_where_the_last_dropout_is(
    rates: tuple[float, ...], last: bool
) -> None:
    spec = training_spec(replace(DROPOUT, dropout_structure=rates), stem="served")
    assert (spec.use_dropout, spec.dropout_structure) == (True, rates)
    assert spec.last_layer_dropout is last


def test_the_portable_flavour_has_no_dropout_and_no_gap_where_it_was() -> None:
    original = network(DROPOUT)
    portable = portable_form(original, stem="served")
    assert portable.spec.dropout_structure == (0, 0, 0, 0)
    assert (portable.spec.use_dropout, portable.spec.last_layer_dropout) == (False, False)
    for dim in original.dims:
        keys = [
            f"linear.{layer.index}.{name}"
            for layer in portable.spec.layout(dim)
            for name in layer.parameters
        ]
        for before, after in zip(original.modules[dim], portable.modules[dim], strict=True):
            assert list(after) == keys
            assert list(after.values()) == list(before.values())


def test_without_dropout_the_two_pickles_are_one() -> None:
    plain = network(replace(DROPOUT, dropout_structure=(0, 0, 0, 0), activation_func="relu"))
    assert portable_form(plain, stem="served") == training_form(plain, stem="served")


def test_forms_leave_the_network_that_was_read_alone() -> None:
    original = network(DROPOUT)
    portable_form(original, stem="served")
    assert original == network(DROPOUT)


def test_suffixes_are_those_that_programs_look_for() -> None:
    assert {flavor: flavor.suffix for flavor in Flavor} == {
        "portable": ".pt",
        "training": ".pt",
        "safetensors": ".safetensors",
    }
