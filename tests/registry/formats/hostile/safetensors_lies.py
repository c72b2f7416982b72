"""Lies in a safetensors header: the checks of the format's own contract, and of our layout."""

import json
from collections.abc import Callable
from typing import Any

from tests.registry.formats.hostile.network import DIM, METADATA
from tests.registry.formats.hostile.safetensors import SafeTensors
from tests.registry.formats.hostile.technique import UNSUPPORTED, Chapter

CHAPTER = Chapter()
lie = CHAPTER.lie
FIRST, SECOND = f"{DIM}.k.linear.0.weight", f"{DIM}.k.linear.0.bias"


def told(**lies: Any) -> bytes:
    return SafeTensors(**lies).bytes()


def entry(name: str, **changes: Any) -> bytes:
    """An honest file in which one tensor's entry lies."""
    file = SafeTensors()
    file.entries[name] |= changes
    return file.bytes()


def rewritten(change: Callable[[bytes], bytes]) -> bytes:
    file = SafeTensors()
    file.header = change(file.header_text().rstrip(b" "))
    return file.bytes()


@lie("safetensors-header", "a header longer than the file")
def header_past_end() -> bytes:
    return told(header_length=1 << 20)


@lie(
    "container-unknown",
    "a header of 2^63 bytes: an allocation before any check",
    severity=UNSUPPORTED,
)
def header_enormous() -> bytes:
    return told(header_length=1 << 63)


@lie("safetensors-header", "a header of two megabytes of spaces")
def header_large() -> bytes:
    return rewritten(lambda text: text + b" " * (2 << 20))


@lie("safetensors-json", "a header that is no JSON")
def header_not_json() -> bytes:
    return rewritten(lambda text: b"{" + text)


@lie("safetensors-json", "a header that is not UTF-8")
def header_not_utf8() -> bytes:
    return rewritten(lambda text: text.replace(b"honest", b"\xff\xfe\xff\xfe\xff\xfe"))


@lie("safetensors-json", "JSON ten thousand lists deep: recursion overflows the parser")
def header_deep() -> bytes:
    return rewritten(lambda _: b'{"__metadata__":' + b"[" * 10_000 + b"]" * 10_000 + b"}")


@lie(
    "container-unknown",
    "a header that starts with a space: the format demands '{'",
    severity=UNSUPPORTED,
)
def header_leading_space() -> bytes:
    return rewritten(lambda text: b" " + text)


@lie("safetensors-json", "bytes behind the closing brace that are not spaces")
def header_trailing_bytes() -> bytes:
    return rewritten(lambda text: text + b"\0\0\0\0")


@lie("safetensors-json", "NaN, which Python's JSON takes and the format does not know")
def header_nan() -> bytes:
    return rewritten(lambda text: text.replace(b"[4,320]", b"[NaN,320]", 1))


@lie("safetensors-json", "an integer of 5,000 digits: quadratic to parse")
def header_long_integer() -> bytes:
    return rewritten(lambda text: text.replace(b"[4,320]", b"[" + b"4" * 5_000 + b",320]", 1))


@lie("safetensors-duplicate-key", "one tensor named twice: parsers disagree on which one counts")
def duplicate_entry() -> bytes:
    again = json.dumps({FIRST: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})
    return rewritten(lambda text: text[:-1] + b"," + again[1:].encode())


@lie("safetensors-duplicate-key", "two metadata objects")
def duplicate_metadata() -> bytes:
    return rewritten(lambda text: text[:-1] + b',"__metadata__":{"format":"pt"}}')


@lie("safetensors-duplicate-key", "one tensor named twice, once through an escape")
def duplicate_escaped_entry() -> bytes:
    name = FIRST.replace("k", "\\u006b", 1)
    again = f',"{name}":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}}}'
    return rewritten(lambda text: text[:-1] + again.encode())


@lie("safetensors-offsets", "a hole between two tensors: a place to hide anything")
def hole() -> bytes:
    file = SafeTensors()
    for name, fields in file.entries.items():
        if name != FIRST:
            fields["data_offsets"] = [at + 64 for at in fields["data_offsets"]]
    data = b"".join(file.network.storages.values())
    size = file.entries[FIRST]["data_offsets"][1]
    file.data = data[:size] + bytes(64) + data[size:]
    return file.bytes()


@lie("safetensors-offsets", "two tensors over the same bytes")
def overlap() -> bytes:
    return entry(f"{DIM}.v.linear.0.weight", data_offsets=[0, 5120])


