"""A tensor is a view: elements in their own type, or as float32, from bytes that stay in place."""

import numpy as np
import pytest
import torch

from registry.formats.tensor import DType, Tensor, TensorInfo

TYPES = {
    DType.FP32: torch.float32,
    DType.FP16: torch.float16,
    DType.BF16: torch.bfloat16,
    DType.FP64: torch.float64,
}


def of(values: torch.Tensor, dtype: DType) -> Tensor:
    raw = values.contiguous().view(torch.uint8).numpy().tobytes()
    return Tensor(dtype, tuple(values.shape), memoryview(raw))


@pytest.mark.parametrize("dtype", DType)
def test_every_type_reads_as_torch_reads_it(dtype: DType) -> None:
    values = torch.linspace(-3, 3, 12).reshape(3, 4).to(TYPES[dtype])
    tensor = of(values, dtype)

    assert tensor.shape == (3, 4)
    assert tensor.numel == 12
    assert tensor.nbytes == 12 * values.element_size()
    assert np.array_equal(tensor.float32(), values.float().numpy())


@pytest.mark.parametrize("dtype", [DType.FP32, DType.FP16, DType.BF16, DType.FP64])
def test_the_array_shares_the_bytes(dtype: DType) -> None:
    data = memoryview(bytes(24 * dtype.itemsize))
    array = Tensor(dtype, (4, 6), data).array()

    assert np.shares_memory(array, np.frombuffer(data, np.uint8))
    assert not array.flags.writeable


def test_fp32_is_not_copied_to_become_float32() -> None:
    data = memoryview(bytes(16))

    assert np.shares_memory(Tensor(DType.FP32, (4,), data).float32(), np.frombuffer(data, np.uint8))


def test_a_scalar_has_one_element() -> None:
    assert TensorInfo(DType.FP32, ()).numel == 1


@pytest.mark.parametrize("data", [memoryview(bytes(15)), memoryview(bytearray(16))])
def test_bytes_that_do_not_fit_or_could_change_are_a_mistake(data: memoryview) -> None:
    with pytest.raises(ValueError, match="16 read-only bytes"):
        Tensor(DType.FP32, (4,), data)


def test_types_are_found_under_the_names_that_files_use() -> None:
    assert DType.of_storage("BFloat16Storage") is DType.BF16
    assert DType.of_storage("LongStorage") is None
    assert DType.of_safetensors("F64") is DType.FP64
    assert DType.of_safetensors("I64") is None


@pytest.mark.parametrize("dtype", DType)
def test_infinity_has_all_exponent_bits_and_no_other(dtype: DType) -> None:
    bits = of(torch.tensor([float("inf")], dtype=TYPES[dtype]), dtype).data
    assert int.from_bytes(bits, "little") == dtype.exponent
