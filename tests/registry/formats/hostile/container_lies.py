"""Files that are something else than they claim: bytes decide the kind, never the extension."""

import gzip
import io
import lzma
import tarfile

import numpy as np

from tests.registry.formats.hostile import opcodes as op
from tests.registry.formats.hostile import payload
from tests.registry.formats.hostile.network import honest
from tests.registry.formats.hostile.technique import MALICIOUS, UNSUPPORTED, Chapter
from tests.registry.formats.hostile.zips import Archive, Member, members, torch_zip

CHAPTER = Chapter()
lie = CHAPTER.lie


@lie("container-empty", "an empty file")
def empty_file() -> bytes:
    return b""


@lie("container-other", "an executable called .pt", severity=UNSUPPORTED)
def executable() -> bytes:
    return b"\x7fELF" + bytes(200)


@lie("container-other", "a web page: what a broken download leaves behind", severity=UNSUPPORTED)
def web_page() -> bytes:
    return b"<!DOCTYPE html><html><body>404</body></html>"


@lie(
    "container-other",
    "nullifAI: a 7z archive named .pt, which scanners cannot open",
    severity=UNSUPPORTED,
)
def seven_zip() -> bytes:
    return b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(64)


@lie("container-other", "a gzip around the whole file", severity=UNSUPPORTED)
def gzipped() -> bytes:
    return gzip.compress(torch_zip(honest()), mtime=0)


@lie("container-other", "an xz around the whole file", severity=UNSUPPORTED)
def xz_compressed() -> bytes:
    return lzma.compress(torch_zip(honest()))


@lie(
    "container-other",
    "CVE-2025-32434: torch's old tar loader, not covered by weights_only",
    severity=UNSUPPORTED,
)
def tar_archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            data = op.PROTO_2 + payload.touch() + op.STOP
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


@lie("container-other", "an npz, which is a ZIP of .npy files", severity=UNSUPPORTED)
def npz_archive() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, a=np.ones(3))
    return buffer.getvalue()


@lie(
    "container-other",
    "TorchScript: code/ is compiled and run by torch.jit.load",
    severity=UNSUPPORTED,
)
def torchscript() -> bytes:
    code = b"def forward(self, x):\n  return x\n"
    extra = [
        Member(b"archive/code/__torch__.py", code),
        Member(b"archive/constants.pkl", op.PROTO_2 + op.EMPTY_TUPLE + op.STOP),
    ]
    return Archive([*members(honest()), *extra]).bytes()


@lie("container-raw-pickle", "a bare pickle of a later protocol", severity=UNSUPPORTED)
def bare_pickle_protocol_4() -> bytes:
    return b"\x80\x04\x95\x02\x00\x00\x00\x00\x00\x00\x00N."


@lie(
    "pickle-global",
    "a bare malicious pickle named .pt: torch's legacy loader would run it",
    severity=MALICIOUS,
    names="os.mknod",
)
def bare_malicious_pickle() -> bytes:
    return op.PROTO_2 + payload.touch() + op.STOP


@lie(
    "pickle-global",
    "protocol 0: a pickle of plain text, without any mark of one",
    severity=MALICIOUS,
    names="os.mknod",
)
def text_pickle() -> bytes:
    return b"cos\nmknod\n(S'" + str(payload.MARKER).encode() + b"'\ntR."


@lie(
    "container-unknown",
    "a text that only looks like such a pickle: nobody is accused",
    severity=UNSUPPORTED,
)
def innocent_text() -> bytes:
    return b"cat\ndog\nThese are my two animals.\n"


@lie("container-raw-pickle", "a bare harmless pickle named .pt", severity=UNSUPPORTED)
def bare_pickle() -> bytes:
    return op.PROTO_2 + op.EMPTY_DICT + op.STOP
