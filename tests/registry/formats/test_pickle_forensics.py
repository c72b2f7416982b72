"""A payload is named, with its first call, however it is spelled and whatever surrounds it."""

import os
import pickle
from typing import Any

import pytest

from registry.formats.pickle_forensics import Import, first_foreign, strings

WHOLE = 1 << 30


class Call:
    """Pickles as a call of anything."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.reduced = (function, arguments)

    def __reduce__(self) -> Any:
        return self.reduced


def named(stream: bytes) -> Import:
    found = first_foreign(stream, WHOLE)
    assert found is not None
    return found


@pytest.mark.parametrize("protocol", range(6))
def test_a_call_is_written_out_in_every_protocol(protocol: int) -> None:
    found = named(pickle.dumps(Call(os.system, "id"), protocol))

    assert (found.module, found.name) == (os.system.__module__, "system")
    assert found.runs == f"{os.system.__module__}.system('id')"


@pytest.mark.parametrize(
    ("opcode", "stream"),
    [
        ("GLOBAL", b"cos\nsystem\n(X\x02\x00\x00\x00idtR."),
        ("STACK_GLOBAL", b"\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R."),
        ("INST", b"(S'id'\nios\nsystem\n."),
        ("GLOBAL", b"(cos\nsystem\nX\x02\x00\x00\x00ido."),
        ("GLOBAL", b"cos\nsystem\nX\x02\x00\x00\x00id\x85\x81."),
        ("GLOBAL", b"cos\nsystem\nX\x02\x00\x00\x00id\x85}\x92."),
        ("STACK_GLOBAL", b"\x8c\x02os\x94\x8c\x06system\x94h\x00h\x01\x93\x8c\x02id\x85R."),
    ],
    ids=["reduce", "stack-global", "inst", "obj", "newobj", "newobj-ex", "memo"],
)
def test_every_way_of_calling_is_seen_through(opcode: str, stream: bytes) -> None:
    found = named(stream)

    assert found.opcode == opcode
    assert found.runs == "os.system('id')"


def test_an_import_alone_is_named() -> None:
    assert named(b"cos\nsystem\n.").runs == "import os.system"


def test_a_call_of_what_a_call_returned_is_the_first_calls() -> None:
    stream = b"cbuiltins\ngetattr\ncos\npath\nX\x06\x00\x00\x00system\x86RX\x02\x00\x00\x00id\x85R."
    assert named(stream).runs == "builtins.getattr(os.path, 'system')"


def test_a_registered_extension_is_named_by_its_number() -> None:
    assert named(b"\x82\x07.").name == "extension 7"


@pytest.mark.parametrize(
    "stream",
    [
        b"\x80\x02}.\x80\x02cos\nsystem\n)R.",
        b"\x80\x02N0N0cos\nsystem\n)R\xff\xff",
        b"RRRbtuscos\nsystem\n)R.",
    ],
    ids=["behind another pickle", "before a broken end", "after nonsense"],
)
def test_a_payload_is_found_wherever_it_stands(stream: bytes) -> None:
    assert named(stream).runs == "os.system()"


@pytest.mark.parametrize(
    "line",
    [
        b"torch\nLongStorage\n",
        b"torch._utils\n_rebuild_qtensor\n",
        b"torch.nn.modules.container\nParameterDict\n",
        b"numpy.core.multiarray\nscalar\n",
        b"pytorch_lightning.callbacks.model_checkpoint\nModelCheckpoint\n",
        b"__builtin__\nset\n",
    ],
)
def test_honest_files_of_other_sorts_are_not_accused(line: bytes) -> None:
    assert first_foreign(b"\x80\x02c" + line + b")R.", WHOLE) is None


@pytest.mark.parametrize(
    "line",
    [
        b"torch\nload\n",
        b"torch\n_utils._rebuild_tensor_v2\n",
        b"torch._utils\n_import_dotted_name\n",
        b"torch.nn.modules.container\nos\n",
        b"collections\nOrderedDict.__reduce__\n",
        b"builtins\neval\n",
        b"numpy\nf2py\n",
        b"torch \nSize\n",
    ],
)
def test_a_name_that_only_resembles_a_harmless_one_is(line: bytes) -> None:
    assert first_foreign(b"\x80\x02c" + line + b")R.", WHOLE) is not None


def test_beyond_what_was_reached_an_import_needs_a_proper_name() -> None:
    noise = b"\x80\x02}.c\x01\n\x02\n."

    assert first_foreign(noise, reached=3) is None
    assert first_foreign(noise, reached=4) is not None


def test_the_texts_of_a_pickle_tell_what_it_is() -> None:
    for protocol in range(6):
        assert strings(pickle.dumps({"string_to_param": "täxt"}, protocol)) >= {"string_to_param"}
