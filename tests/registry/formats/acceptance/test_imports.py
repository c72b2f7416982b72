"""registry.formats knows numpy, blake3 and the standard library: no Django, no torch, no pickle."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
PACKAGE = ROOT / "registry" / "formats"
MODULES = sorted(PACKAGE.glob("**/*.py"))
ALLOWED_BEYOND_STDLIB = {"numpy", "blake3"}
NEVER = {"pickle", "_pickle", "pickletools", "shelve", "marshal", "zipfile", "tarfile", "copyreg"}
NEVER |= {"importlib", "runpy", "ctypes", "subprocess", "socket"}


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module is not None
            yield node.module


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.stem)
def test_each_module_imports_only_what_it_may(file: Path) -> None:
    for name in imported(file):
        root = name.partition(".")[0]
        if root == "registry":
            assert f"{name}.".startswith("registry.formats.")
        else:
            assert root in sys.stdlib_module_names | ALLOWED_BEYOND_STDLIB
        assert root not in NEVER


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.stem)
def test_no_module_evaluates_or_imports_by_name(file: Path) -> None:
    called = {
        node.func.id
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert called.isdisjoint({"eval", "exec", "compile", "__import__", "getattr_static"})


def test_importing_the_package_loads_neither_django_nor_torch_nor_its_own_pickle() -> None:
    """numpy brings pickle along for its own files; whatever else appears would be ours."""
    names = [
        f"registry.formats.{file.relative_to(PACKAGE).with_suffix('')}"
        for file in MODULES
        if file.name != "__init__.py"
    ]
    program = (
        "import sys, numpy, blake3; before = set(sys.modules)\n"
        f"for name in {names!r}: __import__(name)\n"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    arrived = set(ran.stdout.split())
    assert "registry" in arrived
    assert arrived.isdisjoint({"django", "torch", "pickle", "_pickle"})
    assert arrived <= sys.stdlib_module_names | ALLOWED_BEYOND_STDLIB | {"registry"}
