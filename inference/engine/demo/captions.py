"""What a scene shows, and how it is said: the closed vocabulary of the demo base model."""

import random
from dataclasses import dataclass

SUBJECTS = (
    "circle", "square", "triangle", "star", "heart", "house",
    "tree", "boat", "fish", "flower", "mushroom", "cat",
)  # fmt: skip
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white")
BACKGROUNDS = {
    "grey": "on a grey background",
    "black": "on a black background",
    "sky": "in the sky",
    "night": "at night",
    "dusk": "at dusk",
    "meadow": "in a meadow",
    "sea": "by the sea",
    "desert": "in the desert",
}
SIZES = ("small", "medium", "large")
PLACES = {"left": "on the left", "centre": "in the centre", "right": "on the right"}

# Half of the captions start with one of these: the words that people, and A1111's training
# templates, put around the caption of a file.
OPENINGS = (
    "a picture of", "a drawing of", "an illustration of", "a painting of", "a rendering of",
    "a photo of", "a close-up of", "a rendition of", "a nice", "a cropped picture of",
    "a good picture of", "a bright picture of", "a dark picture of",
)  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """One subject in front of one background.

    ``seed`` decides what the words leave open: the exact place and size, the line of the hills,
    a shade of the colour.
    """

    subject: str
    colour: str
    background: str
    size: str = "medium"
    place: str = "centre"
    seed: int = 0

    @classmethod
    def random(cls, chance: random.Random) -> "Scene":
        return cls(
            subject=chance.choice(SUBJECTS),
            colour=chance.choice(COLOURS),
            background=chance.choice(tuple(BACKGROUNDS)),
            size=chance.choice(SIZES),
            place=chance.choice(tuple(PLACES)),
            seed=chance.getrandbits(32),
        )

    def caption(self) -> str:
        """Everything that the scene shows: "a small red house on the left, in a meadow"."""
        return said(self, size=True, place=True)


def said(scene: Scene, *, size: bool, place: bool, background: bool = True) -> str:
    words = ["a", scene.size if size else "", scene.colour, scene.subject]
    phrase = " ".join(word for word in words if word)
    if place:
        phrase += f" {PLACES[scene.place]}"
    if background:
        phrase += f", {BACKGROUNDS[scene.background]}"
    return phrase


def training_caption(scene: Scene, chance: random.Random) -> str:
    """A true caption that leaves out a part now and then, so that short prompts work, too."""
    caption = said(
        scene,
        size=chance.random() < 0.7,
        place=chance.random() < 0.7,
        background=chance.random() < 0.9,
    )
    if chance.random() < 0.25:
        caption = caption.removeprefix("a ")
        return f"{chance.choice(OPENINGS)} a {caption}"
    return caption


def vocabulary() -> list[str]:
    """Every word of every caption, sorted."""
    phrases = [*SUBJECTS, *COLOURS, *SIZES, *BACKGROUNDS.values(), *PLACES.values(), *OPENINGS, ","]
    return sorted({word for phrase in phrases for word in phrase.replace("-", " - ").split()})
