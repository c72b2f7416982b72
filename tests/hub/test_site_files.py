"""What browsers and crawlers ask for by name."""

from django.contrib.staticfiles import finders
from django.test import Client


def test_crawlers_stay_out_of_accounts_and_the_api(client: Client) -> None:
    response = client.get("/robots.txt")

    assert response["Content-Type"].startswith("text/plain")
    assert "Disallow: /account/" in response.content.decode()
    assert "Disallow: /api/" in response.content.decode()


def test_the_manifest_names_icons_that_exist(client: Client) -> None:
    response = client.get("/manifest.webmanifest")

    assert response["Content-Type"] == "application/manifest+json"
    for icon in response.json()["icons"]:
        assert finders.find(icon["src"].removeprefix("/static/")), icon


def test_pages_that_name_no_icon_get_ours(client: Client) -> None:
    icon = client.get("/favicon.ico")["Location"]

    assert finders.find(icon.removeprefix("/static/")), icon
