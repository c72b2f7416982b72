"""`manage.py train_demo_networks`: what is there is left alone, what is not known is named."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from inference.engine.demo.networks import DEMO_NETWORKS
from tests.inference.bases import tiny_base


def test_an_unknown_name_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no demo network called demo-cubism"):
        call_command("train_demo_networks", "demo-cubism", f"--into={tmp_path}")


def test_finished_networks_are_not_trained_again(tmp_path: Path) -> None:
    for network in DEMO_NETWORKS:
        for suffix in (".pt", ".json"):
            (tmp_path / f"{network.name}{suffix}").write_bytes(b"finished")
    base = tiny_base(tmp_path / "base")
    out = StringIO()
    call_command("train_demo_networks", f"--into={tmp_path}", f"--base={base}", stdout=out)
    assert out.getvalue() == ""
    assert (tmp_path / "demo-neon.pt").read_bytes() == b"finished"


def test_without_a_base_model_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no base model at"):
        call_command("train_demo_networks", f"--into={tmp_path}", f"--base={tmp_path / 'nowhere'}")
