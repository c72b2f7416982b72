"""The admin: base models are entered and looked at then and there; grids are read and cancelled."""

from pathlib import Path

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from safetensors.numpy import save_file

from inference.models import BaseModel, PreviewGrid
from inference.previews import ask_for_grid
from registry.models import AuditEvent, User
from tests.factories import CheckedVersionFactory, NetworkFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "v1-5.safetensors"
    save_file({"a": np.zeros(3, dtype=np.float32)}, path)
    return path


def form(**words: object) -> dict[str, object]:
    """As the page sends it; the suite comes with the base model."""
    inline = {f"suite-{name}_FORMS": 0 for name in ("TOTAL", "INITIAL")}
    return {
        **{"name": "SD 1.5", "family": "sd1", "is_enabled": "on", "stands_for": "SD 1.5"},
        **{"clip_skip": 1, "precision": "fp32", "scheduler": "DPM++ 2M", "steps": 20},
        **{"cfg_scale": 7, "width": 512, "height": 512, "prediction_type": ""},
        **inline,
        **words,
    }


def test_a_base_model_is_entered(boss_client: Client, boss: User, weights: Path) -> None:
    place = reverse("admin:inference_basemodel_add")
    assert boss_client.get(place).status_code == 200
    answer = boss_client.post(place, form(path=str(weights)))
    assert answer.status_code == 302, answer.context["errors"]
    base_model = BaseModel.objects.get()
    assert (base_model.origin, base_model.stands_for) == ("admin", ["SD 1.5"])
    assert base_model.suite.count() == 8
    event = AuditEvent.objects.get(action="base_model.registered")
    assert event.actor == boss


def test_it_is_changed(boss_client: Client, weights: Path) -> None:
    boss_client.post(reverse("admin:inference_basemodel_add"), form(path=str(weights)))
    base_model = BaseModel.objects.get()
    place = reverse("admin:inference_basemodel_change", args=[base_model.pk])
    assert boss_client.get(place).status_code == 200
    answer = boss_client.post(place, form(path=str(weights), name="SD 1.5 again", clip_skip=2))
    assert answer.status_code == 302, answer.context["errors"]
    changed = BaseModel.objects.get()
    assert (changed.pk, changed.name, changed.clip_skip) == (base_model.pk, "SD 1.5 again", 2)


def test_a_wrong_path_is_said_on_the_page(boss_client: Client) -> None:
    place = reverse("admin:inference_basemodel_add")
    answer = boss_client.post(place, form(path="/gone.safetensors"))
    assert answer.status_code == 200
    assert "There is nothing at /gone.safetensors." in answer.content.decode()
    assert not BaseModel.objects.exists()


def test_grids_are_looked_up_and_cancelled(
    boss_client: Client, alice: User, base_model: BaseModel
) -> None:
    version = CheckedVersionFactory(network=NetworkFactory(creator=alice))
    grid = ask_for_grid(version=version, by=alice)
    place = reverse("admin:inference_previewgrid_changelist")
    assert version.stem in boss_client.get(f"{place}?q={version.stem}").content.decode()
    page = reverse("admin:inference_previewgrid_change", args=[grid.pk])
    assert boss_client.get(page).status_code == 200
    boss_client.post(place, {"action": "cancel", "_selected_action": [grid.pk]})
    grid.refresh_from_db()
    assert grid.status == PreviewGrid.Status.CANCELLED


def test_members_see_nothing_of_it(alice_client: Client) -> None:
    for model in ("basemodel", "previewgrid"):
        answer = alice_client.get(reverse(f"admin:inference_{model}_changelist"))
        assert answer.status_code == 302
