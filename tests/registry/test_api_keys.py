import re
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from registry import api_keys
from registry.api_keys import TooManyKeys, create_api_key, find_api_key, note_use, revoke_api_key
from registry.models import ApiKey, AuditEvent, Scope, User


def key_of(user: User, **changes: object) -> tuple[ApiKey, str]:
    wanted = {"name": "laptop", "scopes": [Scope.READ], "expires_at": None} | changes
    return create_api_key(user=user, **wanted)  # type: ignore[arg-type]


def test_a_secret_has_one_shape_which_a_double_click_selects_whole() -> None:
    secrets = {api_keys.new_secret() for _ in range(200)}

    assert len(secrets) == 200
    assert all(re.fullmatch(r"hnh_[0-9A-Za-z]{43}", secret) for secret in secrets)


def test_every_number_of_32_bytes_fits_the_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.api_keys.secrets.randbits", lambda bits: 2**bits - 1)
    greatest = api_keys.new_secret()
    monkeypatch.setattr("registry.api_keys.secrets.randbits", lambda bits: 0)

    assert len(greatest) == len(api_keys.new_secret()) == api_keys.LENGTH
    assert len(api_keys.LETTERS) ** 43 >= 2**256


def test_the_secret_is_stored_nowhere(alice: User) -> None:
    key, secret = key_of(alice)

    stored = [str(value) for row in ApiKey.objects.values() for value in row.values()]
    stored += [str(row) for row in AuditEvent.objects.values()]
    assert not any(secret in text for text in stored)
    assert key.prefix == secret[:12]
    assert len(key.digest) == 64


def test_a_key_is_found_by_its_secret(alice: User) -> None:
    key, secret = key_of(alice, scopes=["upload", "read"])

    found = find_api_key(secret)
    assert found == key
    assert found.user == alice
    assert found.scopes == ["read", "upload"]


@pytest.mark.parametrize(
    "wrong", ["", "hnh_", "hnh_" + "0" * 43, "x" * 47, "hnh_" + "é" * 43, "hnh_" + "0" * 44]
)
def test_another_secret_finds_nothing(alice: User, wrong: str) -> None:
    key_of(alice)

    assert find_api_key(wrong) is None


def test_a_revoked_key_finds_nothing_and_is_revoked_once(alice: User) -> None:
    key, secret = key_of(alice)

    revoke_api_key(key=key, by=alice)
    revoke_api_key(key=key, by=alice)

    assert find_api_key(secret) is None
    assert AuditEvent.objects.filter(action="key.revoked").count() == 1


def test_an_expired_key_finds_nothing(alice: User) -> None:
    _, secret = key_of(alice, expires_at=timezone.now() + timedelta(days=1))
    assert find_api_key(secret) is not None

    ApiKey.objects.update(expires_at=timezone.now())
    assert find_api_key(secret) is None


def test_the_keys_of_a_closed_account_find_nothing(alice: User) -> None:
    _, secret = key_of(alice)

    User.objects.update(is_active=False)
    assert find_api_key(secret) is None


def test_use_is_noted_at_most_once_a_minute(alice: User) -> None:
    key, _ = key_of(alice)

    note_use(key=key)
    first = ApiKey.objects.get().last_used_at
    note_use(key=ApiKey.objects.get())
    assert ApiKey.objects.get().last_used_at == first

    ApiKey.objects.update(last_used_at=timezone.now() - timedelta(seconds=61))
    note_use(key=ApiKey.objects.get())
    assert (ApiKey.objects.get().last_used_at or 0) > first  # type: ignore[operator]


def test_noting_use_within_the_minute_asks_the_database_nothing(
    alice: User, django_assert_num_queries: object
) -> None:
    key, _ = key_of(alice)
    note_use(key=key)

    with django_assert_num_queries(0):  # type: ignore[operator]
        note_use(key=key)


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"name": ""}, "name"), ({"name": "x" * 61}, "name"), ({"scopes": []}, "scopes")],
)
def test_a_key_needs_a_name_and_something_it_may_do(
    alice: User, changes: dict[str, object], field: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        key_of(alice, **changes)

    assert field in refused.value.message_dict
    assert not ApiKey.objects.exists()


def test_nobody_has_more_keys_in_use_than_anyone_may(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_keys, "MOST_KEYS", 2)
    first, _ = key_of(alice)
    key_of(alice)

    with pytest.raises(TooManyKeys) as refused:
        key_of(alice)
    assert refused.value.most == 2

    revoke_api_key(key=first, by=alice)
    key_of(alice)


def test_making_a_key_leaves_a_line(alice: User) -> None:
    key, _ = key_of(alice, name="WebUI")

    event = AuditEvent.objects.get(action="key.created")
    assert (event.actor, event.target) == (alice, f"registry.apikey:{key.pk}")
    assert event.data == {"name": "WebUI", "scopes": ["read"]}
