"""HTML that is kept beside the Markdown that it was made from."""

from importlib import import_module

import pytest
from django.apps import apps
from django.test import Client

from registry.models import Network, User, Version
from registry.networks import update_network
from tests.factories import NetworkFactory, PublishedVersionFactory, VersionFactory

pytestmark = pytest.mark.django_db


def kept(row: Network | Version) -> str:
    row.refresh_from_db()
    return row.description_html if isinstance(row, Network) else row.changelog_html


def test_made_when_a_row_is_saved() -> None:
    assert kept(NetworkFactory(description="*Wet* ink.")) == "<p><em>Wet</em> ink.</p>\n"
    assert kept(VersionFactory(changelog="Less **noise**.")) == (
        "<p>Less <strong>noise</strong>.</p>\n"
    )
    assert kept(NetworkFactory(description="")) == ""


def test_made_anew_when_the_text_changes(alice: User) -> None:
    network = NetworkFactory(creator=alice, description="Old.")
    update_network(network=network, by=alice, description="New.")
    assert kept(network) == "<p>New.</p>\n"


def test_what_is_kept_is_safe() -> None:
    html = kept(NetworkFactory(description="<script>alert(1)</script> [x](javascript:alert(1))"))
    assert "<script" not in html
    assert "href" not in html


def test_texts_from_before_are_rendered_by_the_migration(anonymous: Client) -> None:
    version = PublishedVersionFactory(changelog="Less *noise*.")
    Network.objects.update(description_html="")
    Version.objects.update(changelog_html="")
    # Until then, and for rows that code without the column writes:
    [model] = anonymous.get("/api/v1/models").json()["items"]
    assert "<strong>rough</strong>" in model["description"]
    import_module("registry.migrations.0009_rendered_texts").render(apps, None)
    assert "<strong>rough</strong>" in kept(version.network)
    assert kept(version) == "<p>Less <em>noise</em>.</p>\n"
