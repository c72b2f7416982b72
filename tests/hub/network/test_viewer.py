"""Which grid, which prompt, which strength is on the stage; and how often a page looks again."""

from datetime import timedelta

import pytest
from django.utils import timezone

from hub.network.viewer import LATEST, SOONEST, Viewer, fits, viewer_of
from inference.models import BaseModel, Cell, PreviewGrid
from registry.models import Network, Picture, Version
from tests.factories import PublishedVersionFactory
from tests.grids import grid_of
from tests.inference.conftest import make_base_model

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(network: Network) -> Version:
    made: Version = PublishedVersionFactory(network=network)
    return made


def looked_at(version: Version, **asked: str) -> Viewer:
    version.refresh_from_db()
    found = viewer_of(version, asked)
    assert found is not None
    return found


class TestWhichGrid:
    def test_none_is_none(self, version: Version) -> None:
        assert viewer_of(version, {}) is None

    def test_the_versions_own_before_newer_ones_of_other_base_models(
        self, version: Version, base_model: BaseModel
    ) -> None:
        own = grid_of(version, base_model=base_model)
        other = grid_of(version, base_model=make_base_model(name="Other"))
        Version.objects.filter(pk=version.pk).update(preview_grid={"id": own.pk})
        assert looked_at(version).grid == own
        assert looked_at(version, grid=str(other.pk)).grid == other
        assert [choice.grid for choice in looked_at(version).choices] == [other, own]

    def test_a_new_one_on_its_way_leaves_the_old_one_on_the_wall(
        self, version: Version, base_model: BaseModel
    ) -> None:
        old = grid_of(version, base_model=base_model)
        Version.objects.filter(pk=version.pk).update(preview_grid={"id": old.pk})
        new = grid_of(version, base_model=base_model, done=False)
        viewer = looked_at(version)
        assert (viewer.grid, viewer.newer, viewer.choices) == (old, new, ())

    def test_the_first_one_is_shown_as_it_grows(
        self, version: Version, base_model: BaseModel
    ) -> None:
        grid = grid_of(version, base_model=base_model, done=False)
        viewer = looked_at(version)
        assert (viewer.grid, viewer.done, viewer.total) == (grid, 0, 12)
        assert viewer.is_live and viewer.newer is None


class TestWhatIsOnTheStage:
    def test_the_strength_nearest_to_the_recommended_one(
        self, version: Version, base_model: BaseModel
    ) -> None:
        grid_of(version, base_model=base_model)
        assert looked_at(version).square.strength == "1"
        assert looked_at(version).recommended == ""
        Version.objects.filter(pk=version.pk).update(recommended_strength=0.6)
        assert looked_at(version).square.strength == "0.5"
        assert looked_at(version).recommended == "0.5"

    def test_the_covers_prompt(self, version: Version, base_model: BaseModel) -> None:
        grid_of(version, base_model=base_model)
        cell = Cell.objects.get(row=1, multiplier=0.5)
        Picture.objects.filter(cells=cell).update(is_cover=True)
        assert looked_at(version).row.number == 2
        assert looked_at(version, prompt="1").row.number == 1

    def test_negative_and_uneven_strengths(self, version: Version, base_model: BaseModel) -> None:
        grid_of(version, base_model=base_model, multipliers=[-0.5, 0, 0.3, 2])
        viewer = looked_at(version, strength="-1")
        assert viewer.strengths == ("-0.5", "0", "0.3", "2")
        assert (viewer.square.strength, viewer.column, viewer.last) == ("-0.5", 0, 3)
        assert viewer.without is not None and viewer.without.cell.multiplier == 0

    def test_addresses_keep_what_was_asked_for(
        self, version: Version, base_model: BaseModel
    ) -> None:
        grid = grid_of(version, base_model=base_model)
        viewer = looked_at(version, grid=str(grid.pk), show="1")
        assert viewer.square.query == f"?grid={grid.pk}&show=1&prompt=1&strength=1"
        assert viewer.look.startswith(viewer.square.query)


@pytest.mark.parametrize(
    ("size", "shape"),
    [((512, 512), "square"), ((512, 768), "tall"), ((384, 512), "portrait"), ((768, 512), "wide")],
)
def test_the_stage_has_the_shape_of_the_pictures(
    version: Version, base_model: BaseModel, size: tuple[int, int], shape: str
) -> None:
    grid = grid_of(version, base_model=base_model)
    said = {"width": size[0], "height": size[1]}
    PreviewGrid.objects.filter(pk=grid.pk).update(settings=grid.settings | said)
    # 3:2 lies between two shapes: either will do.
    assert looked_at(version).shape in {shape, "landscape" if shape == "wide" else shape}


@pytest.mark.parametrize(
    ("seconds", "every"), [(0, SOONEST), (8, 2), (60, 15), (120, LATEST), (90_000, LATEST)]
)
def test_it_looks_less_often_the_longer_nothing_happens(
    version: Version, base_model: BaseModel, seconds: int, every: int
) -> None:
    grid_of(version, base_model=base_model, done=False)
    PreviewGrid.objects.update(created_at=timezone.now() - timedelta(seconds=seconds))
    assert looked_at(version).every == every


def test_which_base_models_a_version_was_made_for(base_model: BaseModel) -> None:
    """As `BaseModel.objects.fitting` finds them."""
    for words, expected in (
        ({"base_model": "SD 1.5"}, True),
        ({"base_model": "SD 1.4"}, False),
        ({"base_model": "", "trained_on_hash": base_model.hash[:10].upper()}, True),
        ({"base_model": "", "trained_on_hash": base_model.hash[:4]}, False),
    ):
        made = PublishedVersionFactory(**words)
        assert fits(base_model, made) is expected
        assert BaseModel.objects.fitting(made).exists() is expected
