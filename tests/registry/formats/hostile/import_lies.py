"""Imports: every published way to name a function that a list of bad names does not know."""

from functools import partial

from tests.registry.formats.hostile import opcodes as op
from tests.registry.formats.hostile import payload
from tests.registry.formats.hostile.network import honest
from tests.registry.formats.hostile.opcode_lies import valued
from tests.registry.formats.hostile.technique import MALICIOUS, UNSUPPORTED, Chapter
from tests.registry.formats.hostile.zips import torch_zip

CHAPTER = Chapter()
MARKER = str(payload.MARKER)

for _name, _module, _attribute, _argument, _bypass in (
    ("os-mknod", "os", "mknod", MARKER, "the plain case"),
    ("posix-mknod", "posix", "mknod", MARKER, "an alias: os.system is posix.system"),
    ("builtins-eval", "builtins", "eval", f"open({MARKER!r}, 'w')", "eval of a string"),
    ("python-2-builtin", "__builtin__", "eval", f"open({MARKER!r}, 'w')", "protocol 2's old names"),
    ("builtins-getattr", "builtins", "getattr", "x", "getattr: the door to every attribute"),
    ("import-module", "importlib", "import_module", "os", "picklescan #66: still exit 0 today"),
    ("resolve-name", "pkgutil", "resolve_name", "os:mknod", "GHSA-vvpj-8cmc-gx39: resolve_name"),
    ("attrgetter", "operator", "attrgetter", "mknod", "picklescan #66: attrgetter chains"),
    ("functools-partial", "functools", "partial", "x", "a call that happens later"),
    ("runpy", "runpy", "run_path", MARKER, "runpy: a second interpreter"),
    ("pip-main", "pip", "main", "--version", "CVE-2025-1716: pip.main"),
    (
        "asyncio-subclass",
        "asyncio.unix_events",
        "_UnixSubprocessTransport._start",
        "x",
        "CVE-2025-10157: a submodule of a listed module",
    ),
    ("numpy-runstring", "numpy.testing._private.utils", "runstring", "x", "exec inside numpy"),
    ("logging-file", "logging", "FileHandler", MARKER, "CVE-2026-56304: creates a file"),
    ("uuid-run", "uuid", "_get_command_stdout", "x", "CVE-2026-56315: subprocess through uuid"),
    ("torch-load", "torch.serialization", "load", MARKER, "torch.load: a second, unscanned pickle"),
    ("torch-hub", "torch.hub", "load", "x", "torch.hub.load: code from the network"),
    ("torch-jit", "torch.jit.annotations", "parse_type_line", "x", "CVE-2022-45907: eval"),
    ("torch-script", "torch.jit", "load", MARKER, "TorchScript, compiled on load"),
    ("dotted-attribute", "torch", "_utils._rebuild_tensor_v2", "x", "the allowed function, dotted"),
    ("dotted-escape", "collections", "OrderedDict.fromkeys", "x", "from an allowed class onwards"),
    (
        "dotted-dunder",
        "torch._utils",
        "_rebuild_tensor_v2.__globals__",
        "x",
        "to a module's globals",
    ),
    ("dotted-import", "collections", "_sys.modules", "x", "an allowed module's imports"),
    ("case-variant", "Collections", "OrderedDict", "x", "case-folding comparison"),
    ("trailing-space", "collections ", "OrderedDict", "x", "a comparison that strips"),
    ("leading-space", "collections", " OrderedDict", "x", "a comparison that strips"),
    (
        "carriage-return",
        "collections",
        "OrderedDict\r",
        "x",
        "CR LF: text-mode readers drop the CR",
    ),
    ("homoglyph", "cоllections", "OrderedDict", "x", "a Cyrillic o in an allowed name"),
    (
        "full-width",
        "\uff4fs",
        "system",
        "x",
        "NFKC: identifiers that Python folds, bytes that differ",
    ),
    ("empty-module", "", "OrderedDict", "x", "an empty module name"),
    ("very-long-name", "a" * 3_000, "b" * 3_000, "x", "a name longer than any log line"),
):
    CHAPTER.add(
        f"import-{_name}",
        partial(valued, payload.call(_module, _attribute, _argument)),
        "pickle-global",
        _bypass,
        severity=MALICIOUS,
        names=f"{_module}.{_attribute}" if _attribute.isprintable() and len(_module) < 99 else None,
    )


# Harmless by themselves, and no part of a hypernetwork: refused without an accusation.
for _name, _module, _attribute, _bypass in (
    ("sparse", "torch._utils", "_rebuild_sparse_tensor", "sparse indices that nobody checks"),
    ("sparse-csr", "torch._utils", "_rebuild_sparse_csr_tensor", "the same for compressed rows"),
    ("quantised", "torch._utils", "_rebuild_qtensor", "quantised: zero points out of bounds"),
    ("meta", "torch._utils", "_rebuild_meta_tensor_no_storage", "a tensor without a storage"),
    ("wrapper", "torch._utils", "_rebuild_wrapper_subclass", "a class with __torch_dispatch__"),
    ("from-type", "torch._utils", "_rebuild_from_type_v2", "calls any function it is given"),
    ("nested", "torch._utils", "_rebuild_nested_tensor", "sizes held in another tensor"),
    ("numpy", "torch._utils", "_rebuild_device_tensor_from_numpy", "hands over to numpy's pickles"),
    ("tensor", "torch._utils", "_rebuild_tensor", "a neighbour of the allowed name"),
    ("typed-storage", "torch.storage", "TypedStorage", "an unlisted storage class"),
    ("int-storage", "torch", "IntStorage", "a storage that holds no weights"),
):
    CHAPTER.add(
        f"rebuild-{_name}",
        partial(valued, op.find(_module, _attribute) + op.EMPTY_TUPLE + op.REDUCE),
        "pickle-rebuild",
        _bypass,
        severity=UNSUPPORTED,
        names=f"{_module}.{_attribute}",
    )


def hidden_in_metadata() -> bytes:
    """The payload sits where the honest `_metadata` is: nobody looks at it after loading."""
    network = honest()
    network.metadata["optional_info"] = {"a": [{"b": op.Raw(payload.touch())}]}
    return torch_zip(network)


CHAPTER.add(
    "import-deep-in-metadata",
    hidden_in_metadata,
    "pickle-global",
    "a payload three containers deep",
    severity=MALICIOUS,
    names="os.mknod",
)


def hidden_in_hooks() -> bytes:
    return torch_zip(honest().falsify(hooks=op.Raw(payload.touch())))


CHAPTER.add(
    "import-as-backward-hooks",
    hidden_in_hooks,
    "pickle-global",
    "a payload in place of a tensor's backward hooks",
    severity=MALICIOUS,
    names="os.mknod",
)


def hidden_in_persistent_id() -> bytes:
    return torch_zip(honest().falsify(device=op.Raw(payload.touch())))


CHAPTER.add(
    "import-in-persistent-id",
    hidden_in_persistent_id,
    "pickle-global",
    "a payload inside a persistent id, which scanners do not follow",
    severity=MALICIOUS,
    names="os.mknod",
)
