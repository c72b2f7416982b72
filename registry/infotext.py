"""What a picture says of how it was made: A1111's infotext, read as untrusted text.

Source: the public format. The prompt, a line "Negative prompt: …", and a last line of pairs,
`Name: value`, whose values are quoted as JSON where they hold a comma, a colon or a line break.
Networks are named in three ways, by the age of the program: `Hypernet: NAME` among the pairs,
`<hypernet:NAME:m>` in the prompt, and `Hashes: {"hypernet:NAME": "AutoV2"}` beside it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

MAX_CHARACTERS: Final = 32_768
MOST_NETWORKS: Final = 20
_NEGATIVE: Final = "Negative prompt:"
_TAG: Final = re.compile(r"<hypernet:([^<>:\n]{1,120})(?::([^<>:\n]{1,20}))?[^<>\n]{0,40}>")
_PAIR: Final = re.compile(
    r'([A-Za-z][^:,"\n]{0,60}): *(?:"((?:[^"\\\n]|\\.)*)"|([^,\n]*))(?:, *|$)'
)
_HASHES: Final = re.compile(r"\bHashes: *(\{[^{}\n]*\})(?:, *|$)")
_HASHED_NAME: Final = re.compile(r"(.+)\(([0-9a-f]{8,64})\)\Z")


@dataclass(frozen=True)
class UsedNetwork:
    """A network that the picture says it was made with; `hash` is AutoV2, or "" where it is not
    said."""

    name: str
    strength: float
    hash: str = ""


@dataclass(frozen=True)
class Infotext:
    """`settings` by the names of A1111: Steps, Sampler, CFG scale, Seed, Size, Model, …"""

    text: str
    prompt: str = ""
    negative_prompt: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    networks: tuple[UsedNetwork, ...] = ()

    def as_meta(self) -> dict[str, Any]:
        """`Picture.meta`: as clients of the API read it, and the text itself."""
        if not self.text:
            return {}
        numbers = {"seed": "Seed", "steps": "Steps", "cfgScale": "CFG scale"}
        found: dict[str, Any] = {
            key: _number(self.settings.get(name, "")) for key, name in numbers.items()
        }
        words = {"sampler": "Sampler", "Size": "Size", "Model": "Model", "Model hash": "Model hash"}
        found |= {key: self.settings.get(name) for key, name in words.items()}
        return {
            "prompt": self.prompt,
            "negativePrompt": self.negative_prompt,
            **{key: value for key, value in found.items() if value is not None},
            "resources": [
                {"type": "hypernet", "name": each.name, "weight": each.strength}
                | ({"hash": each.hash} if each.hash else {})
                for each in self.networks
            ],
            "parameters": self.text,
        }


def read_infotext(text: str) -> Infotext:
    """Never raises: what is not understood is part of the prompt, what is too long is cut."""
    text = text.replace("\0", "").replace("\r\n", "\n").strip()[:MAX_CHARACTERS]
    lines = text.split("\n")
    last = _HASHES.search(lines[-1])
    settings = _pairs(_HASHES.sub("", lines[-1]))
    if "Steps" in settings:
        lines.pop()
    else:
        settings, last = {}, None
    whole = "\n".join(lines)
    prompt, _, negative = whole.partition(_NEGATIVE)
    hashes = _hashes(last[1] if last else settings.get("Hashes", ""))
    networks = tuple(_networks(prompt, settings, hashes))[:MOST_NETWORKS]
    return Infotext(text, prompt.strip(), negative.strip(), settings, networks)


def _pairs(line: str) -> dict[str, str]:
    return {
        name.strip(): _unquoted(quoted) if quoted else plain.strip()
        for name, quoted, plain in _PAIR.findall(line)
    }


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text


def _hashes(text: str) -> dict[str, str]:
    """AutoV2 by the network's name."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    kind = "hypernet:"
    return {
        name.removeprefix(kind): value.lower()
        for name, value in (said.items() if isinstance(said, dict) else ())
        if name.startswith(kind) and isinstance(value, str) and re.fullmatch(r"\w{8,64}", value)
    }


def _networks(
    prompt: str, settings: Mapping[str, str], hashes: Mapping[str, str]
) -> Iterator[UsedNetwork]:
    """Each name once, as it is first said."""
    named = {name: _strength(strength) for name, strength in reversed(_TAG.findall(prompt))}
    for name, strength in reversed(named.items()):
        yield UsedNetwork(name, strength, hashes.get(name, ""))
    old = settings.get("Hypernet", "")
    if old:
        hashed = _HASHED_NAME.match(old)
        name, said = (hashed[1], hashed[2]) if hashed else (old, settings.get("Hypernet hash", ""))
        if name not in named:
            yield UsedNetwork(name[:120], _strength(settings.get("Hypernet strength", "")), said)


def _strength(text: str) -> float:
    """1 is what A1111 takes where nothing is said."""
    number = _number(text)
    return 1.0 if number is None or abs(number) > 100 else float(number)


def _number(text: str) -> int | float | None:
    """Not NaN, not infinite: JSON has neither."""
    if not re.fullmatch(r"-?\d{1,20}(\.\d{1,20})?", text.strip()):
        return None
    return float(text) if "." in text else int(text)
