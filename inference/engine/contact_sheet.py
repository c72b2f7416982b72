"""All pictures of a grid on one sheet, with its prompts and strengths. Knows no torch."""

from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageDraw, ImageFont

PAPER: Final = (24, 24, 26)
INK: Final = (228, 226, 220)
FAINT: Final = (140, 138, 132)
GAP: Final = 6
MARGIN: Final = 18
LEAST_SIDE: Final = 128
LINE: Final = 20


def contact_sheet(
    rows: Sequence[Sequence[Image.Image]],
    *,
    prompts: Sequence[str],
    multipliers: Sequence[float],
    title: str = "",
) -> Image.Image:
    """An RGB picture: a row for each prompt, which stands above it; strengths over the columns."""
    side = max(LEAST_SIDE, *(image.width for row in rows for image in row))
    tall = round(side * rows[0][0].height / rows[0][0].width)
    width = 2 * MARGIN + len(multipliers) * (side + GAP) - GAP
    head = MARGIN + 2 * LINE
    sheet = Image.new("RGB", (width, head + len(rows) * (LINE + tall + GAP) + MARGIN), PAPER)
    brush, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    brush.text((MARGIN, MARGIN), title, INK, font)
    for column, multiplier in enumerate(multipliers):
        place = (MARGIN + column * (side + GAP), MARGIN + LINE)
        brush.text(place, f"{multiplier:g}", FAINT, font)
    for number, (row, prompt) in enumerate(zip(rows, prompts, strict=True)):
        top = head + number * (LINE + tall + GAP)
        brush.text((MARGIN, top), _fitting(prompt, width - 2 * MARGIN, font), INK, font)
        for column, image in enumerate(row):
            fitted = image.convert("RGB").resize((side, tall), Image.Resampling.LANCZOS)
            sheet.paste(fitted, (MARGIN + column * (side + GAP), top + LINE))
    return sheet


def _fitting(text: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    while font.getlength(text) > width and len(text) > 1:
        text = text[:-2] + "…"
    return text
