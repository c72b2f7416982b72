"""Grids are asked for, once each; in line by who waits; cancelled; shown with their version."""

import pytest
from django.db import IntegrityError, transaction

from inference import previews
from inference.errors import (
    BaseModelOff,
    GridFinished,
    NoBaseModel,
    NotServed,
    TooManyGrids,
    TooManyPrompts,
    WrongBaseModel,
)
from inference.models import BaseModel, Cell, OwnPrompt, PreviewGrid
from inference.previews import (
    MULTIPLIERS,
    ask_for_grid,
    cancel_grid,
    forget_grids,
    set_own_prompts,
)
from registry.errors import NoFile, NotAllowed, VersionIsPublished
from registry.jobs import cancel_job
from registry.models import Job, Picture, User, Version
from registry.networks import delete_network, take_down_network, update_network
from registry.publishing import publish_version
from registry.versions import record_measured_strength
from tests.factories import CheckedVersionFactory, NetworkFactory, VersionFactory
from tests.inference.conftest import make_base_model
from tests.pictures import picture_of, png

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def version(alice: User) -> Version:
    checked: Version = CheckedVersionFactory(network=NetworkFactory(creator=alice))
    return checked


class TestAsking:
    def test_prompts_and_multipliers(self, version: Version, base_model: BaseModel) -> None:
        grid = ask_for_grid(version=version, by=version.network.creator)
        assert grid.status == PreviewGrid.Status.WAITING
        assert grid.multipliers == [0, 0.25, 0.5, 0.75, 1, 1.25]
        assert grid.cells.count() == 4 * 6
        first = grid.cells.filter(row=0)
        suite = base_model.suite.filter(kind="style")[0]
        assert {(cell.prompt, cell.seed) for cell in first} == {(suite.text, suite.seed)}
        assert [cell.multiplier for cell in first] == list(MULTIPLIERS)
        assert grid.job is not None and grid.job.queue == Job.Queue.RENDER

    def test_twice_is_once(self, version: Version, base_model: BaseModel, alice: User) -> None:
        first = ask_for_grid(version=version, by=alice)
        assert ask_for_grid(version=version, by=alice, again=True) == first
        assert Job.objects.count() == 1

    def test_a_finished_one_of_the_same_is_enough(
        self, version: Version, base_model: BaseModel, alice: User
    ) -> None:
        first = ask_for_grid(version=version, by=alice)
        finish(first)
        assert ask_for_grid(version=version, by=alice) == first
        assert ask_for_grid(version=version, by=alice, again=True) != first

    def test_other_prompts_or_weights_are_another_grid(
        self, version: Version, base_model: BaseModel, alice: User
    ) -> None:
        first = ask_for_grid(version=version, by=alice)
        finish(first)
        set_own_prompts(version=version, texts=["a fox"], by=alice)
        second = ask_for_grid(version=version, by=alice)
        assert second != first
        finish(second)
        BaseModel.objects.update(hash="f" * 64)
        assert ask_for_grid(version=version, by=alice) not in (first, second)

    def test_a_subject_has_a_suite_of_its_own(self, alice: User, base_model: BaseModel) -> None:
        network = NetworkFactory(creator=alice, kind="subject")
        grid = ask_for_grid(version=CheckedVersionFactory(network=network), by=alice)
        assert grid.cells.all()[0].prompt == base_model.suite.filter(kind="subject")[0].text

    def test_the_creators_own_prompts_come_last(
        self, version: Version, base_model: BaseModel, alice: User
    ) -> None:
        set_own_prompts(version=version, texts=["a fox", "two foxes"], by=alice)
        grid = ask_for_grid(version=version, by=alice)
        shown = [cell.prompt for cell in grid.cells.filter(column=0)]
        assert len(shown) == 6
        assert shown[4:] == ["a fox", "two foxes"]

    def test_a_first_preview_goes_before_repeated_ones(
        self, version: Version, base_model: BaseModel, alice: User, bob: User
    ) -> None:
        finish(ask_for_grid(version=version, by=alice))
        again = ask_for_grid(version=version, by=alice, again=True)
        bobs = CheckedVersionFactory(network=NetworkFactory(creator=bob))
        first = ask_for_grid(version=bobs, by=bob)
        assert first.job is not None and again.job is not None
        assert list(Job.objects.due()) == [first.job, again.job]


