"""A grid is rendered row by row: each cell once, with its picture, its numbers and its text."""

import io
import json
from pathlib import Path

import pytest
from django.test import Client
from PIL import Image

from inference.base_models import fingerprint_of, register_base_model
from inference.engine.hypernetwork_errors import NoMatchingWidth
from inference.engine.png import as_png
from inference.models import BaseModel, BasePicture, Cell, PreviewGrid
from inference.previews import ask_for_grid, cancel_grid, set_own_prompts
from inference.rendering import GridRendering
from registry import pictures, storage
from registry.bundles import preview_of
from registry.formats.flavors import Flavor
from registry.jobs import process
from registry.models import Job, Picture, User, Version
from registry.publishing import publish_version
from registry.versions import update_version
from tests.factories import CheckedVersionFactory, NetworkFactory
from tests.inference.bases import tiny_base
from tests.inference.conftest import Painted, make_base_model, painting
from tests.inference.encoders import PaintedEncoder
from tests.jobs import run_waiting_jobs
from tests.uploads import FIXTURES

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_other_pictures() -> None:
    for each in list(storage.keys("pictures")):
        storage.remove(each.key)


@pytest.fixture
def version(alice: User) -> Version:
    checked: Version = CheckedVersionFactory(network=NetworkFactory(creator=alice))
    return checked


