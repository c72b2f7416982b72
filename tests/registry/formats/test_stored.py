"""Tensors as files describe them: contiguous, inside their block, of a possible shape."""

import pytest
import torch

from registry.formats.errors import Nesting, TensorBounds, TensorShape, TensorStrides
from registry.formats.stored import StorageRef, check_nesting, contiguous, strided, whole
from registry.formats.tensor import DType

BLOCK = StorageRef(DType.FP16, "3", 24)


def test_a_block_knows_its_size() -> None:
    assert BLOCK.nbytes == 48


def test_a_tensor_may_be_a_part_of_its_block() -> None:
    tensor = strided(BLOCK, 4, (4, 5), (5, 1))

    assert (tensor.shape, tensor.offset, tensor.storage) == ((4, 5), 4, BLOCK)
    assert whole(BLOCK, (4, 6)).offset == 0


@pytest.mark.parametrize("shape", [(), (7,), (2, 3), (5, 1, 1), (2, 3, 4, 5)])
def test_contiguous_strides_are_torchs(shape: tuple[int, ...]) -> None:
    assert contiguous(shape) == torch.empty(shape).stride()


@pytest.mark.parametrize("strides", [(0, 0), (1, 4), (6, 1), (5,), (5, 1, 1)])
def test_any_other_strides_are_refused(strides: tuple[int, ...]) -> None:
    with pytest.raises(TensorStrides):
        strided(BLOCK, 0, (4, 5), strides)


@pytest.mark.parametrize("offset", [-1, 5, 1 << 62])
def test_a_tensor_that_leaves_its_block_is_refused(offset: int) -> None:
    with pytest.raises(TensorBounds):
        strided(BLOCK, offset, (4, 5), (5, 1))


@pytest.mark.parametrize("shape", [(0,), (2, -3), (1, 1, 1, 1, 1)])
def test_an_impossible_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(TensorShape):
        whole(BLOCK, shape)


def test_nesting_is_measured_without_recursion() -> None:
    tree: object = "leaf"
    for _ in range(64):
        tree = [tree]
    check_nesting(tree)

    with pytest.raises(Nesting):
        check_nesting({"deeper": tree})
