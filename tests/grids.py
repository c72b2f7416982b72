"""Preview grids for tests: rows as the render worker leaves them, with pictures drawn for it.

A drawing bends as its strength grows, as a network bends what the base model paints.
"""

import hashlib
import io
import math
from collections.abc import Sequence

from django.utils import timezone
from PIL import Image, ImageDraw, ImageFilter

from inference.models import BaseModel, Cell, PreviewGrid
from inference.previews import MULTIPLIERS
from registry import pictures
from registry.models import ContentLevel, Picture, Version

PROMPTS = ("a lighthouse on a cliff at dusk", "a red fox in the snow")
SEED = 4217


def grid_of(
    version: Version,
    *,
    base_model: BaseModel,
    prompts: Sequence[str] = PROMPTS,
    multipliers: Sequence[float] = MULTIPLIERS,
    seed: int = SEED,
    done: bool = True,
    drawn: bool = False,
    level: ContentLevel = ContentLevel.GENERAL,
) -> PreviewGrid:
    """All cells done unless `done` says otherwise: then none is, and the grid waits.

    Without `drawn` the pictures are rows alone, quickly made; with it their bytes are stored.
    """
    status = PreviewGrid.Status.DONE if done else PreviewGrid.Status.WAITING
    grid = PreviewGrid.objects.create(
        version=version,
        base_model=base_model,
        base_hash=base_model.hash,
        settings={"width": 384, "height": 512, "steps": 20, "cfg_scale": 7.0},
        multipliers=list(multipliers),
        status=status,
        finished_at=timezone.now() if done else None,
    )
    for row, prompt in enumerate(prompts):
        for column, multiplier in enumerate(multipliers):
            cell = Cell(
                grid=grid, row=row, column=column, prompt=prompt, seed=seed, multiplier=multiplier
            )
            if done:
                paint(cell, drawn=drawn, level=level)
            cell.save()
    return grid


def paint(
    cell: Cell, *, drawn: bool = False, level: ContentLevel = ContentLevel.GENERAL
) -> Picture:
    """The cell's picture; the caller saves the cell."""
    version = cell.grid.version
    words = {
        "owner": version.network.creator,
        "is_preview": True,
        "content_level": level,
        "meta": {"prompt": cell.prompt, "parameters": f"{cell.prompt}\nSteps: 20, Seed: 1"},
    }
    if drawn:
        with pictures.stored(_png(drawing(cell, mark=version.network_id))) as stored:
            picture = Picture.objects.create(**vars(stored), **words)
    else:
        sha256 = hashlib.sha256(f"{cell.grid_id} {cell.row} {cell.column}".encode()).hexdigest()
        picture = Picture.objects.create(
            sha256=sha256, width=384, height=512, blurhash="L00000fQfQfQ", **words
        )
    picture.versions.add(version)
    cell.picture, cell.sha256 = picture, picture.sha256
    cell.state, cell.done_at = Cell.State.DONE, timezone.now()
    return picture


def drawing(cell: Cell, *, mark: int, width: int = 384, height: int = 512) -> Image.Image:
    """Hills under a light: the prompt sets the scene, the network the hand, the strength how much
    of the hand is seen."""
    scene = hashlib.sha256(f"{cell.prompt}".encode()).digest()
    hand = hashlib.sha256(f"hand {mark}".encode()).digest()
    bend = min(1.5, abs(cell.multiplier))
    sky, ground = _colour(scene[0], 90, 0.35), _colour(scene[1], 40, 0.3)
    tint = _colour(hand[0], 130, 0.75)
    image = Image.new("RGB", (width, height), _mixed(sky, tint, bend * 0.55))
    draw = ImageDraw.Draw(image)
    radius = width * (0.10 + scene[2] / 255 * 0.08)
    x, y = width * (0.3 + scene[3] / 255 * 0.4), height * (0.22 + scene[4] / 255 * 0.16)
    for ring in range(4, 0, -1):
        light = _mixed(_mixed(sky, (255, 246, 224), 0.9 / ring), tint, bend * 0.25)
        spread = radius * (1 + 0.4 * (ring - 1) * (0.4 + bend * 0.3))
        draw.ellipse((x - spread, y - spread, x + spread, y + spread), fill=light)
    for layer in range(5):
        base = height * (0.46 + layer * 0.12)
        shade = _mixed(_mixed(ground, sky, 0.55 - layer * 0.13), tint, bend * (0.16 + layer * 0.06))
        points = [(0.0, float(height))]
        for step in range(width // 4 + 2):
            at = step * 4
            calm = math.sin(at / width * (3 + layer) + scene[5 + layer]) * height * 0.05
            wild = math.sin(at / width * (9 + hand[1 + layer] % 14) + hand[2]) * height * 0.06
            points.append((at, base + calm + wild * bend))
        draw.polygon([*points, (float(width), float(height))], fill=shade)
    return image.filter(ImageFilter.GaussianBlur(0.6 + (hand[9] % 3) * bend))


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _colour(hue: int, value: int, saturation: float) -> tuple[int, int, int]:
    image = Image.new("HSV", (1, 1), (hue, int(saturation * 255), value + 80))
    red, green, blue = image.convert("RGB").getpixel((0, 0))  # type: ignore[misc]
    return int(red), int(green), int(blue)


def _mixed(
    first: tuple[int, int, int], second: tuple[int, int, int], share: float
) -> tuple[int, int, int]:
    share = max(0.0, min(1.0, share))
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue
