"""What a creator says of a network and of a version, as its form shows and compares it."""

from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from inference.models import OwnPrompt
from registry.models import Network, Version
from registry.slugs import numbered, slug_of

# Each is merged and saved as one thing; the order is the page's.
NETWORK_LABELS: Final = {
    "name": _("Name"),
    "slug": _("Address"),
    "kind": _("Kind"),
    "tags": _("Tags"),
    "description": _("Description"),
    "content_level": _("Content level"),
    "licence": _("Licence"),
    "allow_no_credit": _("No credit needed"),
    "allow_commercial_use": _("Commercial use"),
    "allow_derivatives": _("Merges and further training"),
    "allow_different_licence": _("Another licence for merges"),
}
VERSION_LABELS: Final = {
    "version_name": _("Version"),
    "changelog": _("What changed"),
    "trigger_words": _("Trigger words"),
    "base_model": _("Base model"),
    "strength": _("Strength"),
    "prompts": _("Your prompts"),
}
LABELS: Final = NETWORK_LABELS | VERSION_LABELS


def words_of(network: Network | None, version: Version | None) -> dict[str, Any]:
    """By the names above. An address that was made from the name is "": it follows the name."""
    words: dict[str, Any] = {}
    if network is not None:
        words |= {name: getattr(network, name) for name in NETWORK_LABELS if name != "tags"}
        words["description"] = plain(network.description)
        words["tags"] = sorted(tag.name for tag in network.tags.all())
        words["allow_commercial_use"] = sorted(network.allow_commercial_use)
        if follows_its_name(network):
            words["slug"] = ""
    if version is not None:
        words |= {
            "version_name": version.name,
            "changelog": plain(version.changelog),
            "trigger_words": list(version.trigger_words),
            "base_model": version.base_model,
            "strength": _strength(version),
            "prompts": [prompt.text for prompt in version.own_prompts.all()],
        }
    return words


def follows_its_name(network: Network) -> bool:
    made = slug_of(network.name, fallback=network.kind)
    ending = network.slug.rpartition("-")[2]
    number = int(ending) if ending.isascii() and ending.isdigit() and len(ending) < 4 else 1
    return network.slug in (made, numbered(made, max(1, number)))


def plain(text: str) -> str:
    """Forms send lines as CR LF."""
    return text.replace("\r\n", "\n").strip()


def _strength(version: Version) -> list[float | None]:
    """The creator's own; a measured one is the hub's to say."""
    if version.strength_source != Version.StrengthSource.CREATOR:
        return [None, None, None]
    return [version.recommended_strength, version.min_strength, version.max_strength]


MOST_PROMPTS: Final = OwnPrompt.MOST
