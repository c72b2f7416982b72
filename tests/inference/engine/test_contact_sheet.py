"""A grid on one sheet: every picture in its place."""

from PIL import Image

from inference.engine.contact_sheet import GAP, LINE, MARGIN, contact_sheet

COLOURS = [[(10 * row, 20 * column, 99) for column in range(3)] for row in range(2)]


def test_every_picture_is_where_its_prompt_and_strength_are() -> None:
    rows = [[Image.new("RGB", (128, 128), colour) for colour in row] for row in COLOURS]
    sheet = contact_sheet(rows, prompts=["a", "b"], multipliers=[0, 0.5, 1], title="ink")
    for row, colours in enumerate(COLOURS):
        for column, colour in enumerate(colours):
            x = MARGIN + column * (128 + GAP) + 64
            y = MARGIN + 2 * LINE + row * (LINE + 128 + GAP) + LINE + 64
            assert sheet.getpixel((x, y)) == colour


def test_small_pictures_are_made_large_enough_to_see_and_long_prompts_cut() -> None:
    sheet = contact_sheet(
        [[Image.new("RGB", (64, 48))]], prompts=["long " * 200], multipliers=[0.25]
    )
    assert sheet.width == 2 * MARGIN + 128
