"""Legal opcodes in bad company: stacks, memos and streams that two unpicklers read differently."""

import struct

from tests.registry.formats.hostile import opcodes as op
from tests.registry.formats.hostile import payload
from tests.registry.formats.hostile.network import DIM, ORDERED_DICT, Network, TensorRef, honest
from tests.registry.formats.hostile.opcode_lies import first, valued
from tests.registry.formats.hostile.technique import MALICIOUS, UNSUPPORTED, Chapter
from tests.registry.formats.hostile.zips import torch_zip

CHAPTER = Chapter()
lie = CHAPTER.lie


def last(program: bytes) -> bytes:
    """An honest file whose program runs `program` right before STOP."""
    return torch_zip(honest(), program=honest().program(last=program))


def whole(program: bytes) -> bytes:
    return torch_zip(honest(), program=program)


# --- the stream -------------------------------------------------------------------------------


@lie("pickle-protocol", "a later protocol announced, protocol 2 inside")
def protocol_4_announced() -> bytes:
    return whole(b"\x80\x04" + honest().program()[2:])


@lie("pickle-protocol", "modelscan #85: protocol 5, opcodes of any age behind it")
def protocol_5_announced() -> bytes:
    return whole(b"\x80\x05" + honest().program()[2:])


@lie("pickle-protocol", "no PROTO at all: protocol 0 rules")
def no_protocol() -> bytes:
    return whole(honest().program()[2:])


@lie("pickle-global", "a second pickle behind STOP", severity=MALICIOUS, names="os.mknod")
def second_pickle() -> bytes:
    return whole(honest().program() + op.PROTO_2 + payload.touch() + op.STOP)


@lie("pickle-trailing-bytes", "one byte behind STOP")
def byte_after_stop() -> bytes:
    return whole(honest().program() + b"\0")


@lie("pickle-truncated", "no STOP: scanners that parse to the end crash, payloads have already run")
def no_stop() -> bytes:
    return whole(honest().program()[:-1])


@lie("pickle-truncated", "an empty data.pkl")
def empty_program() -> bytes:
    return whole(b"")


@lie(
    "pickle-global",
    "nullifAI: the payload runs, then the stream breaks and scanners give up",
    severity=MALICIOUS,
    names="os.mknod",
)
def broken_after_payload() -> bytes:
    return whole(op.PROTO_2 + payload.touch() + op.PROTO_2[:1])


@lie(
    "pickle-global",
    "a payload before the honest object, its result thrown away",
    severity=MALICIOUS,
    names="os.mknod",
)
def payload_first() -> bytes:
    return first(payload.touch() + op.POP)


@lie(
    "pickle-global",
    "a payload after the honest object, popped before STOP",
    severity=MALICIOUS,
    names="os.mknod",
)
def payload_last() -> bytes:
    return last(payload.touch() + op.POP)


@lie("pickle-truncated", "a GLOBAL without its second line end")
def unfinished_global() -> bytes:
    return whole(op.PROTO_2 + b"cos\nmknod")


@lie("pickle-truncated", "a string longer than what is left")
def string_past_end() -> bytes:
    return whole(op.PROTO_2 + b"X" + struct.pack("<I", 4000) + b"short" + op.STOP)


# --- the stack --------------------------------------------------------------------------------


@lie("pickle-stack", "two objects left at STOP: unpicklers return the top, the other hides")
def leftover_object() -> bytes:
    return first(op.text("hidden"))


@lie("pickle-stack", "STOP on an empty stack")
def stop_on_nothing() -> bytes:
    return whole(op.PROTO_2 + op.STOP)


@lie("pickle-stack", "a mark left open at STOP")
def open_mark() -> bytes:
    return first(op.MARK)


@lie("pickle-stack", "TUPLE without a mark")
def tuple_without_mark() -> bytes:
    return whole(op.PROTO_2 + op.NONE + op.TUPLE + op.STOP)


@lie("pickle-stack", "TUPLE3 reaches below the mark: the C and the Python unpickler disagree")
def tuple_across_mark() -> bytes:
    return valued(op.MARK + op.NONE + op.TUPLE3 + op.TUPLE)


@lie("pickle-stack", "SETITEMS with an odd number of items: the C unpickler drops one")
def odd_setitems() -> bytes:
    return valued(op.EMPTY_DICT + op.MARK + op.text("key") + op.SETITEMS)


@lie("pickle-stack", "REDUCE on an empty stack")
def reduce_on_nothing() -> bytes:
    return whole(op.PROTO_2 + op.REDUCE + op.STOP)


@lie("pickle-stack", "CVE-2026-24747: SETITEM on something that is no dict")
def setitem_on_list() -> bytes:
    return valued(op.EMPTY_LIST + op.integer(0) + op.text("value") + op.SETITEM)


