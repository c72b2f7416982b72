"""The text that A1111 writes into a PNG as "parameters", so that its users can paste it.

Source: the public infotext format: the prompt, a line "Negative prompt: …" if there is one, and a
line of `Name: value` pairs. Values with a comma, a colon or a line break are quoted as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from inference.engine.sampling import Settings


def infotext(
    prompt: str,
    seed: int,
    settings: Settings,
    model_name: str,
    model_hash: str,
    hypernetwork: str,
    multiplier: float,
    *,
    clip_skip: int = 1,
) -> str:
    """`hypernetwork` is the file's stem. At multiplier 0 the picture is the base model's, so the
    text names no network. `model_hash` is shown by its first ten digits, as A1111 does.
    """
    lines = [_with_tag(prompt, hypernetwork, multiplier)]
    if settings.negative_prompt:
        lines.append(f"Negative prompt: {settings.negative_prompt}")
    pairs = _pairs(seed, settings, model_name, model_hash, clip_skip)
    lines.append(", ".join(f"{name}: {_quoted(value)}" for name, value in pairs))
    return "\n".join(lines)


def _with_tag(prompt: str, hypernetwork: str, multiplier: float) -> str:
    if not hypernetwork or multiplier == 0:
        return prompt
    return f"{prompt} <hypernet:{hypernetwork}:{multiplier:g}>".lstrip()


def _pairs(
    seed: int, settings: Settings, model_name: str, model_hash: str, clip_skip: int
) -> Iterator[tuple[str, str]]:
    yield "Steps", str(settings.steps)
    yield "Sampler", settings.sampler_name
    if settings.schedule_type:
        yield "Schedule type", settings.schedule_type
    yield "CFG scale", f"{settings.cfg_scale:g}"
    yield "Seed", str(seed)
    yield "Size", f"{settings.width}x{settings.height}"
    if model_hash:
        yield "Model hash", model_hash[:10]
    if model_name:
        yield "Model", model_name
    if clip_skip > 1:
        yield "Clip skip", str(clip_skip)
    yield "RNG", "CPU"  # the noise is a CPU generator's


def _quoted(value: str) -> str:
    if any(mark in value for mark in ",:\n"):
        return json.dumps(value, ensure_ascii=False)
    return value
