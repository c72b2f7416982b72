"""Every way a file can be refused: one small class per rule, with its data and one sentence.

A refusal is raised at the first rule that a file breaks. `rule` is a stable name for machines,
`data()` says where and what, `message` tells the creator what is wrong and what to do. Sentences
are marked with `_` so that a page can translate `sentence` and `render` it with the same data.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, TypeAlias, dataclass_transform

JSON: TypeAlias = None | bool | int | float | str | Sequence["JSON"] | Mapping[str, "JSON"]

SHOWN_CHARACTERS = 200


class Severity(StrEnum):
    """How bad it is. The first two are findings on files that are accepted."""

    INFO = "info"
    WARNING = "warning"
    MALFORMED = "malformed"
    UNSUPPORTED = "unsupported"
    MALICIOUS = "malicious"


@dataclass(frozen=True)
class Finding:
    """Something worth telling about a file: a remark on an accepted one, or why it was refused."""

    rule: str
    severity: Severity
    message: str
    data: Mapping[str, JSON]


def _(sentence: str) -> str:
    """Mark a sentence for translation; the reader itself speaks English."""
    return sentence


@dataclass_transform(eq_default=False, frozen_default=True)
class Refusal(Exception):
    """A file that is not taken in, and why. Subclasses name one rule each and annotate its data."""

    rule: ClassVar[str]
    severity: ClassVar[Severity]
    sentence: ClassVar[str]
    by_rule: ClassVar[dict[str, type[Refusal]]] = {}

    def __init_subclass__(cls, *, rule: str, severity: Severity = Severity.MALFORMED) -> None:
        dataclass(eq=False, repr=False)(cls)
        cls.rule, cls.severity = rule, severity
        if Refusal.by_rule.setdefault(rule, cls) is not cls:
            raise TypeError(f"two refusals are called {rule}")

    def __setattr__(self, name: str, value: object) -> None:
        """Set each field once; tracebacks and causes are the interpreter's own and stay free."""
        if name in vars(self):
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        super().__setattr__(name, value)

    def __str__(self) -> str:
        return self.message

    def data(self) -> dict[str, JSON]:
        """Where in the file, what was found, what was expected: always JSON, always printable."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]  # made one in __init_subclass__
        return {field.name: plain(getattr(self, field.name)) for field in fields}

    @property
    def message(self) -> str:
        """What is wrong, where, and what to do about it, in English."""
        return self.render(self.sentence)

    def render(self, sentence: str) -> str:
        """Put this refusal's data into `sentence`, which may be a translation of its own."""
        return sentence.format(**self.data())

    def finding(self) -> Finding:
        """Return the refusal as a row of a report."""
        return Finding(self.rule, self.severity, self.message, self.data())


