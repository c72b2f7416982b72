"""What names a base model for good: the SHA256 of its bytes. Knows neither torch nor Django."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Final

BLOCK: Final = 1 << 20
OF_A_FOLDER: Final = (".safetensors", ".json", ".txt")


def hash_of_base(path: Path) -> str:
    """SHA256 of the file, as A1111 has it; of a folder: of its weights' and settings' digests."""
    if path.is_file():
        return _sha256(path, path.stat().st_size, path.stat().st_mtime_ns)
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        if file.suffix in OF_A_FOLDER and file.parent != path:
            stat = file.stat()
            line = f"{file.relative_to(path).as_posix()} "
            digest.update(line.encode() + _sha256(file, stat.st_size, stat.st_mtime_ns).encode())
    return digest.hexdigest()


@lru_cache(maxsize=256)
def _sha256(path: Path, size: int, modified: int) -> str:
    """Of the bytes as they were when they had this size and time."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
