"""Lies in torch's legacy stream, whose five pickles any unpickler would run one after another."""

import struct

from tests.registry.formats.hostile import opcodes as op
from tests.registry.formats.hostile import payload
from tests.registry.formats.hostile.legacy import MAGIC, SYS_INFO, LegacyStream, pickled, storage
from tests.registry.formats.hostile.network import honest
from tests.registry.formats.hostile.technique import MALICIOUS, UNSUPPORTED, Chapter

CHAPTER = Chapter()
lie = CHAPTER.lie
EVIL = op.PROTO_2 + payload.touch() + op.STOP


@lie("legacy-header", "another magic number")
def legacy_other_magic() -> bytes:
    return LegacyStream(honest(), magic=op.PROTO_2 + op.long1(MAGIC + 1) + op.STOP).bytes()


@lie("container-raw-pickle", "the right magic number in more bytes", severity=UNSUPPORTED)
def legacy_wide_magic() -> bytes:
    return LegacyStream(honest(), magic=op.PROTO_2 + op.long1(MAGIC, 20) + op.STOP).bytes()


@lie("legacy-header", "another protocol of the stream")
def legacy_other_protocol() -> bytes:
    return LegacyStream(honest(), protocol=pickled(1002)).bytes()


@lie("legacy-header", "big-endian storages")
def legacy_big_endian() -> bytes:
    return LegacyStream(honest(), sys_info=pickled({**SYS_INFO, "little_endian": False})).bytes()


@lie(
    "pickle-global",
    "a payload in sys_info, which torch unpickles and ignores",
    severity=MALICIOUS,
    names="os.mknod",
)
def legacy_payload_in_sys_info() -> bytes:
    return LegacyStream(honest(), sys_info=EVIL).bytes()


@lie(
    "pickle-global",
    "a payload where the protocol number belongs",
    severity=MALICIOUS,
    names="os.mknod",
)
def legacy_payload_in_protocol() -> bytes:
    return LegacyStream(honest(), protocol=EVIL).bytes()


@lie("pickle-global", "a payload in the object", severity=MALICIOUS, names="os.mknod")
def legacy_payload_in_object() -> bytes:
    program = honest().program(legacy=True, first=payload.touch() + op.POP)
    return LegacyStream(honest(), program=program).bytes()


@lie(
    "pickle-global",
    "a payload in the list of storage keys, the fifth pickle scanners forget",
    severity=MALICIOUS,
    names="os.mknod",
)
def legacy_payload_in_keys() -> bytes:
    return LegacyStream(honest(), key_list=EVIL).bytes()


@lie("legacy-storage-keys", "a storage that no tensor uses")
def legacy_unused_storage() -> bytes:
    keys = [*sorted(honest().storages), "99"]
    data = [storage(honest().storages[key]) for key in keys[:-1]] + [storage(b"any!")]
    return LegacyStream(honest(), keys=keys, storages=data).bytes()


@lie("legacy-storage-keys", "a tensor whose storage is not in the list")
def legacy_missing_storage() -> bytes:
    keys = sorted(honest().storages)[:-1]
    data = [storage(honest().storages[key]) for key in keys]
    return LegacyStream(honest(), keys=keys, storages=data).bytes()


@lie("legacy-storage-keys", "one storage listed twice: torch reads it twice, the second wins")
def legacy_duplicate_storage() -> bytes:
    keys = [*sorted(honest().storages), "0"]
    data = [storage(honest().storages[key]) for key in keys]
    return LegacyStream(honest(), keys=keys, storages=data).bytes()


@lie("legacy-storage-keys", "a number among the storage keys")
def legacy_number_as_key() -> bytes:
    keys: list[object] = [*sorted(honest().storages)]
    return LegacyStream(honest(), keys=[0, *keys[1:]]).bytes()


def first_storage(data: bytes) -> bytes:
    names = sorted(honest().storages)
    rest = [storage(honest().storages[name]) for name in names[1:]]
    return LegacyStream(honest(), storages=[data, *rest]).bytes()


@lie("legacy-storage-size", "a storage that says it is longer than the object says")
def legacy_storage_longer() -> bytes:
    return first_storage(storage(honest().storages["0"], elements=1 << 40))


@lie("legacy-storage-size", "a storage of negative length")
def legacy_storage_negative() -> bytes:
    return first_storage(storage(honest().storages["0"], elements=-1))


@lie("legacy-storage-size", "a length that overflows when multiplied by the size of a number")
def legacy_storage_overflow() -> bytes:
    return first_storage(storage(honest().storages["0"], elements=(1 << 62) + 1280))


@lie("legacy-truncated", "storages cut short")
def legacy_cut_storages() -> bytes:
    return LegacyStream(honest()).bytes()[:-100]


@lie("legacy-header", "nothing behind the magic number")
def legacy_only_magic() -> bytes:
    return op.PROTO_2 + op.long1(MAGIC) + op.STOP


@lie("legacy-trailing-bytes", "a payload behind the last storage")
def legacy_trailing_pickle() -> bytes:
    return LegacyStream(honest(), suffix=EVIL).bytes()


@lie("legacy-trailing-bytes", "a whole ZIP behind the stream: zipfile reads from the back")
def legacy_zip_polyglot() -> bytes:
    from tests.registry.formats.hostile.zips import torch_zip

    return LegacyStream(honest(), suffix=torch_zip(honest())).bytes()


@lie("pickle-persistent-id", "a view of a storage: legacy streams may nest storages in storages")
def legacy_view() -> bytes:
    network = honest()
    tensor = network.tensor("linear.0.weight")
    view = op.tuple_of("view", 0, 4)
    identity = op.tuple_of(
        "storage",
        op.Raw(op.find("torch", "FloatStorage")),
        tensor.storage,
        "cpu",
        tensor.elements,
        op.Raw(view),
    )
    program = network.program(legacy=True).replace(
        tensor.persistent_id(legacy=True), identity + op.BINPERSID
    )
    return LegacyStream(network, program=program).bytes()


@lie("pickle-protocol", "bytes between two pickles of the stream")
def legacy_gap() -> bytes:
    stream = LegacyStream(honest())
    return LegacyStream(honest(), sys_info=stream.sys_info + struct.pack("<q", 0)).bytes()
