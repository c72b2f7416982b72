"""Publishing a file from the terminal."""

from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from registry.models import ContentLevel, Network, Upload, User, Version
from tests.uploads import FIXTURES, served, stored_keys

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_files")]
SD2 = FIXTURES / "sd2_softsign.pt"
SD1 = FIXTURES / "linear_default.pt"
NEW = ("--creator", "alice", "--name", "Ink wash", "--kind", "style")


def publish(path: Path, *options: str) -> str:
    out, err = StringIO(), StringIO()
    call_command("publish", str(path), *options, stdout=out, stderr=err)
    return err.getvalue() + out.getvalue()


def test_a_file_and_a_few_words_are_a_published_network(alice: User) -> None:
    said = publish(SD1, *NEW, "--tags", "ink, line art", "--trigger-words", "inkwash,wet")
    network = Network.objects.listed(up_to=ContentLevel.GENERAL).get()
    version = network.versions.get()
    assert network.get_absolute_url() == "/alice/ink-wash"
    assert [tag.name for tag in network.tags.all()] == ["ink", "line art"]
    assert version.trigger_words == ["inkwash", "wet"]
    assert version.base_model == "SD 1.5"
    assert f"/api/download/models/{version.pk}" in said and "/alice/ink-wash" in said
    assert len(served(version.files.get(is_primary=True))) > 100_000


def test_the_next_version_of_a_network(alice: User) -> None:
    publish(SD1, *NEW)
    publish(SD2, "--creator", "alice", "--network", "ink-wash", "--changelog", "For SD 2.")
    network = Network.objects.get()
    assert [(v.name, v.base_model) for v in network.versions.all()] == [
        ("v2", "SD 2.1"),
        ("v1", "SD 1.5"),
    ]
    assert network.base_models == ["SD 1.5", "SD 2.1"]


def test_words_from_a_yaml_file_with_options_over_them(alice: User, tmp_path: Path) -> None:
    words = tmp_path / "ink.yaml"
    words.write_text(
        "creator: alice\nname: Ink\nkind: style\ntags: [ink, wash]\nversion_name: 1.0\n"
        "trigger_words: [inkwash]\nrecommended_strength: 0.6\nlicence: CC0-1.0\n"
    )
    publish(SD1, "--yaml", str(words), "--name", "Ink, wet")
    network = Network.objects.get()
    version = network.versions.get()
    assert (network.name, network.slug, network.licence) == ("Ink, wet", "ink-wet", "CC0-1.0")
    assert (version.name, version.recommended_strength) == ("1.0", 0.6)
    assert version.strength_source == Version.StrengthSource.CREATOR


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--name", "Ink", "--kind", "style"), "no creator"),
        (("--creator", "alice", "--name", "Ink"), "--name and --kind"),
        (("--creator", "alice", "--network", "none"), "does not exist"),
        (("--creator", "alice", "--network", "ink", "--tags", "a"), "existing one"),
        ((*NEW, "--base-model", "SD 2.1"), "layers fit SD 1.4, SD 1.5"),
        ((*NEW, "--version-name", "main"), "meaning of its own"),
        ((*NEW, "--recommended-strength", "9"), "less than or equal to 4"),
        ((*NEW, "--tags", "a/b"), "1 to 50 letters"),
        ((*NEW, "--publish-at", "soon"), "is no time"),
        ((*NEW, "--publish-at", "2001-01-01T00:00Z"), "time is past"),
    ],
)
def test_what_is_not_taken_is_said(alice: User, options: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        publish(SD1, *options)
    assert not Network.objects.listed(up_to=ContentLevel.EXPLICIT).exists()


def test_a_refused_file_leaves_nothing_behind(alice: User, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.pt"
    damaged.write_bytes(SD1.read_bytes()[:-1])
    with pytest.raises(CommandError, match="Not taken"):
        publish(damaged, *NEW)
    assert not Network.objects.exists() and not stored_keys()
    assert Upload.objects.get().state == Upload.State.REFUSED


def test_a_file_that_is_not_there(alice: User, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no file"):
        publish(tmp_path / "none.pt", *NEW)


def test_unknown_keys_are_not_overlooked(alice: User, tmp_path: Path) -> None:
    words = tmp_path / "ink.yaml"
    words.write_text("creator: alice\nnmae: Ink\n")
    with pytest.raises(CommandError, match="unknown keys: nmae"):
        publish(SD1, "--yaml", str(words))


@pytest.mark.parametrize("content", ["- a list", "a: [", "\xff"])
def test_a_file_that_is_no_yaml(alice: User, tmp_path: Path, content: str) -> None:
    words = tmp_path / "ink.yaml"
    words.write_text(content, encoding="latin-1")
    with pytest.raises(CommandError):
        publish(SD1, "--yaml", str(words))


def test_it_can_wait_as_a_draft_or_for_its_time(alice: User) -> None:
    publish(SD1, *NEW, "--draft")
    at = timezone.now() + timedelta(days=1)
    publish(SD2, *NEW, "--slug", "later", "--publish-at", at.isoformat())
    draft, later = Version.objects.order_by("pk")
    assert draft.status == Version.Status.DRAFT and draft.weights_hash
    assert (later.status, later.publish_at) == (Version.Status.SCHEDULED, at)


def test_findings_are_told(alice: User, bob: User) -> None:
    publish(SD1, *NEW)
    options: Any = ("--creator", "bob", "--name", "Mine", "--kind", "style")
    assert "alice has published these very weights" in publish(SD1, *options)
