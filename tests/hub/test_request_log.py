"""Whose address a request has; what is logged of it is in test_logging.py."""

import pytest
from django.test import RequestFactory
from pytest_django import Settings

from hub.request_log import address_of


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "", "192.0.2.1"),
        (0, "203.0.113.9", "192.0.2.1"),  # what anyone may say of himself
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "10.9.9.9, 203.0.113.9", "203.0.113.9"),
        (2, "10.9.9.9, 203.0.113.9, 198.51.100.7", "203.0.113.9"),
        (2, "203.0.113.9", "192.0.2.1"),  # did not come through both
        (1, "", "192.0.2.1"),
        (1, "2001:DB8::1", "2001:db8::1"),
        (1, "nonsense", None),
    ],
)
def test_only_trusted_proxies_tell_an_address(
    settings: Settings, proxies: int, forwarded: str, address: str | None
) -> None:
    settings.TRUSTED_PROXIES = proxies
    headers = {"x-forwarded-for": forwarded} if forwarded else {}
    request = RequestFactory().get("/", headers=headers, REMOTE_ADDR="192.0.2.1")

    assert address_of(request) == address


def test_a_socket_of_the_machine_has_no_address(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = 0

    assert address_of(RequestFactory().get("/", REMOTE_ADDR="")) is None
