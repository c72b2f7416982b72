"""A base model of random weights that renders in moments."""

from collections.abc import Iterator

import pytest
import torch

from inference.engine.base import BaseSource, LoadedBase, load_base
from tests.inference.bases import tiny_base


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Tests share the machine, and these models are too small for more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def small_base(tmp_path_factory: pytest.TempPathFactory) -> LoadedBase:
    """SD 1.x, 64 pixels square, context widths 32, 64 and 768."""
    return load_base(BaseSource(tiny_base(tmp_path_factory.mktemp("small"))), device="cpu")
