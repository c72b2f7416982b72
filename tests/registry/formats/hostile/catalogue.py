"""All techniques, in one list."""

from tests.registry.formats.hostile import (
    container_lies,
    import_lies,
    legacy_lies,
    opcode_lies,
    pickle_lies,
    safetensors_lies,
    tensor_lies,
    zip_lies,
)
from tests.registry.formats.hostile.technique import Technique

CHAPTERS = (
    container_lies,
    zip_lies,
    opcode_lies,
    import_lies,
    pickle_lies,
    tensor_lies,
    legacy_lies,
    safetensors_lies,
)
TECHNIQUES: tuple[Technique, ...] = tuple(
    technique for chapter in CHAPTERS for technique in chapter.CHAPTER.techniques
)