@pytest.fixture
def measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoder that sees how far a painting has moved."""
    monkeypatch.setattr(GridRendering, "encoder", PaintedEncoder())


def rendered(version: Version) -> PreviewGrid:
    grid = ask_for_grid(version=version, by=version.network.creator)
    run_waiting_jobs(queue="render")
    grid.refresh_from_db()
    return grid


def stored_pictures() -> set[str]:
    return {each.key.split("/")[1] for each in storage.keys("pictures")}


class TestCells:
    def test_every_cell_has_its_picture(
        self, version: Version, base_model: BaseModel, painted: Painted
    ) -> None:
        grid = rendered(version)
        assert grid.status == PreviewGrid.Status.DONE
        cells = list(grid.cells.select_related("picture"))
        assert len(cells) == 24
        for cell in cells:
            assert cell.state == Cell.State.DONE and cell.picture is not None
            assert cell.sha256 == cell.picture.sha256
            png = pictures.stored_png(cell.sha256)
            assert png is not None
            image = Image.open(io.BytesIO(png))
            assert image.tobytes() == painting(cell).tobytes()

    def test_a_row_is_one_batch(
        self, version: Version, base_model: BaseModel, painted: Painted
    ) -> None:
        rendered(version)
        assert [len(row) for row in painted] == [6, 6, 6, 6]
        assert [len({cell.row for cell in row}) for row in painted] == [1, 1, 1, 1]

    def test_the_infotext_is_in_the_png(
        self, version: Version, base_model: BaseModel, painted: Painted
    ) -> None:
        cell = rendered(version).cells.get(row=1, column=2)
        png = pictures.stored_png(cell.sha256)
        assert png is not None
        text = Image.open(io.BytesIO(png)).info["parameters"]
        assert text == f"{cell}"
        assert cell.picture is not None
        assert cell.picture.meta["parameters"] == text
        assert cell.picture.meta["seed"] == cell.seed
        assert cell.picture.meta["resources"] == [
            {"type": "hypernet", "name": version.stem, "weight": 0.5}
        ]

    def test_nothing_else_is_stored(
        self, version: Version, base_model: BaseModel, painted: Painted
    ) -> None:
        grid = rendered(version)
        digests = {cell.sha256 for cell in grid.cells.all()}
        assert stored_pictures() == digests
        assert Picture.objects.count() == 24
        assert version.pictures.count() == 20  # the base's own are of no version


class TestSharing:
    def test_the_base_models_own_pictures_are_painted_once(
        self, version: Version, base_model: BaseModel, painted: Painted, bob: User
    ) -> None:
        first = rendered(version)
        painted.clear()
        second = rendered(CheckedVersionFactory(network=NetworkFactory(creator=bob)))
        assert [len(row) for row in painted] == [5, 5, 5, 5]
        assert BasePicture.objects.count() == 4
        for row in range(4):
            one, other = (g.cells.get(row=row, multiplier=0) for g in (first, second))
            assert one.picture == other.picture
            assert one.picture is not None and one.picture.owner is None

    def test_all_that_decides_them_tells_them_apart(self, base_model: BaseModel) -> None:
        def fingerprint(**change: object) -> str:
            said = {
                "base_hash": "a" * 64,
                "prompt": "a cat",
                "seed": 1,
                "settings": {"steps": 20, "cfg_scale": 7.0},
            }
            return fingerprint_of(base_model, **{**said, **change})  # type: ignore[arg-type]

        changes: list[dict[str, object]] = [
            {},
            {"base_hash": "b" * 64},
            {"prompt": "a dog"},
            {"seed": 2},
            {"settings": {"steps": 21, "cfg_scale": 7.0}},
        ]
        prints = {fingerprint(**change) for change in changes}
        base_model.clip_skip = 2
        assert len(prints | {fingerprint()}) == len(changes) + 1


class TestInterruptions:
    def test_what_is_done_is_not_rendered_again(
        self,
        version: Version,
        base_model: BaseModel,
        painted: Painted,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        grid = ask_for_grid(version=version, by=version.network.creator)
        monkeypatch.setattr(
            GridRendering, "_progress", fail_after(GridRendering._progress, calls=2)
        )
        run_waiting_jobs(queue="render")
        done = dict(grid.cells.filter(state=Cell.State.DONE).values_list("pk", "picture"))
        assert len(done) == 12
        painted.clear()
        monkeypatch.undo()
        repaint(monkeypatch, painted)
        Job.objects.update(run_after=None)
        run_waiting_jobs(queue="render")
        assert [len(row) for row in painted] == [6, 6]
        after = dict(grid.cells.values_list("pk", "picture"))
        assert len(after) == 24 and after.items() >= done.items()

    def test_an_announced_picture_that_is_there_is_kept(
        self, version: Version, base_model: BaseModel, painted: Painted
    ) -> None:
        grid = ask_for_grid(version=version, by=version.network.creator)
        cell = grid.cells.get(row=0, column=3)
        with pictures.stored(as_png(painting(cell), "as it was")) as stored:
            pass
        grid.cells.filter(pk=cell.pk).update(state="storing", sha256=stored.sha256)
        run_waiting_jobs(queue="render")
        cell.refresh_from_db()
        assert cell.sha256 == stored.sha256 and cell.state == Cell.State.DONE
        assert len(painted[0]) == 5

    def test_an_announced_picture_that_is_not_is_painted_and_leaves_nothing(
        self, version: Version, base_model: BaseModel, painted: Painted
    ) -> None:
        grid = ask_for_grid(version=version, by=version.network.creator)
        with pictures.stored(as_png(Image.new("RGB", (64, 64)), "other")) as stored:
            pass
        storage.remove(pictures.key_of(stored.sha256))  # its renditions are still there
        grid.cells.filter(row=0, column=3).update(state="storing", sha256=stored.sha256)
        run_waiting_jobs(queue="render")
        assert len(painted[0]) == 6
        assert stored.sha256 not in stored_pictures()
        assert grid.cells.filter(state=Cell.State.DONE).count() == 24

    def test_cancelled_in_the_middle(
        self,
        version: Version,
        base_model: BaseModel,
        painted: Painted,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        grid = ask_for_grid(version=version, by=version.network.creator)
        usual = GridRendering._keep

        def cancelled_after_the_first(self: GridRendering, cell: Cell, png: bytes) -> None:
            usual(self, cell, png)
            if cell.row == 1 and cell.column == 2:
                cancel_grid(grid=grid, by=grid.version.network.creator)
                self.run.beat()

        monkeypatch.setattr(GridRendering, "_keep", cancelled_after_the_first)
        run_waiting_jobs(queue="render")
        grid.refresh_from_db()
        assert grid.status == PreviewGrid.Status.CANCELLED
        assert grid.cells.filter(state=Cell.State.DONE).count() == 9
        assert stored_pictures() == {cell.sha256 for cell in grid.cells.all() if cell.sha256}

    def test_a_worker_that_shuts_down_gives_it_back(
        self,
        version: Version,
        base_model: BaseModel,
        painted: Painted,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        grid = ask_for_grid(version=version, by=version.network.creator)
        usual = GridRendering._render

        def told_to_stop(self: GridRendering, cells: list[Cell]) -> list[Image.Image]:
            process.this_process.stopping = True
            return usual(self, cells)

        monkeypatch.setattr(GridRendering, "_render", told_to_stop)
        run_waiting_jobs(queue="render")
        process.this_process.stopping = False
        grid.refresh_from_db()
        assert grid.job is not None and grid.job.state == Job.State.QUEUED
        assert grid.status == PreviewGrid.Status.RENDERING


class TestFailures:
    def test_what_no_attempt_would_mend_is_said(
        self,
        version: Version,
        base_model: BaseModel,
        painted: Painted,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def refuse(self: GridRendering, cells: list[Cell]) -> list[Image.Image]:
            raise NoMatchingWidth("ink", widths=[1024], of_unet=[768])

        monkeypatch.setattr(GridRendering, "_render", refuse)
        grid = rendered(version)
        assert grid.status == PreviewGrid.Status.FAILED
        assert "1024" in grid.reason
        assert grid.job is not None and grid.job.attempt == 1

    def test_a_base_model_that_is_gone(self, version: Version, base_model: BaseModel) -> None:
        grid = rendered(version)
        assert grid.status == PreviewGrid.Status.FAILED
        assert "/nowhere" in grid.reason

    def test_a_deleted_draft(
        self, version: Version, base_model: BaseModel, painted: Painted
    ) -> None:
        grid = ask_for_grid(version=version, by=version.network.creator)
        version.delete()
        (job,) = run_waiting_jobs(queue="render")
        assert job.state == Job.State.DONE
        assert not PreviewGrid.objects.filter(pk=grid.pk).exists()


class TestWhatItSays:
    def test_measured(
        self, version: Version, base_model: BaseModel, painted: Painted, measuring: None
    ) -> None:
        grid = rendered(version)
        row = list(grid.cells.filter(row=0))
        assert row[0].shift == 0
        shifts = [cell.shift or 0.0 for cell in row]
        assert shifts == sorted(shifts) and shifts[-1] > 0
        assert all(cell.fidelity is not None for cell in row)
        assert [point["multiplier"] for point in grid.measured["curve"]] == grid.multipliers
        version.refresh_from_db()
        assert version.recommended_strength == grid.measured["recommended"] is not None
        assert version.strength_source == Version.StrengthSource.MEASURED

    def test_without_an_encoder_nothing_is_measured(
        self, version: Version, base_model: BaseModel, painted: Painted, anonymous: Client
    ) -> None:
        grid = rendered(version)
        assert grid.measured == {}
        assert not grid.cells.exclude(shift=None, fidelity=None).exists()
        publish_version(version=version, by=version.network.creator)
        shown = anonymous.get(f"/api/v1/model-versions/{version.pk}").json()
        assert shown["settings"]["source"] == "not measured"
        assert shown["previewGrid"]["measured"] is None

    def test_the_creators_word_stands(
        self, version: Version, base_model: BaseModel, painted: Painted, measuring: None
    ) -> None:
        update_version(version=version, by=version.network.creator, recommended_strength=0.33)
        grid = rendered(version)
        version.refresh_from_db()
        assert version.recommended_strength == 0.33
        assert grid.measured["recommended"] is not None

    def test_the_grid_is_in_the_versions_shape(
        self, version: Version, base_model: BaseModel, painted: Painted, anonymous: Client
    ) -> None:
        grid = rendered(version)
        publish_version(version=version, by=version.network.creator)
        shown = anonymous.get(f"/api/v1/model-versions/{version.pk}").json()
        told = shown["previewGrid"]
        assert told["id"] == grid.pk
        assert told["baseModel"]["name"] == base_model.name
        assert len(told["cells"]) == 24 and len(told["prompts"]) == 4
        for cell in told["cells"]:
            assert cell["url"].startswith("http://testserver/pictures/")
            assert anonymous.get(cell["url"].removeprefix("http://testserver")).status_code == 200
        assert len(shown["images"]) == 20
        # A list of a hundred networks has a hundred of them.
        assert len(json.dumps(told)) < 10_000

    def test_the_cover_is_the_best_at_the_strength_that_works(
        self, version: Version, base_model: BaseModel, painted: Painted, measuring: None
    ) -> None:
        grid = rendered(version)
        cover = version.pictures.get(is_cover=True)
        cell = cover.cells.get()
        there = grid.cells.filter(multiplier=grid.measured["recommended"])
        assert cell in there
        assert cell.fidelity == max(each.fidelity or 0.0 for each in there)
        assert preview_of(version) == pictures.key_of(cover.sha256)

    def test_a_network_counts_its_pictures(
        self, version: Version, base_model: BaseModel, painted: Painted
    ) -> None:
        rendered(version)
        version.network.refresh_from_db()
        assert version.network.picture_count == 20


class TestAgain:
    def test_a_new_grid_takes_the_place_of_the_old_one(
        self, version: Version, base_model: BaseModel, painted: Painted
    ) -> None:
        old = rendered(version)
        gone = {c.sha256 for c in old.cells.exclude(multiplier=0)}
        kept = {c.sha256 for c in old.cells.filter(multiplier=0)}
        BaseModel.objects.update(steps=8)
        set_own_prompts(version=version, texts=["a fox"], by=version.network.creator)
        new = rendered(version)
        assert not PreviewGrid.objects.filter(pk=old.pk).exists()
        assert new.cells.count() == 30
        assert version.pictures.count() == 25
        version.refresh_from_db()
        assert version.preview_grid and version.preview_grid["id"] == new.pk
        # The same paintings here: bytes that are still shown somewhere stay.
        assert stored_pictures() >= kept | (gone & {c.sha256 for c in new.cells.all()})

    def test_on_another_base_model_both_stay_and_the_fitting_one_is_shown(
        self, version: Version, base_model: BaseModel, painted: Painted
    ) -> None:
        fitting = rendered(version)
        other = make_base_model(name="other", stands_for=[])
        ask_for_grid(version=version, by=version.network.creator, base_model=other)
        run_waiting_jobs(queue="render")
        assert version.preview_grids.count() == 2
        version.refresh_from_db()
        assert version.preview_grid and version.preview_grid["id"] == fitting.pk


class TestForReal:
    """With the engine, on a small base model with random weights."""

    def test_a_grid_of_a_real_file(self, alice: User, tmp_path: Path, anonymous: Client) -> None:
        folder = tiny_base(tmp_path / "tiny")
        base_model = register_base_model(
            by=None,
            origin=BaseModel.Origin.ADMIN,
            name="tiny",
            family="sd1",
            path=str(folder),
            stands_for=["SD 1.5"],
            width=64,
            height=64,
            steps=2,
        )
        file = FIXTURES / "linear_default.pt"
        version = CheckedVersionFactory(
            network=NetworkFactory(creator=alice),
            contents={Flavor.PORTABLE: file.read_bytes()},
            stem="linear_default",
        )
        grid = rendered(version)
        assert grid.status == PreviewGrid.Status.DONE, grid.reason
        digests = [cell.sha256 for cell in grid.cells.filter(row=0)]
        assert len(set(digests)) == 6
        png = pictures.stored_png(digests[2])
        assert png is not None
        text = Image.open(io.BytesIO(png)).info["parameters"]
        assert text.startswith(f"{grid.cells.all()[0].prompt} <hypernet:linear_default:0.5>")
        assert f"Model hash: {base_model.hash[:10]}, Model: tiny" in text
        base = pictures.stored_png(digests[0])
        assert base is not None
        assert "hypernet" not in Image.open(io.BytesIO(base)).info["parameters"]

    def test_a_network_that_this_base_model_cannot_take(self, alice: User, tmp_path: Path) -> None:
        folder = tiny_base(tmp_path / "tiny")
        words = {"family": "sd1", "path": str(folder), "stands_for": ["SD 1.5"]}
        register_base_model(by=None, origin="admin", name="tiny", **words, width=64, height=64)
        version = CheckedVersionFactory(
            network=NetworkFactory(creator=alice),
            contents={Flavor.PORTABLE: (FIXTURES / "sd2_softsign.pt").read_bytes()},
            stem="sd2_softsign",
        )
        grid = rendered(version)
        assert grid.status == PreviewGrid.Status.FAILED
        assert "sd2_softsign" in grid.reason and "768" in grid.reason
        assert stored_pictures() == set()


def fail_after(usual, *, calls: int):  # type: ignore[no-untyped-def]
    """Works so many times, then raises as a crash would."""
    made = 0

    def failing(*args: object) -> None:
        nonlocal made
        made += 1
        if made > calls:
            raise RuntimeError("a crash")
        usual(*args)

    return failing


def repaint(monkeypatch: pytest.MonkeyPatch, asked: Painted) -> None:
    def render(self: GridRendering, cells: list[Cell]) -> list[Image.Image]:
        asked.append(list(cells))
        return [painting(cell) for cell in cells]

    monkeypatch.setattr(GridRendering, "_render", render)
    monkeypatch.setattr(GridRendering, "_infotext", lambda self, cell: f"{cell}")