def plain(value: Any) -> JSON:
    """Return a value as printable JSON: what a hostile file says is quoted, never trusted."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Mapping):
        return {shown(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value[:SHOWN_CHARACTERS]]
    return shown(value if isinstance(value, bytes) else str(value))


def shown(text: str | bytes, limit: int = SHOWN_CHARACTERS) -> str:
    """Return text fit for a page: cut to `limit`, anything unprintable escaped."""
    raw = text[: limit + 1]
    if isinstance(raw, bytes):
        raw = raw.decode("utf-8", "backslashreplace")
    clean = raw
    if not raw.isprintable():
        # ascii() needs no codec; the one called unicode_escape is imported when it is first used.
        clean = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in raw)
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


# The file as a whole


class EmptyFile(Refusal, rule="container-empty"):
    sentence = _("The file is empty. The upload or the download before it was cut off: try again.")


class UnknownContainer(Refusal, rule="container-unknown", severity=Severity.UNSUPPORTED):
    start: str
    sentence = _(
        "This is neither a PyTorch file nor a safetensors file (it starts with “{start}”). "
        "Upload the .pt that AUTOMATIC1111 saved in models/hypernetworks."
    )


class OtherContainer(Refusal, rule="container-other", severity=Severity.UNSUPPORTED):
    """A known kind of file that no hypernetwork comes in; `kind` is a stable id."""

    kind: str
    what: str
    advice: str
    sentence = _("This is {what}, not a hypernetwork. {advice}")


class RawPickle(Refusal, rule="container-raw-pickle", severity=Severity.UNSUPPORTED):
    sentence = _(
        "This is a bare Python pickle, not a file written by torch.save. "
        "Save the network again from AUTOMATIC1111 and upload that .pt."
    )


class LargeFile(Refusal, rule="cap-file-size", severity=Severity.UNSUPPORTED):
    size: int
    limit: int
    sentence = _(
        "The file has {size} bytes; the largest that we take is {limit}. "
        "A hypernetwork that big usually has far wider layers than it needs."
    )


class UnreadableFile(Refusal, rule="container-unreadable"):
    reason: str
    sentence = _("The file could not be read ({reason}). Try to upload it again.")


# The ZIP around a torch file


class PrependedData(Refusal, rule="zip-prepended-data"):
    start: str
    sentence = _(
        "Something stands before the ZIP archive (the file starts with “{start}”). "
        "Upload the file exactly as torch.save wrote it."
    )


class EndRecord(Refusal, rule="zip-end-record"):
    offset: int
    sentence = _(
        "The ZIP archive does not end where the file ends (looked for its end record at byte "
        "{offset}): it is cut off, or something was appended. Download or save it again."
    )


class EndRecordField(Refusal, rule="zip-end-record-field"):
    field: str
    found: int
    expected: int
    sentence = _(
        "The ZIP archive's end record gives {found} for “{field}” where {expected} was expected. "
        "Save the network again and upload that file."
    )


class Zip64Disagrees(Refusal, rule="zip64-disagrees"):
    field: str
    found: int
    expected: int
    sentence = _(
        "The ZIP archive contradicts itself: its zip64 record gives {found} for “{field}”, "
        "the rest of the file says {expected}. Save the network again and upload that file."
    )


class DirectoryEntry(Refusal, rule="zip-directory"):
    offset: int
    reason: str
    sentence = _(
        "The ZIP archive's directory is broken at byte {offset}: {reason}. "
        "Save the network again and upload that file."
    )


class ManyMembers(Refusal, rule="cap-members", severity=Severity.UNSUPPORTED):
    found: int
    limit: int
    sentence = _("The archive has {found} entries; a hypernetwork never has more than {limit}.")


class CompressedMember(Refusal, rule="zip-member-compressed"):
    member: str
    method: int
    sentence = _(
        "The entry “{member}” is compressed (method {method}); torch.save stores entries as they "
        "are. Don't re-zip the file: upload it as AUTOMATIC1111 saved it."
    )


class MemberSizes(Refusal, rule="zip-member-sizes"):
    member: str
    compressed: int
    uncompressed: int
    sentence = _(
        "The entry “{member}” is stored, yet has {compressed} bytes in the archive and "
        "{uncompressed} outside. Save the network again and upload that file."
    )


class MemberFlags(Refusal, rule="zip-member-flags"):
    member: str
    flags: int
    sentence = _(
        "The entry “{member}” is encrypted or marked in a way that torch.save never does "
        "(flags {flags}). Upload the file as AUTOMATIC1111 saved it."
    )


class MemberAttributes(Refusal, rule="zip-member-attributes"):
    """A mark that makes PyTorch read nothing, and leave whatever lay in memory as the weights."""

    member: str
    attributes: int
    sentence = _(
        "The entry “{member}” is marked as a folder or a link, not as a file (attributes "
        "{attributes}). Save the network again and upload that file."
    )


class MemberComment(Refusal, rule="zip-member-comment"):
    member: str
    sentence = _(
        "The entry “{member}” carries a comment, which torch.save never writes. "
        "Upload the file as AUTOMATIC1111 saved it."
    )


class CentralExtra(Refusal, rule="zip-central-extra"):
    member: str
    sentence = _(
        "The directory entry of “{member}” carries extra fields, which torch.save never writes. "
        "Upload the file as AUTOMATIC1111 saved it."
    )


class LocalExtra(Refusal, rule="zip-local-extra"):
    member: str
    offset: int
    sentence = _(
        "Before the entry “{member}” (byte {offset}) stands something other than padding. "
        "Upload the file as AUTOMATIC1111 saved it."
    )


class MemberName(Refusal, rule="zip-member-name"):
    member: str
    sentence = _(
        "The archive has an entry “{member}”, which is no part of a torch file. "
        "Upload the file as AUTOMATIC1111 saved it."
    )


class DuplicateMember(Refusal, rule="zip-duplicate-member"):
    member: str
    sentence = _(
        "The archive has two entries called “{member}”, so programs would disagree on what it "
        "holds. Save the network again and upload that file."
    )


class SeveralRoots(Refusal, rule="zip-several-roots"):
    roots: tuple[str, ...]
    sentence = _(
        "The archive's entries lie in several folders ({roots}); a torch file has one. "
        "Upload the file as AUTOMATIC1111 saved it."
    )


class MemberMissing(Refusal, rule="zip-member-missing"):
    member: str
    sentence = _(
        "The archive has no entry “{member}”, so it is no complete torch file. "
        "Save the network again and upload that file."
    )


class MemberContent(Refusal, rule="zip-member-content"):
    member: str
    found: str
    expected: str
    sentence = _(
        "The entry “{member}” says “{found}” where {expected} was expected. "
        "Save the network again with a current PyTorch."
    )


class BigEndian(Refusal, rule="zip-byteorder", severity=Severity.UNSUPPORTED):
    found: str
    sentence = _(
        "The numbers in this file are not little-endian (its byte order is “{found}”). "
        "Save the network again on an ordinary PC."
    )


class LocalMismatch(Refusal, rule="zip-local-mismatch"):
    member: str
    offset: int
    field: str
    sentence = _(
        "The entry “{member}” is described twice and differently: its header at byte {offset} and "
        "the archive's directory disagree on its {field}. Save the network again."
    )


class DescriptorMismatch(Refusal, rule="zip-descriptor-mismatch"):
    member: str
    offset: int
    sentence = _(
        "The record after the entry “{member}” (byte {offset}) disagrees with the archive's "
        "directory. The file is damaged or was tampered with: save the network again."
    )


class Gap(Refusal, rule="zip-gap"):
    offset: int
    length: int
    sentence = _(
        "{length} bytes at byte {offset} belong to no entry of the archive. "
        "Upload the file as AUTOMATIC1111 saved it."
    )


class Overlap(Refusal, rule="zip-overlap"):
    member: str
    offset: int
    sentence = _(
        "The entry “{member}” (byte {offset}) overlaps the one before it. "
        "Save the network again and upload that file."
    )


class Checksum(Refusal, rule="zip-crc"):
    member: str
    found: int
    expected: int
    sentence = _(
        "The entry “{member}” is damaged: its checksum is {found:08x} instead of {expected:08x}. "
        "Download or copy the file again."
    )


# The pickle that describes the tensors


class LargeProgram(Refusal, rule="cap-program-size", severity=Severity.UNSUPPORTED):
    size: int
    limit: int
    sentence = _(
        "The file's description of itself takes {size} bytes; a hypernetwork's takes a few "
        "thousand, and we read at most {limit}."
    )


class ManyOpcodes(Refusal, rule="cap-opcodes", severity=Severity.UNSUPPORTED):
    limit: int
    sentence = _("The file's pickle has more than {limit} instructions; no hypernetwork needs so.")


class PickleTruncated(Refusal, rule="pickle-truncated"):
    offset: int
    sentence = _(
        "The file's pickle breaks off at byte {offset}. Download or save the network again."
    )


class PickleProtocol(Refusal, rule="pickle-protocol"):
    found: int
    sentence = _(
        "The file's pickle does not begin as torch.save's do (protocol 2; found {found}). "
        "Save the network again from AUTOMATIC1111."
    )


class PickleOpcode(Refusal, rule="pickle-opcode"):
    opcode: str
    offset: int
    sentence = _(
        "The file's pickle uses the instruction {opcode} at byte {offset}, which a hypernetwork "
        "never needs. Save the network again from AUTOMATIC1111."
    )


class PickleRuns(Refusal, rule="pickle-running-opcode", severity=Severity.MALICIOUS):
    """An opcode that imports or calls something which could not be named."""

    opcode: str
    offset: int
    sentence = _(
        "The file's pickle uses the instruction {opcode} at byte {offset}, which runs code when "
        "the file is loaded. Nothing of it was run. Don't load this file anywhere."
    )


class PickleImport(Refusal, rule="pickle-global", severity=Severity.MALICIOUS):
    """An import outside the closed list; `runs` is the first call with it, as Python."""

    module: str
    name: str
    opcode: str
    offset: int
    runs: str
    sentence = _(
        "Loading this file would run code on your computer: {module}.{name}, as “{runs}” (byte "
        "{offset} of its pickle). Nothing of it was run here. Don't load it anywhere, and warn "
        "whoever gave it to you."
    )


class PickleRebuild(Refusal, rule="pickle-rebuild", severity=Severity.UNSUPPORTED):
    """A harmless function or class of torch or numpy that no hypernetwork needs."""

    module: str
    name: str
    offset: int
    sentence = _(
        "The file holds an object that no hypernetwork has ({module}.{name}, byte {offset} of its "
        "pickle). Save plain fp32, fp16, bf16 or fp64 weights from AUTOMATIC1111."
    )


class PickleCall(Refusal, rule="pickle-call"):
    what: str
    offset: int
    reason: str
    sentence = _(
        "The file's pickle uses {what} in a way that torch never does, at byte {offset}: {reason}. "
        "Save the network again from AUTOMATIC1111."
    )


class PickleBuild(Refusal, rule="pickle-build"):
    offset: int
    sentence = _(
        "The file's pickle sets an object's inner state at byte {offset} in a way that torch "
        "never does. Save the network again from AUTOMATIC1111."
    )


class PicklePersistentId(Refusal, rule="pickle-persistent-id"):
    offset: int
    reason: str
    sentence = _(
        "The file refers to its weights in an unknown way at byte {offset} of its pickle: "
        "{reason}. Save the network again from AUTOMATIC1111."
    )


class PickleMemo(Refusal, rule="pickle-memo"):
    index: int
    offset: int
    reason: str
    sentence = _(
        "The file's pickle misuses its memory slot {index} at byte {offset}: {reason}. "
        "Save the network again from AUTOMATIC1111."
    )


class PickleStack(Refusal, rule="pickle-stack"):
    offset: int
    reason: str
    sentence = _(
        "The file's pickle is broken at byte {offset}: {reason}. "
        "Download or save the network again."
    )


class PickleTrailingBytes(Refusal, rule="pickle-trailing-bytes"):
    offset: int
    length: int
    sentence = _(
        "{length} bytes follow the end of the file's pickle (byte {offset}). "
        "Upload the file as AUTOMATIC1111 saved it."
    )


class PickleKey(Refusal, rule="pickle-key"):
    offset: int
    found: str
    sentence = _(
        "A dictionary in the file has a key of type {found} (byte {offset} of its pickle); "
        "only text and whole numbers name things in a hypernetwork."
    )


class PickleDuplicateKey(Refusal, rule="pickle-duplicate-key"):
    key: str
    offset: int
    sentence = _(
        "A dictionary in the file has the key “{key}” twice (byte {offset} of its pickle), so "
        "programs could disagree on what it holds. Save the network again."
    )


class PickleString(Refusal, rule="pickle-string"):
    offset: int
    sentence = _("A text in the file is not valid UTF-8 (byte {offset} of its pickle).")


class LongString(Refusal, rule="cap-string", severity=Severity.UNSUPPORTED):
    offset: int
    length: int
    limit: int
    sentence = _(
        "A text in the file has {length} bytes (byte {offset} of its pickle); "
        "we read at most {limit}. Shorten the network's notes."
    )


class PickleInteger(Refusal, rule="pickle-integer"):
    offset: int
    length: int
    sentence = _("A whole number in the file takes {length} bytes (byte {offset}); 8 is the limit.")


class Nesting(Refusal, rule="cap-nesting", severity=Severity.UNSUPPORTED):
    limit: int
    sentence = _("The file nests its data more than {limit} levels deep; no hypernetwork does.")


# The legacy stream


class LegacyHeader(Refusal, rule="legacy-header"):
    part: str
    offset: int
    sentence = _(
        "The file begins like torch's old format, but its {part} at byte {offset} is not right. "
        "Save the network again from AUTOMATIC1111."
    )


class LegacyStorageKeys(Refusal, rule="legacy-storage-keys"):
    offset: int
    reason: str
    sentence = _(
        "The list of weights at byte {offset} does not fit the network: {reason}. "
        "Download or save the network again."
    )


class LegacyStorageSize(Refusal, rule="legacy-storage-size"):
    key: str
    offset: int
    found: int
    expected: int
    sentence = _(
        "The weights “{key}” at byte {offset} claim {found} numbers where {expected} were "
        "announced. Download or save the network again."
    )


class LegacyTruncated(Refusal, rule="legacy-truncated"):
    offset: int
    expected: int
    sentence = _(
        "The file should go on to byte {expected} but ends at byte {offset}: it is cut off. "
        "Download or save the network again."
    )


class LegacyTrailingBytes(Refusal, rule="legacy-trailing-bytes"):
    offset: int
    length: int
    sentence = _(
        "{length} bytes follow the last weights (byte {offset}). "
        "Upload the file as AUTOMATIC1111 saved it."
    )


# Tensors


class ManyTensors(Refusal, rule="cap-tensors", severity=Severity.UNSUPPORTED):
    limit: int
    sentence = _("The file has more than {limit} tensors; no hypernetwork has.")


class TensorDType(Refusal, rule="tensor-dtype", severity=Severity.UNSUPPORTED):
    tensor: str
    found: str
    sentence = _(
        "The weights “{tensor}” are stored as {found}. Save them as fp32, fp16, bf16 or fp64."
    )


class TensorShape(Refusal, rule="tensor-shape"):
    tensor: str
    shape: tuple[int, ...]
    sentence = _(
        "The weights “{tensor}” have the impossible shape {shape}: up to four dimensions of at "
        "least 1 are allowed. Save the network again."
    )


class TensorStrides(Refusal, rule="tensor-strides"):
    tensor: str
    found: tuple[int, ...]
    expected: tuple[int, ...]
    sentence = _(
        "The weights “{tensor}” are not stored in one piece (strides {found} instead of "
        "{expected}). Call .contiguous() on them and save again."
    )


class TensorBounds(Refusal, rule="tensor-bounds"):
    tensor: str
    begin: int
    numel: int
    available: int
    sentence = _(
        "The weights “{tensor}” take {numel} elements from element {begin} of a block that has "
        "{available}. Save the network again."
    )


class StorageSize(Refusal, rule="tensor-storage-size"):
    storage: str
    found: int
    expected: int
    sentence = _(
        "The block of weights “{storage}” has {found} bytes where {expected} were announced. "
        "Download or save the network again."
    )


class StorageMissing(Refusal, rule="tensor-storage-missing"):
    storage: str
    sentence = _(
        "The block of weights “{storage}” is missing from the file. "
        "Download or save the network again."
    )


class StorageShared(Refusal, rule="tensor-storage-shared"):
    storage: str
    sentence = _(
        "Two tensors share the block of weights “{storage}”. "
        "Clone the tensors and save the network again."
    )


class StorageUnused(Refusal, rule="tensor-storage-unused"):
    storage: str
    sentence = _(
        "The file carries a block of weights “{storage}” that the network does not use. "
        "Save the network again from AUTOMATIC1111."
    )


class NotFinite(Refusal, rule="weights-not-finite"):
    tensor: str
    index: int
    value: str
    sentence = _(
        "The weights “{tensor}” contain {value} (element {index}): the training diverged. "
        "Upload an earlier save, or train with a lower learning rate."
    )


class AllZero(Refusal, rule="weights-all-zero"):
    sentence = _("Every weight in the file is zero, so the network would do nothing at all.")


# safetensors


class SafetensorsHeader(Refusal, rule="safetensors-header"):
    found: int
    limit: int
    sentence = _(
        "The safetensors header claims {found} bytes where between 2 and {limit} are possible. "
        "Download or save the file again."
    )


class SafetensorsJson(Refusal, rule="safetensors-json"):
    reason: str
    sentence = _(
        "The safetensors header is not what the format asks for: {reason}. Save the file again."
    )


class SafetensorsDuplicateKey(Refusal, rule="safetensors-duplicate-key"):
    key: str
    sentence = _(
        "The safetensors header has the key “{key}” twice, so programs could disagree on what it "
        "holds. Save the file again."
    )


class SafetensorsOffsets(Refusal, rule="safetensors-offsets"):
    tensor: str
    found: tuple[int, ...]
    expected: tuple[int, ...]
    sentence = _(
        "The weights “{tensor}” should lie at bytes {expected} but claim {found}. "
        "Download or save the file again."
    )


class SafetensorsSize(Refusal, rule="safetensors-size"):
    found: int
    expected: int
    sentence = _(
        "The file has {found} bytes where its header announces {expected}: it is cut off, or "
        "something was appended. Download or save it again."
    )


class SafetensorsKey(Refusal, rule="safetensors-key", severity=Severity.UNSUPPORTED):
    key: str
    sentence = _(
        "“{key}” is not the name of a hypernetwork's weights. In a safetensors file they are "
        "called like 768.k.linear.0.weight."
    )


class SafetensorsMetadata(Refusal, rule="safetensors-metadata"):
    reason: str
    sentence = _(
        "The network's settings in the safetensors header cannot be read: {reason}. "
        "Convert the original .pt again."
    )


class Ambiguous(Refusal, rule="safetensors-ambiguous", severity=Severity.UNSUPPORTED):
    reason: str
    sentence = _(
        "The file does not say how its layers work together: {reason}. "
        "Upload the original .pt, which does."
    )


# The network itself


class NoDims(Refusal, rule="schema-dims", severity=Severity.UNSUPPORTED):
    keys: tuple[str, ...]
    sentence = _(
        "There is no hypernetwork in this file: no layers for any context width (768, 320, …). "
        "At its top level it has {keys}."
    )


class StringDims(Refusal, rule="schema-string-dims", severity=Severity.UNSUPPORTED):
    dims: tuple[str, ...]
    sentence = _(
        "The layers are filed under text ({dims}) instead of numbers. AUTOMATIC1111 would load the "
        "file and silently do nothing. Save it again with whole numbers as keys."
    )


class BadDim(Refusal, rule="schema-dim"):
    dim: int
    sentence = _("{dim} is no possible context width.")


class LargeMetadata(Refusal, rule="cap-metadata", severity=Severity.UNSUPPORTED):
    size: int
    limit: int
    sentence = _(
        "The network's settings take {size} bytes; we read at most {limit}. Shorten its notes."
    )


class FieldValue(Refusal, rule="schema-field-value"):
    key: str
    found: JSON
    kind: str
    expected: str
    sentence = _("The setting “{key}” is {found} ({kind}); it should be {expected}.")


class UnknownTensors(Refusal, rule="schema-unknown-tensors", severity=Severity.UNSUPPORTED):
    key: str
    sentence = _(
        "The file has weights under “{key}”, which no hypernetwork has. "
        "Save the network again from AUTOMATIC1111, without extensions."
    )


class UnknownActivation(Refusal, rule="schema-activation", severity=Severity.UNSUPPORTED):
    found: str
    sentence = _(
        "“{found}” is not an activation function that AUTOMATIC1111 knows, so it could not load "
        "this file either."
    )


class ImpossibleActivation(
    Refusal, rule="schema-activation-impossible", severity=Severity.UNSUPPORTED
):
    found: str
    sentence = _(
        "The activation function “{found}” cannot work inside a hypernetwork: no program can load "
        "this file."
    )


class ModulePair(Refusal, rule="schema-pair"):
    dim: int
    found: str
    sentence = _(
        "Under {dim} there should be two sets of layers, one for keys and one for values; "
        "there is {found}."
    )


class LayerKey(Refusal, rule="schema-keys"):
    dim: int
    half: str
    key: str
    sentence = _(
        "“{key}” (in {dim}, {half}) is not the name of a hypernetwork's weights. "
        "They are called like linear.0.weight."
    )


class MixedKeys(Refusal, rule="schema-mixed-keys"):
    dim: int
    half: str
    sentence = _(
        "The layers of {dim}, {half} are named in the old way (linear1) and the new way (linear.0) "
        "at once. Save the network again."
    )


class MissingWeights(Refusal, rule="schema-missing-weights"):
    dim: int
    half: str
    missing: tuple[str, ...]
    sentence = _("In {dim}, {half} some weights are missing: {missing}. Save the network again.")


class WidthsDisagree(Refusal, rule="schema-widths"):
    """The metadata's widths are not the tensors': `structure` is what the weights would say."""

    dim: int
    half: str
    tensor: str
    expected: tuple[int, ...]
    found: tuple[int, ...]
    layer_structure: tuple[float, ...]
    structure: tuple[float, ...]
    sentence = _(
        "In {dim}, {half} the weights “{tensor}” have shape {found}, but the layer structure "
        "{layer_structure} asks for {expected}. By its weights the structure is {structure}."
    )


class LayerNormDisagrees(Refusal, rule="schema-layer-norm"):
    dim: int
    half: str
    stored: bool
    sentence = _(
        "The settings say is_layer_norm = {stored}, but the weights of {dim}, {half} say the "
        "opposite. Correct the setting and save again."
    )


class IndicesDisagree(Refusal, rule="schema-indices"):
    """The gaps between layers tell where activations and dropout stood: not where they should."""

    dim: int
    half: str
    expected: tuple[int, ...]
    found: tuple[int, ...]
    sentence = _(
        "In {dim}, {half} the layers are numbered {found}, but the settings (activation, "
        "activate_output, layer norm, dropout) ask for {expected}. Correct the settings."
    )


# Near misses: good files that are something else


class NearMiss(Refusal, rule="near-miss", severity=Severity.UNSUPPORTED):
    """Something else of Stable Diffusion's; each kind of it is a subclass with its own advice."""

    seen: str
    sentence = _("This is not a hypernetwork (it has “{seen}”).")


