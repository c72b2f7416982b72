"""Writing is deterministic, and reading back what was written gives what was given."""

import dataclasses
import io
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.formats.flavors import portable_form, training_form
from registry.formats.hypernetwork import Hypernetwork
from registry.formats.reader import read
from registry.formats.tensor import Tensor
from registry.formats.writer import write_portable, write_safetensors, write_training
from tests.registry.formats.acceptance import fixtures
from tests.registry.formats.acceptance.networks import networks

Write = Callable[..., Any]
thorough = settings(
    max_examples=100,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
each_writer = pytest.mark.parametrize("write", [write_portable, write_training, write_safetensors])


def written(write: Write, network: Hypernetwork) -> bytes:
    out = io.BytesIO()
    write(network, out, stem="given")
    return out.getvalue()


def named(network: Hypernetwork) -> Hypernetwork:
    return dataclasses.replace(network, spec=dataclasses.replace(network.spec, name="given"))


@thorough
@given(network=networks())
def test_safetensors_holds_the_network_as_it_is(network: Hypernetwork) -> None:
    assert read(written(write_safetensors, network), stem="given").hypernetwork == named(network)


@thorough
@given(network=networks())
def test_the_portable_file_holds_the_portable_form(network: Hypernetwork) -> None:
    read_back = read(written(write_portable, network), stem="given").hypernetwork

    assert read_back == portable_form(network, stem="given")
    tensors = [bytes(tensor.data) for _, tensor in network.tensors()]
    assert [bytes(tensor.data) for _, tensor in read_back.tensors()] == tensors


@thorough
@given(network=networks())
def test_the_training_file_holds_the_training_form(network: Hypernetwork) -> None:
    file = written(write_training, network)

    if not network.spec.use_dropout:
        assert file == b""
    else:
        read_back = read(file, stem="given").hypernetwork
        assert read_back == training_form(network, stem="given")


@thorough
@given(network=networks())
def test_writing_what_was_read_gives_the_same_bytes(network: Hypernetwork) -> None:
    for write in (write_portable, write_safetensors):
        first = written(write, network)
        again = written(write, read(first, stem="given").hypernetwork)
        assert again == first


@thorough
@given(network=networks())
def test_torch_reads_the_same_from_the_portable_file(network: Hypernetwork) -> None:
    form = portable_form(network, stem="given")
    stored = torch.load(io.BytesIO(written(write_portable, network)), weights_only=True)

    assert {key for key in stored if isinstance(key, int)} == set(form.modules)
    assert {k: v for k, v in stored.items() if isinstance(k, str)} == form.spec.as_dict()
    for dim, pair in form.modules.items():
        for ours, theirs in zip(pair, stored[dim], strict=True):
            assert list(ours) == list(theirs)
            for key, tensor in ours.items():
                assert tensor.shape == tuple(theirs[key].shape)
                assert bytes(tensor.data) == fixtures.bits(theirs[key])


def as_saved_by_torch(network: Hypernetwork, *, in_zip: bool, by_parameter: bool) -> bytes:
    """What A1111 does: torch.save of a dict of settings and pairs of state dicts."""
    stored: dict[Any, Any] = {
        dim: tuple(
            OrderedDict((key, given_to_torch(tensor, by_parameter)) for key, tensor in half.items())
            for half in pair
        )
        for dim, pair in network.modules.items()
    }
    out = io.BytesIO()
    torch.save(stored | network.spec.as_dict(), out, _use_new_zipfile_serialization=in_zip)
    return out.getvalue()


def given_to_torch(tensor: Tensor, by_parameter: bool) -> torch.Tensor:
    value = fixtures.as_torch(tensor)
    return torch.nn.Parameter(value, requires_grad=False) if by_parameter else value


@thorough
@given(network=networks(), in_zip=st.booleans(), by_parameter=st.booleans())
def test_what_torch_saves_is_read_as_it_is(
    network: Hypernetwork, in_zip: bool, by_parameter: bool
) -> None:
    file = as_saved_by_torch(network, in_zip=in_zip, by_parameter=by_parameter)
    assert read(file, stem="another").hypernetwork == network


@each_writer
@pytest.mark.parametrize("name", fixtures.NAMES)
def test_writing_twice_gives_the_same_bytes(write: Write, name: str) -> None:
    network = read(fixtures.path(name), stem=fixtures.stem(name)).hypernetwork
    again = read(fixtures.path(name), stem=fixtures.stem(name)).hypernetwork

    assert written(write, network) == written(write, again)