@lie("safetensors-offsets", "offsets that do not start at 0")
def late_start() -> bytes:
    file = SafeTensors()
    for fields in file.entries.values():
        fields["data_offsets"] = [at + 8 for at in fields["data_offsets"]]
    file.data = bytes(8) + b"".join(file.network.storages.values())
    return file.bytes()


@lie("safetensors-offsets", "a tensor that ends before it begins")
def reversed_offsets() -> bytes:
    return entry(FIRST, data_offsets=[5120, 0])


@lie("safetensors-offsets", "offsets behind the file")
def offsets_past_end() -> bytes:
    return entry(f"{DIM}.v.linear.1.bias", data_offsets=[10_000_000, 10_001_280])


@lie("safetensors-offsets", "negative offsets")
def negative_offsets() -> bytes:
    return entry(FIRST, data_offsets=[-5120, 0])


@lie("safetensors-json", "offsets as floats")
def float_offsets() -> bytes:
    return entry(FIRST, data_offsets=[0.0, 5120.0])


@lie("safetensors-json", "offsets as bools: True is 1 to Python")
def bool_offsets() -> bytes:
    return entry(FIRST, data_offsets=[False, 5120])


@lie("safetensors-offsets", "more numbers than the bytes hold")
def size_disagrees() -> bytes:
    return entry(FIRST, shape=[8, DIM])


@lie("safetensors-size", "data behind the last tensor")
def trailing_data() -> bytes:
    return told(suffix=b"anything")


@lie("safetensors-size", "data cut short")
def cut_data() -> bytes:
    return SafeTensors().bytes()[:-4]


@lie("tensor-dtype", "integers for weights", severity=UNSUPPORTED)
def integer_dtype() -> bytes:
    return entry(FIRST, dtype="I32")


@lie("tensor-dtype", "a dtype nobody defines", severity=UNSUPPORTED)
def unknown_dtype() -> bytes:
    return entry(FIRST, dtype="F33")


@lie("safetensors-offsets", "a shape that overflows 64 bits")
def shape_overflow() -> bytes:
    return entry(FIRST, shape=[1 << 63, 1 << 63])


@lie("safetensors-json", "sizes of 4,000 digits: their product can not even be printed")
def shape_of_long_numbers() -> bytes:
    long = int("9" * 4_200)
    return entry(FIRST, shape=[long, long])


@lie("safetensors-json", "offsets of 4,300 digits: one more and they can not be printed")
def long_offsets() -> bytes:
    return entry(FIRST, data_offsets=[0, int("9" * 4_300)])


@lie("tensor-shape", "half a million dimensions: their product takes minutes")
def shape_of_many_sizes() -> bytes:
    return entry(FIRST, shape=[9] * 330_000)


@lie("tensor-shape", "a negative size")
def negative_shape() -> bytes:
    return entry(FIRST, shape=[-4, -320])


@lie("safetensors-json", "an entry with a field too many")
def extra_field() -> bytes:
    return entry(FIRST, code="import os")


@lie("safetensors-json", "an entry that is no object")
def entry_not_object() -> bytes:
    file = SafeTensors()
    file.entries[FIRST] = [1]  # type: ignore[assignment]
    return file.bytes()


@lie("safetensors-json", "metadata that is not text: the format allows strings only")
def metadata_not_text() -> bytes:
    return told(metadata={"format": "pt", "hypernetwork": dict(METADATA)})


@lie("safetensors-metadata", "a description that is no JSON")
def description_not_json() -> bytes:
    return told(metadata={"format": "pt", "hypernetwork": "{step: 1}"})


@lie("safetensors-duplicate-key", "a description that names a key twice")
def description_duplicate_key() -> bytes:
    text = json.dumps(dict(METADATA))[:-1] + ', "step": 1}'
    return told(metadata={"format": "pt", "hypernetwork": text})


@lie("schema-field-value", "a lone surrogate in the description, through an escape")
def description_surrogate() -> bytes:
    text = json.dumps({**METADATA, "optional_info": "\ud800"})
    return told(metadata={"format": "pt", "hypernetwork": text})


@lie("schema-widths", "a description of another network")
def description_disagrees() -> bytes:
    text = json.dumps({**METADATA, "layer_structure": [1, 2, 1]})
    return told(metadata={"format": "pt", "hypernetwork": text})


@lie("weights-not-finite", "NaN weights, through the other container")
def safetensors_nan() -> bytes:
    file = SafeTensors()
    data = b"".join(file.network.storages.values())
    file.data = data[:-4] + b"\xff\xff\xff\xff"
    return file.bytes()