@lie("pickle-stack", "CVE-2026-24747: SETITEMS on a tensor writes into its memory")
def setitems_on_tensor() -> bytes:
    network = honest()
    tensor = network.tensor("linear.0.weight").program()
    network.modules[DIM][0]["linear.0.weight"] = op.Raw(tensor + op.items([(0, 1.0)]))
    return torch_zip(network)


@lie("pickle-stack", "APPEND on a dict: any object with an append method")
def append_on_dict() -> bytes:
    return valued(op.EMPTY_DICT + op.NONE + op.APPEND)


@lie("pickle-stack", "APPENDS on a tuple")
def appends_on_tuple() -> bytes:
    return valued(op.EMPTY_TUPLE + op.MARK + op.NONE + op.APPENDS)


# --- the memo ---------------------------------------------------------------------------------


@lie("pickle-memo", "modelscan #348: a memo entry nobody wrote crashes scanners")
def unwritten_memo() -> bytes:
    return valued(op.get(77))


@lie("pickle-memo", "a memo entry written twice: which of the two did the scanner keep?")
def rewritten_memo() -> bytes:
    swap = op.text("a") + op.put(3) + op.TUPLE1 + op.text("b") + op.put(3) + op.TUPLE2
    return valued(swap)


@lie("pickle-stack", "BINPUT on an empty stack")
def memo_of_nothing() -> bytes:
    return whole(op.PROTO_2 + op.put(0) + op.NONE + op.STOP)


@lie("pickle-memo", "a memo index of 4 billion: the C unpickler allocates 64 GB for it")
def enormous_memo_index() -> bytes:
    return valued(op.text("a") + b"r\xff\xff\xff\xff")


@lie("pickle-stack", "BINPUT right after a mark memoises the mark, or what lies under it")
def memo_of_mark() -> bytes:
    return valued(op.text("x") + op.MARK + op.put(9) + op.TUPLE + op.TUPLE2)


@lie("pickle-memo", "a list that holds itself: whoever walks it never returns")
def self_reference() -> bytes:
    return valued(op.EMPTY_LIST + op.put(5) + op.get(5) + op.APPEND)


@lie("pickle-memo", "billion laughs: each tuple holds the one before twice, through the memo")
def billion_laughs() -> bytes:
    program = op.text("lol") + op.put(10)
    for level in range(11, 111):
        program += op.get(level - 1) + op.TUPLE2 + op.put(level)
    return valued(program)


# --- values -----------------------------------------------------------------------------------


def keyed(key: bytes) -> bytes:
    network = honest()
    network.metadata[op.Raw(key)] = 1
    return torch_zip(network)


@lie("pickle-key", "a tuple as a key: hashing runs over whatever it holds")
def tuple_key() -> bytes:
    return keyed(op.tuple_of("a", 1))


@lie("pickle-key", "None as a key")
def none_key() -> bytes:
    return keyed(op.NONE)


@lie("pickle-key", "a float as a key: 320.0 and 320 are one key to Python")
def float_key() -> bytes:
    return keyed(op.number(320.0))


@lie("pickle-key", "a bool as a key: True and 1 are one key to Python")
def bool_key() -> bytes:
    return keyed(op.TRUE)


def spare_tensor(network: Network) -> op.Raw:
    """A tensor of its own storage, beside those of the network."""
    network.storages["8"] = bytes(4)
    return op.Raw(TensorRef("8", 1, (1,), (1,)).program())


@lie("pickle-key", "a tensor as a key: hashed by its address, compared element by element")
def tensor_key() -> bytes:
    network = honest()
    network.metadata[spare_tensor(network)] = 1
    return torch_zip(network)


@lie("pickle-duplicate-key", "the same key twice: the scanner reads the first, torch the last")
def duplicate_key() -> bytes:
    return keyed(op.text("step"))


@lie("pickle-duplicate-key", "the same dim twice: the second network hides the first")
def duplicate_dim() -> bytes:
    return keyed(op.integer(DIM))


@lie("pickle-duplicate-key", "the same tensor name twice in one state dict")
def duplicate_tensor() -> bytes:
    network = honest()
    again = op.Raw(op.text("linear.0.weight"))
    network.modules[DIM][0][again] = spare_tensor(network)
    return torch_zip(network)


@lie("pickle-string", "a string that is not UTF-8")
def string_not_utf8() -> bytes:
    return valued(op.text(b"\xff\xfe"))


@lie(
    "pickle-string", "a lone surrogate: Python's 'surrogatepass' takes it, JSON and databases don't"
)
def surrogate() -> bytes:
    return valued(op.text(b"\xed\xa0\x80"))


