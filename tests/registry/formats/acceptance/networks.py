"""Networks of every sort, drawn by hypothesis: all that the format can express, in small."""

import math
import string

import numpy as np
from hypothesis import strategies as st
from torch.nn.modules import activation as activations

from registry.formats.hypernetwork import Epoch, Hypernetwork, HypernetworkSpec
from registry.formats.tensor import DType, Tensor

IMPOSSIBLE = {"multiheadattention", "threshold", "glu"}
ACTIVATIONS = sorted(
    {name.lower() for name in activations.__all__ if name.lower() not in IMPOSSIBLE}
    | {"swish", "linear"}
)
DIMS = (320, 640, 768, 1024, 1280)
SAFE = string.ascii_letters + string.digits + "_.-"

stems = st.text(SAFE, min_size=1, max_size=40).filter(lambda s: s != "None" and s.strip("."))
notes = st.none() | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60)
# A width of 1 to 4: `int(dim * x)` must be at least 1 for every dim of the file.
narrow = st.sampled_from([0.003125, 0.00390625, 0.005, 1 / 256, 0.0078125])
rates = st.sampled_from([0, 0, 0.1, 0.3, 0.5])


@st.composite
def specs(draw: st.DrawFn) -> HypernetworkSpec:
    structure = (1, *draw(st.lists(narrow, max_size=3)), 1)
    if len(structure) == 2:
        structure = (1, draw(narrow), 1)  # [1, 1] alone would be dim² numbers
    inner = len(structure) - 2
    dropout = (0, *draw(st.lists(rates, min_size=inner, max_size=inner)), 0)
    return HypernetworkSpec(
        name=draw(stems),
        step=draw(st.integers(0, 10**6)),
        sd_checkpoint=draw(st.none() | st.text("0123456789abcdef", min_size=8, max_size=10)),
        sd_checkpoint_name=draw(notes),
        layer_structure=structure,
        activation_func=draw(st.none() | st.sampled_from(ACTIVATIONS)),
        is_layer_norm=draw(st.booleans()),
        weight_initialization=draw(
            st.sampled_from(["Normal", "KaimingUniform", "KaimingNormal", "XavierUniform"])
        ),
        activate_output=draw(st.booleans()),
        dropout_structure=dropout,
        last_layer_dropout=dropout[-2] > 0,
        optional_info=draw(notes),
    )


def tensor(dtype: DType, shape: tuple[int, ...], source: np.random.Generator) -> Tensor:
    """Finite random numbers; bfloat16 is the upper half of a float32."""
    drawn = source.normal(0.0, 0.05, math.prod(shape)).astype("<f4")
    if dtype is DType.BF16:
        data = (drawn.view("<u4") >> 16).astype("<u2").tobytes()
    else:
        data = drawn.astype(dtype.carrier).tobytes()
    return Tensor(dtype, shape, memoryview(data))


@st.composite
def networks(draw: st.DrawFn) -> Hypernetwork:
    """A whole network: random settings, dims and dtype, and weights from a drawn seed."""
    spec = draw(specs())
    dtype = draw(st.sampled_from(list(DType)))
    source = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    modules = {}
    for dim in sorted(draw(st.sets(st.sampled_from(DIMS), min_size=1, max_size=2))):
        pair = [
            {
                f"linear.{layer.index}.{parameter}": tensor(dtype, shape, source)
                for layer in spec.layout(dim)
                for parameter, shape in layer.parameters.items()
            }
            for _ in "kv"
        ]
        modules[dim] = (pair[0], pair[1])
    return Hypernetwork(spec=spec, modules=modules, epoch=Epoch.DROPOUT_STRUCTURE)
