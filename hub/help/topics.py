"""What the help is about: its pages in reading order, and the sections of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Topic:
    """A page of its own; `sections` are the titles by the anchors that the page gives them."""

    slug: str
    title: Promise
    about: Promise
    sections: Mapping[str, Promise]

    @property
    def template(self) -> str:
        return f"help/{self.slug}.html"


TOPICS: Final = (
    Topic(
        "hypernetworks",
        _("What a hypernetwork is"),
        _("A small file that bends the pictures of a big model, and how it differs from others."),
        {
            "idea": _("The idea"),
            "inside": _("What is in the file"),
            "base": _("It is made for a base model"),
            "others": _("What it is not"),
        },
    ),
    Topic(
        "install",
        _("Put one to use"),
        _("Where the file goes in AUTOMATIC1111 and in ComfyUI, and how you call it."),
        {
            "automatic": _("In AUTOMATIC1111"),
            "comfyui": _("In ComfyUI"),
            "elsewhere": _("In other programs"),
            "trouble": _("When nothing happens"),
        },
    ),
    Topic(
        "strength",
        _("Why strength matters"),
        _("The one number that decides whether a network helps or takes over."),
        {
            "number": _("One number"),
            "start": _("Where to begin"),
            "curve": _("The strength curve"),
            "unmeasured": _("When nothing was measured"),
        },
    ),
    Topic(
        "checks",
        _("How files are checked"),
        _("What the hub promises about every file, how it keeps that, and what it cannot know."),
        {
            "danger": _("The danger"),
            "promise": _("What we promise"),
            "steps": _("What happens to an upload"),
            "others": _("Other scanners"),
            "limits": _("What nobody checks"),
        },
    ),
    Topic(
        "publish",
        _("Publish your own"),
        _("From the file that your trainer wrote to a page with pictures."),
        {
            "before": _("What you need"),
            "draft": _("From file to draft"),
            "details": _("What to say about it"),
            "pictures": _("Its pictures"),
            "after": _("When it is published"),
        },
    ),
    Topic(
        "api",
        _("Use the API"),
        _("Find, fetch and publish networks from a terminal or from Python."),
        {
            "begin": _("Begin"),
            "find": _("Find networks"),
            "file": _("What is this file?"),
            "download": _("Download"),
            "key": _("A key of your own"),
            "publish": _("Publish from a script"),
            "huggingface": _("With huggingface_hub"),
        },
    ),
)
BY_SLUG: Final[Mapping[str, Topic]] = {topic.slug: topic for topic in TOPICS}


def topic_after(topic: Topic) -> Topic | None:
    """None after the last."""
    place = TOPICS.index(topic) + 1
    return TOPICS[place] if place < len(TOPICS) else None