class TestRefusals:
    def test_others(self, version: Version, base_model: BaseModel, bob: User, mod: User) -> None:
        for stranger in (bob, mod):
            with pytest.raises(NotAllowed):
                ask_for_grid(version=version, by=stranger)

    def test_no_file(self, alice: User, base_model: BaseModel) -> None:
        with pytest.raises(NoFile):
            ask_for_grid(version=VersionFactory(network=NetworkFactory(creator=alice)), by=alice)

    def test_no_base_model(self, version: Version, alice: User) -> None:
        with pytest.raises(NoBaseModel, match=r"SD 1\.5"):
            ask_for_grid(version=version, by=alice)

    def test_the_wrong_one(self, version: Version, alice: User) -> None:
        other = make_base_model(family="sd2", stands_for=["SD 2.1"])
        with pytest.raises(WrongBaseModel, match="Small SD"):
            ask_for_grid(version=version, by=alice, base_model=other)

    def test_one_that_is_off(self, version: Version, alice: User) -> None:
        off = make_base_model(is_enabled=False)
        with pytest.raises(BaseModelOff):
            ask_for_grid(version=version, by=alice, base_model=off)

    def test_what_was_taken_down(
        self, version: Version, base_model: BaseModel, alice: User, mod: User
    ) -> None:
        publish_version(version=version, by=alice)
        take_down_network(network=version.network, reason="stolen", by=mod)
        version.refresh_from_db()
        version.network.refresh_from_db()
        with pytest.raises(NotServed):
            ask_for_grid(version=version, by=alice)

    def test_too_many(
        self,
        version: Version,
        base_model: BaseModel,
        alice: User,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(previews, "MOST_UNFINISHED", 1)
        ask_for_grid(version=version, by=alice)
        other = CheckedVersionFactory(network=NetworkFactory(creator=alice))
        with pytest.raises(TooManyGrids):
            ask_for_grid(version=other, by=alice)


class TestOwnPrompts:
    def test_at_most_two(self, version: Version, alice: User) -> None:
        with pytest.raises(TooManyPrompts):
            set_own_prompts(version=version, texts=["a", "b", "c"], by=alice)
        with pytest.raises(IntegrityError), transaction.atomic():
            OwnPrompt.objects.create(version=version, position=2, text="a", seed=1)

    def test_no_markup(self, version: Version, alice: User) -> None:
        from django.core.exceptions import ValidationError

        for text in ("a fox <lora:x:1>", "", " "):
            with pytest.raises(ValidationError):
                set_own_prompts(version=version, texts=[text], by=alice)
        assert not version.own_prompts.exists()

    def test_only_its_creator(self, version: Version, bob: User) -> None:
        with pytest.raises(NotAllowed):
            set_own_prompts(version=version, texts=["a fox"], by=bob)


class TestCancelling:
    def test_a_waiting_grid_ends_with_its_job(
        self, version: Version, base_model: BaseModel, alice: User
    ) -> None:
        grid = cancel_grid(grid=ask_for_grid(version=version, by=alice), by=alice)
        assert grid.status == PreviewGrid.Status.CANCELLED
        assert grid.finished_at is not None and grid.reason
        with pytest.raises(GridFinished):
            cancel_grid(grid=grid, by=alice)

    def test_a_cancelled_job_ends_its_grid(
        self, version: Version, base_model: BaseModel, alice: User
    ) -> None:
        grid = ask_for_grid(version=version, by=alice)
        assert grid.job is not None
        cancel_job(job=grid.job, by=alice)
        grid.refresh_from_db()
        assert grid.status == PreviewGrid.Status.CANCELLED

    def test_only_its_creator(
        self, version: Version, base_model: BaseModel, alice: User, bob: User
    ) -> None:
        grid = ask_for_grid(version=version, by=alice)
        with pytest.raises(NotAllowed):
            cancel_grid(grid=grid, by=bob)


class TestPublishing:
    def test_what_is_published_gets_its_grid(
        self, version: Version, base_model: BaseModel, alice: User
    ) -> None:
        publish_version(version=version, by=alice)
        grid = version.preview_grids.get()
        assert grid.asked_by is None
        assert grid.job is not None and grid.job.owner == alice

    def test_one_that_was_rendered_before_is_enough(
        self, version: Version, base_model: BaseModel, alice: User
    ) -> None:
        grid = ask_for_grid(version=version, by=alice)
        publish_version(version=version, by=alice)
        assert version.preview_grids.get() == grid

    def test_without_a_base_model_it_is_published_all_the_same(
        self, version: Version, alice: User
    ) -> None:
        publish_version(version=version, by=alice)
        version.refresh_from_db()
        assert version.status == Version.Status.PUBLISHED
        assert not version.preview_grids.exists()


class TestForgetting:
    """A draft gets another file."""

    def test_nothing_of_the_file_before_is_left(
        self, version: Version, base_model: BaseModel, alice: User
    ) -> None:
        grid = ask_for_grid(version=version, by=alice)
        assert grid.job_id
        picture = picture_of(version)
        Picture.objects.filter(pk=picture.pk).update(owner=alice)
        Cell.objects.filter(grid=grid, row=0, column=1).update(picture=picture)
        record_measured_strength(version=version, recommended=0.6, least=0.4, most=0.8)
        forget_grids(version=version, by=alice)

        version.refresh_from_db()
        assert not version.preview_grids.exists()
        assert not Picture.objects.filter(pk=picture.pk).exists()
        assert (version.preview_grid, version.recommended_strength) == (None, None)
        assert Job.objects.get(pk=grid.job_id).state == Job.State.CANCELLED
        assert ask_for_grid(version=version, by=alice) != grid

    def test_what_is_published_is_not_forgotten(self, version: Version, alice: User) -> None:
        publish_version(version=version, by=alice)
        version.refresh_from_db()
        with pytest.raises(VersionIsPublished):
            forget_grids(version=version, by=alice)

    def test_others_forget_nothing(self, version: Version, bob: User) -> None:
        with pytest.raises(NotAllowed):
            forget_grids(version=version, by=bob)


class TestListening:
    def test_nothing_is_rendered_of_what_was_taken_down(
        self, version: Version, base_model: BaseModel, alice: User, mod: User
    ) -> None:
        publish_version(version=version, by=alice)
        take_down_network(network=version.network, reason="stolen", by=mod)
        assert version.preview_grids.get().status == PreviewGrid.Status.CANCELLED

    def test_a_tombstone_shows_no_grid(
        self, version: Version, base_model: BaseModel, alice: User
    ) -> None:
        publish_version(version=version, by=alice)
        Version.objects.update(preview_grid={"cells": []})
        delete_network(network=version.network, by=alice)
        version.refresh_from_db()
        assert version.preview_grid is None

    def test_pictures_follow_the_level_of_their_network(
        self, version: Version, alice: User
    ) -> None:
        ours, theirs = picture_of(version), picture_of(version, png(seed=1))
        Picture.objects.filter(pk=theirs.pk).update(is_preview=False)
        update_network(network=version.network, by=alice, content_level="mature")
        ours.refresh_from_db()
        theirs.refresh_from_db()
        assert (ours.content_level, theirs.content_level) == ("mature", "general")


class TestTheDatabase:
    def test_one_unfinished_grid_of_a_version_on_a_base_model(
        self, version: Version, base_model: BaseModel, alice: User
    ) -> None:
        grid = ask_for_grid(version=version, by=alice)
        grid.pk = None
        with pytest.raises(IntegrityError), transaction.atomic():
            grid.save(force_insert=True)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"state": "done"},
            {"state": "waiting", "sha256": "0" * 64},
            {"state": "storing", "sha256": "x"},
            {"seed": -1},
        ],
    )
    def test_a_cell_is_what_its_state_says(
        self, wrong: dict[str, object], version: Version, base_model: BaseModel, alice: User
    ) -> None:
        grid = ask_for_grid(version=version, by=alice)
        with pytest.raises(IntegrityError), transaction.atomic():
            Cell.objects.filter(grid=grid, row=0, column=0).update(**wrong)

    def test_a_place_is_taken_once(
        self, version: Version, base_model: BaseModel, alice: User
    ) -> None:
        cell = ask_for_grid(version=version, by=alice).cells.all()[0]
        cell.pk, cell.multiplier = None, 3.0
        with pytest.raises(IntegrityError), transaction.atomic():
            cell.save(force_insert=True)


def finish(grid: PreviewGrid) -> None:
    """As its job would, without a picture."""
    from django.utils import timezone

    Job.objects.filter(payload__grid=grid.pk).update(state=Job.State.DONE, ended_at=timezone.now())
    PreviewGrid.objects.filter(pk=grid.pk).update(
        status=PreviewGrid.Status.DONE, finished_at=timezone.now()
    )
