"""Base models become known: from BASE_MODELS, from the project's own folder, or are refused."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from pytest_django import Settings
from safetensors.numpy import save_file

from inference.base_models import register_base_model, sync_base_models
from inference.models import BaseModel
from registry.models import AuditEvent, Network
from tests.factories import CheckedVersionFactory
from tests.inference.conftest import make_base_model

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_demo(settings: Settings, tmp_path: Path) -> None:
    settings.DEMO_BASE = tmp_path / "no demo"
    settings.DEMO_ENCODER = tmp_path / "no encoder"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    import numpy as np

    path = tmp_path / "v1-5.safetensors"
    save_file({"a": np.zeros(3, dtype=np.float32)}, path)
    return path


def synced(settings: Settings, *entries: Mapping[str, object]) -> dict[str, str]:
    settings.BASE_MODELS = list(entries)
    return dict(sync_base_models())


class TestFromSettings:
    def test_an_entry_becomes_a_base_model(self, settings: Settings, weights: Path) -> None:
        entry = {"name": "SD 1.5", "family": "sd1", "path": str(weights), "stands_for": ["SD 1.5"]}
        assert synced(settings, entry) == {"SD 1.5": ""}
        base = BaseModel.objects.get()
        assert (base.origin, base.width, base.precision) == ("settings", 512, "fp32")
        import hashlib

        assert base.hash == hashlib.sha256(weights.read_bytes()).hexdigest()
        assert base.suite.filter(kind=Network.Kind.STYLE).count() == 4
        assert base.suite.filter(kind=Network.Kind.SUBJECT).count() == 4
        assert AuditEvent.objects.filter(action="base_model.registered").count() == 1

    def test_again_changes_nothing(self, settings: Settings, weights: Path) -> None:
        entry = {"name": "SD 1.5", "family": "sd1", "path": str(weights)}
        synced(settings, entry)
        before = BaseModel.objects.get().updated_at
        synced(settings, entry)
        assert BaseModel.objects.get().updated_at == before

    def test_new_weights_under_an_old_name(self, settings: Settings, weights: Path) -> None:
        import numpy as np

        entry = {"name": "SD 1.5", "family": "sd1", "path": str(weights)}
        synced(settings, entry)
        before = BaseModel.objects.get().hash
        save_file({"a": np.ones(4, dtype=np.float32)}, weights)
        synced(settings, entry)
        assert BaseModel.objects.get().hash != before

    def test_sd2_is_larger(self, settings: Settings, weights: Path) -> None:
        synced(settings, {"name": "SD 2.1", "family": "sd2", "path": str(weights)})
        assert BaseModel.objects.get().width == 768

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"path": "/gone.safetensors"}, "nothing at /gone"),
            ({"family": "sdxl"}, "sdxl"),
            ({"clip_skip": 99}, "12"),
            ({"encoder_path": "/gone"}, "nothing at /gone"),
        ],
    )
    def test_what_is_wrong_is_said_and_others_go_on(
        self, change: dict[str, object], said: str, settings: Settings, weights: Path
    ) -> None:
        good = {"name": "good", "family": "sd1", "path": str(weights)}
        outcome = synced(settings, {**good, "name": "bad", **change}, good)
        assert said in outcome["bad"]
        assert outcome["good"] == ""
        assert [each.name for each in BaseModel.objects.all()] == ["good"]

    def test_a_ckpt(self, settings: Settings, tmp_path: Path) -> None:
        path = tmp_path / "v1-5.ckpt"
        path.write_bytes(b"PK")
        outcome = synced(settings, {"name": "old", "family": "sd1", "path": str(path)})
        assert "can run anything" in outcome["old"]


class TestTheDemoBase:
    def test_it_registers_itself_when_its_folder_is_there(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        folder = tmp_path / "base"
        (folder / "unet").mkdir(parents=True)
        (folder / "model_index.json").write_text("{}")
        (folder / "unet" / "x.safetensors").write_bytes(b"weights")
        about = {"prompts": {"asked": 200, "shown_whole": 190}}
        (folder / "about.json").write_text(json.dumps(about))
        settings.DEMO_BASE = folder
        assert synced(settings) == {"HyperHub demo": ""}
        base = BaseModel.objects.get()
        assert base.is_demo
        assert (base.width, base.family) == (128, "sd1")
        assert "190" in base.about and "200" in base.about
        assert "cat" in base.suite.filter(kind=Network.Kind.SUBJECT)[0].text

    def test_without_its_folder_there_is_none(self, settings: Settings) -> None:
        assert synced(settings) == {}


class TestFitting:
    def test_the_model_that_it_was_trained_on_comes_first(self) -> None:
        named = make_base_model(name="SD 1.5")
        same = make_base_model(name="the same", stands_for=[])
        version = CheckedVersionFactory(trained_on_hash=same.hash[:10].upper())
        assert list(BaseModel.objects.fitting(version)) == [same, named]

    def test_a_real_one_before_the_demo(self) -> None:
        make_base_model(name="demo", is_demo=True)
        real = make_base_model(name="real")
        assert BaseModel.objects.fitting(CheckedVersionFactory()).first() == real

    def test_no_hash_and_no_name_fit_nothing(self) -> None:
        make_base_model()
        version = CheckedVersionFactory(base_model="SD 2.1", trained_on_hash="")
        assert not BaseModel.objects.fitting(version).exists()
        short = CheckedVersionFactory(base_model="", trained_on_hash="ab")
        assert not BaseModel.objects.fitting(short).exists()

    def test_what_is_out_of_use_does_not_count(self) -> None:
        make_base_model(is_enabled=False)
        assert not BaseModel.objects.fitting(CheckedVersionFactory()).exists()


@pytest.mark.parametrize(
    "words", [{"hash": "short"}, {"clip_skip": 0}, {"steps": 0}, {"width": 8}, {"height": 4096}]
)
def test_the_database_refuses_what_cannot_be(words: dict[str, object]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make_base_model(**words)


def test_two_of_one_name_are_one(weights: Path) -> None:
    words = {"name": "one", "family": "sd1", "path": str(weights)}
    first = register_base_model(by=None, origin="admin", **words)
    again = register_base_model(by=None, origin="admin", **words, clip_skip=2)
    assert first.pk == again.pk
    with pytest.raises(ValidationError):
        register_base_model(by=None, origin="admin", **words | {"precision": "int4"})
