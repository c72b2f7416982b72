"""What a training leaves in its folder: networks, optimizer states, and all it needs to go on.

`<name>.pt` with `<name>.pt.optim`, as A1111 writes them, and `<name>.safetensors`; with a number
after the name for the steps on the way. `<name>.resume` is ours: whoever resumes from it goes on as
if nothing had happened.
"""

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch.optim import Optimizer

from inference.engine.training.errors import NothingToResume, OtherTraining, UnreadableCheckpoint
from inference.engine.training.optimizers import a1111_state
from registry.formats.hypernetwork import Hypernetwork as NetworkFile
from registry.formats.writer import write_portable, write_safetensors, write_training

HASH_DIGITS: Final = 10
_VERSION: Final = 1


def write_a1111(
    network: NetworkFile, path: Path, *, optimizer: Optimizer, optimizer_name: str
) -> None:
    """The `.pt`, dropout kept, and beside it the `.optim` that A1111 goes on from."""
    out = io.BytesIO()
    if not write_training(network, out, stem=path.stem):
        write_portable(network, out, stem=path.stem)
    content = out.getvalue()
    file_hash = hashlib.sha256(content).hexdigest()[:HASH_DIGITS]
    _replace(path, content)
    _replace(optim_beside(path), a1111_state(optimizer_name, optimizer, file_hash))


def write_ours(network: NetworkFile, path: Path) -> None:
    out = io.BytesIO()
    write_safetensors(network, out, stem=path.stem)
    _replace(path, out.getvalue())


def optim_beside(path: Path) -> Path:
    return path.with_name(path.name + ".optim")


def read_optim(path: Path) -> dict[str, Any] | None:
    """The optimizer's name and state beside a `.pt`, or None where there is none for this file."""
    beside = optim_beside(path)
    if not beside.is_file():
        return None
    stored = _loaded(beside)
    file_hash = hashlib.sha256(path.read_bytes()).hexdigest()[:HASH_DIGITS]
    return stored if stored.get("hash") == file_hash else None


# Going on


def resume_file(folder: Path, name: str) -> Path:
    return folder / f"{name}.resume"


def write_resume(folder: Path, name: str, state: Mapping[str, Any]) -> None:
    out = io.BytesIO()
    torch.save({"version": _VERSION, **state}, out)
    _replace(resume_file(folder, name), out.getvalue())


def read_resume(folder: Path, name: str, identity: Mapping[str, Any]) -> dict[str, Any]:
    """Raises ``OtherTraining`` where what must not change, ``identity``, has changed."""
    file = resume_file(folder, name)
    if not file.is_file():
        raise NothingToResume(name=name, folder=folder)
    state = _loaded(file)
    if state.get("version") != _VERSION:
        raise UnreadableCheckpoint(file=file, problem="it is of another version of HyperHub.")
    for what, now in identity.items():
        then = state["identity"].get(what)
        if then != now:
            raise OtherTraining(folder=folder, what=what.replace("_", " "), then=then, now=now)
    return state


def write_figures(folder: Path, name: str, figures: Mapping[str, Any]) -> None:
    text = json.dumps(figures, indent=2, ensure_ascii=False) + "\n"
    _replace(folder / f"{name}.json", text.encode())


def _loaded(file: Path) -> dict[str, Any]:
    try:
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever the damage leads to
        problem = str(error).partition("\n")[0][:200]
        raise UnreadableCheckpoint(file=file, problem=problem) from error
    return state


def _replace(path: Path, content: bytes) -> None:
    """All or nothing: whoever is killed while writing leaves the old file."""
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_bytes(content)
    unfinished.replace(path)
