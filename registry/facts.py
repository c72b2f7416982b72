"""From a report to rows: what the check found becomes the version's facts and its files."""

from collections.abc import Mapping
from typing import Any

from registry.formats.flavors import Flavor
from registry.formats.report import Report
from registry.models import File, Original, Upload, Version


def fill(version: Version, report: Report, *, stem: str) -> None:
    """Write the facts of an accepted file onto a draft; the caller saves it."""
    spec: dict[str, Any] = dict(report.spec or {})
    version.stem = stem
    version.layer_structure = spec["layer_structure"]
    version.activation = str(spec["activation_func"] or "linear").lower()
    version.is_layer_norm = bool(spec["is_layer_norm"])
    version.dropout_structure = spec["dropout_structure"]
    version.dims = list(report.dims)
    version.dtype = report.dtype or ""
    version.parameters = report.parameters or 0
    version.step = max(0, int(spec["step"] or 0))
    version.trained_on_name = str(spec["sd_checkpoint_name"] or "")[:200]
    version.trained_on_hash = str(spec["sd_checkpoint"] or "")[:64]
    version.weights_hash = str(report.hashes["weights"])
    matrices = {key: [dict(cell) for cell in cells] for key, cells in report.compatibility.items()}
    version.facts = {
        "spec": spec,
        "epoch": report.epoch,
        "base_family": report.base_family,
        "weights": dict(report.weights or {}),
        "compatibility": matrices.get(Flavor.PORTABLE, []),
        "compatibility_of": matrices,
    }


def file_of(version: Version, flavor: Flavor, hashes: Mapping[str, Any]) -> File:
    """The row of a file that was written, its blob stored; the caller saves it."""
    training = flavor is Flavor.TRAINING
    safetensors = flavor is Flavor.SAFETENSORS
    return File(
        version=version,
        blob_id=hashes["sha256"],
        name=served_stem(version.stem, flavor) + flavor.suffix,
        format=File.Format.SAFETENSORS if safetensors else File.Format.PICKLE,
        flavour=File.Flavour.TRAINING if training else File.Flavour.PORTABLE,
        is_primary=flavor is Flavor.PORTABLE,
        **columns(hashes),
    )


def served_stem(stem: str, flavor: Flavor) -> str:
    """The training file lies beside the portable one on people's disks, so it is called otherwise,
    outside and inside: A1111 reads a file whose names differ again for every picture."""
    return f"{stem}-training" if flavor is Flavor.TRAINING else stem


def original_of(version: Version, upload: Upload, report: Report, **said: Any) -> Original:
    """What is remembered of the uploaded bytes; the caller saves it."""
    return Original(
        version=version,
        name=upload.name,
        container=report.container or "",
        **columns(report.hashes),
        **said,
    )


def columns(hashes: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of `Hashed`: kinds that a file does not have are empty."""
    kinds = ("sha256", "blake3", "crc32", "autov1", "autov3")
    return {kind: hashes[kind] or "" for kind in kinds} | {"size": hashes["size"]}


def printable(value: Any) -> Any:
    """The same JSON without NUL characters, which Postgres does not take."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, Mapping):
        return {printable(key): printable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [printable(item) for item in value]
    return value