@lie("pickle-string", "an overlong encoding of '/'")
def overlong_utf8() -> bytes:
    return valued(op.text(b"\xc0\xaf"))


@lie("cap-string", "a string of 5,000 bytes", severity=UNSUPPORTED)
def long_string() -> bytes:
    return valued(op.text("a" * 5_000))


@lie("cap-metadata", "a hundred strings of 4,000 bytes each", severity=UNSUPPORTED)
def large_metadata() -> bytes:
    return valued(op.encode(["a" * 4_000] * 100))


@lie("pickle-integer", "LONG1 of 255 bytes: arithmetic on it is where scanners spend their time")
def wide_integer() -> bytes:
    return valued(op.long1(1, 255))


@lie("cap-nesting", "a hundred lists inside each other", severity=UNSUPPORTED)
def deep_lists() -> bytes:
    return valued(op.EMPTY_LIST * 100 + op.APPEND * 99)


@lie(
    "cap-nesting",
    "a hundred thousand tuples inside each other: recursion in C overflows the stack",
    severity=UNSUPPORTED,
)
def deep_tuples() -> bytes:
    return valued(op.NONE + op.TUPLE1 * 100_000)


@lie("cap-nesting", "a hundred thousand open marks", severity=UNSUPPORTED)
def deep_marks() -> bytes:
    return valued(op.MARK * 100_000 + op.TUPLE * 100_000)


@lie("cap-opcodes", "a quarter of a million opcodes that do nothing", severity=UNSUPPORTED)
def too_many_opcodes() -> bytes:
    return valued(op.EMPTY_LIST + op.MARK + op.NONE * 250_000 + op.APPENDS)


# --- calls ------------------------------------------------------------------------------------


@lie("pickle-call", "OrderedDict called with pairs: a dict whose keys no one checked")
def ordered_dict_with_items() -> bytes:
    pairs = op.tuple_of([("key", 1)])
    return valued(op.find("collections", "OrderedDict") + pairs + op.REDUCE)


@lie("pickle-call", "a storage class called: it allocates as many bytes as it is told")
def storage_called() -> bytes:
    return valued(op.find("torch", "FloatStorage") + op.tuple_of(1 << 40) + op.REDUCE)


@lie("pickle-call", "a string called")
def string_called() -> bytes:
    return valued(op.text("os.system") + op.EMPTY_TUPLE + op.REDUCE)


@lie("pickle-call", "REDUCE with a list for arguments")
def arguments_not_tuple() -> bytes:
    return valued(op.find("collections", "OrderedDict") + op.EMPTY_LIST + op.REDUCE)


@lie("schema-field-value", "an allowed import left as a value, for somebody else to call")
def global_as_value() -> bytes:
    return valued(op.find("torch._utils", "_rebuild_tensor_v2"))


@lie(
    "schema-field-value",
    "an allowed storage class where a text belongs: an object that looks like one",
)
def storage_class_as_text() -> bytes:
    return valued(op.find("torch", "FloatStorage"))


@lie("schema-field-value", "the same as the name of the activation function")
def storage_class_as_activation() -> bytes:
    network = honest()
    network.metadata["activation_func"] = op.Raw(op.find("torch", "HalfStorage"))
    return torch_zip(network)


@lie("schema-unknown-tensors", "the same under a key that nobody knows", severity=UNSUPPORTED)
def storage_class_as_unknown() -> bytes:
    network = honest()
    network.metadata["author"] = [op.Raw(op.find("torch", "FloatStorage"))]
    return torch_zip(network)


@lie("pickle-build", "BUILD on a tensor: __setstate__ replaces its storage")
def build_on_tensor() -> bytes:
    network = honest()
    tensor = network.tensor("linear.0.weight").program()
    network.modules[DIM][0]["linear.0.weight"] = op.Raw(tensor + op.EMPTY_DICT + op.BUILD)
    return torch_zip(network)


def built(state: object) -> bytes:
    return valued(ORDERED_DICT + op.encode(state) + op.BUILD)


@lie("pickle-build", "BUILD sets any attribute: __class__, __reduce__, update")
def build_other_attribute() -> bytes:
    return built({"__class__": "x"})


@lie(
    "pickle-build",
    "modelscan #85: slot state, a tuple of two, sets attributes on imported functions",
)
def build_slot_state() -> bytes:
    return built((None, {"system": "os"}))


@lie("pickle-build", "modelscan #85: BUILD on an import changes the module for everyone")
def build_on_global() -> bytes:
    return valued(op.find("collections", "OrderedDict") + op.encode({"a": 1}) + op.BUILD)


@lie("pickle-build", "BUILD on a plain dict")
def build_on_dict() -> bytes:
    return valued(op.EMPTY_DICT + op.encode({"_metadata": {}}) + op.BUILD)