class IsLora(NearMiss, rule="near-miss-lora", severity=Severity.UNSUPPORTED):
    sentence = _(
        "This is a LoRA, not a hypernetwork (it has “{seen}”). It belongs into models/Lora; "
        "share it on a site for LoRAs."
    )


class IsEmbedding(NearMiss, rule="near-miss-embedding", severity=Severity.UNSUPPORTED):
    sentence = _(
        "This is a textual-inversion embedding, not a hypernetwork (it has “{seen}”). "
        "It belongs into the folder embeddings."
    )


class IsCheckpoint(NearMiss, rule="near-miss-checkpoint", severity=Severity.UNSUPPORTED):
    sentence = _(
        "This is a whole checkpoint, not a hypernetwork (it has “{seen}”). "
        "It belongs into models/Stable-diffusion."
    )


class IsVae(NearMiss, rule="near-miss-vae", severity=Severity.UNSUPPORTED):
    sentence = _("This is a VAE, not a hypernetwork (it has “{seen}”). It belongs into models/VAE.")


class IsControlNet(NearMiss, rule="near-miss-controlnet", severity=Severity.UNSUPPORTED):
    sentence = _(
        "This is a ControlNet, not a hypernetwork (it has “{seen}”). It belongs into "
        "models/ControlNet."
    )


class IsOptimizerState(NearMiss, rule="near-miss-optimizer-state", severity=Severity.UNSUPPORTED):
    sentence = _(
        "This is the state of an optimizer (an .optim file), not the network (it has “{seen}”). "
        "Upload the .pt that lies beside it."
    )


class IsHns(NearMiss, rule="near-miss-hns", severity=Severity.UNSUPPORTED):
    sentence = _(
        "This is an .hns recipe, which names hypernetworks but holds none (it starts with "
        "“{seen}”). Upload the .pt files that it names."
    )


class IsMonkeyPatch(NearMiss, rule="near-miss-skip-connection", severity=Severity.UNSUPPORTED):
    sentence = _(
        "This network was made with the MonkeyPatch extension's option “{seen}”, which computes "
        "something that no other program does. Train it again without that option."
    )


class IsSdxl(NearMiss, rule="near-miss-sdxl", severity=Severity.UNSUPPORTED):
    sentence = _(
        "This is made for SDXL (it has “{seen}”); hypernetworks exist for Stable Diffusion 1.x "
        "and 2.x only."
    )
