"""Bytes out of real servers: gunicorn alone, behind nginx by X-Accel-Redirect, and from S3."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

import pytest
from django.conf import settings
from django.test import Client

from registry.formats.flavors import Flavor
from registry.models import User, Version
from tests.factories import NetworkFactory, PublishedVersionFactory
from tests.web import LONG, free_port, gunicorn, has_nginx, nginx

CONTENT = hashlib.shake_256(b"weights").digest(2_000_003)
TEMPLATE = Path("deploy/nginx.conf.template")


@pytest.fixture
def version(alice: User) -> Version:
    return PublishedVersionFactory(
        network=NetworkFactory(creator=alice), contents={Flavor.PORTABLE: CONTENT}
    )


def get(port: int, path: str, method: str = "GET", **headers: str) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=LONG)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def location(port: int, version: Version) -> str:
    """Where the redirect leads, on this very host."""
    response, _ = get(port, f"/api/download/models/{version.pk}")
    assert response.status == 307
    address = urlsplit(response.headers["Location"])
    assert address.netloc == f"127.0.0.1:{port}"
    return address.path


class Served:
    """The promises of a download, whoever sends the bytes."""

    def test_the_whole(self, port: int, version: Version) -> None:
        response, body = get(port, location(port, version))
        assert (response.status, body) == (200, CONTENT)
        assert response.headers["Content-Length"] == str(len(CONTENT))
        assert response.headers["ETag"] == f'"{hashlib.sha256(CONTENT).hexdigest()}"'
        assert response.headers["Accept-Ranges"] == "bytes"
        assert response.headers["Content-Type"] == "application/octet-stream"
        named = f'attachment; filename="{version.stem}.pt"'
        assert response.headers["Content-Disposition"] == named
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in response.headers["Content-Security-Policy"]

    def test_any_part(self, port: int, version: Version) -> None:
        path, size = location(port, version), len(CONTENT)
        for first, last in ((0, 0), (1, 1_000_000), (size - 1, size - 1), (777_777, size - 1)):
            response, body = get(port, path, Range=f"bytes={first}-{last}")
            assert (response.status, body) == (206, CONTENT[first : last + 1])
            assert response.headers["Content-Range"] == f"bytes {first}-{last}/{size}"
        assert get(port, path, Range="bytes=-100")[1] == CONTENT[-100:]
        response, _ = get(port, path, Range=f"bytes={size}-")
        assert response.status == 416
        assert response.headers["Content-Range"] == f"bytes */{size}"

    def test_a_part_only_of_the_same_bytes(self, port: int, version: Version) -> None:
        path = location(port, version)
        etag = get(port, path, "HEAD")[0].headers["ETag"]
        same, part = get(port, path, Range="bytes=5-9", **{"If-Range": etag})
        assert (same.status, part) == (206, CONTENT[5:10])
        other, whole = get(port, path, Range="bytes=5-9", **{"If-Range": '"other"'})
        assert (other.status, whole) == (200, CONTENT)

    def test_what_one_has_already(self, port: int, version: Version) -> None:
        path = location(port, version)
        etag = get(port, path, "HEAD")[0].headers["ETag"]
        response, body = get(port, path, **{"If-None-Match": etag})
        assert (response.status, body) == (304, b"")

    def test_head(self, port: int, version: Version) -> None:
        response, body = get(port, location(port, version), "HEAD")
        assert (response.status, body) == (200, b"")
        assert response.headers["Content-Length"] == str(len(CONTENT))


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
class TestByGunicorn(Served):
    @pytest.fixture
    def port(self, process_environment: dict[str, str]) -> Iterator[int]:
        with gunicorn(process_environment) as web:
            yield web.port


@pytest.mark.slow
@pytest.mark.skipif(not has_nginx(), reason="nginx is not installed")
@pytest.mark.django_db(transaction=True)
class TestByNginx(Served):
    """With the configuration that we ship."""

    @pytest.fixture
    def port(self, process_environment: dict[str, str]) -> Iterator[int]:
        environment = {**process_environment, "ACCEL_REDIRECT": "/protected/"}
        with gunicorn(environment) as web:
            listen = free_port()
            with nginx(shipped(listen, web.port)):
                yield listen

    def test_nobody_gets_there_without_the_hub(self, port: int, version: Version) -> None:
        file = version.files.get(is_primary=True)
        assert file.blob is not None
        assert get(port, f"/protected/{file.blob.key}")[0].status == 404


def shipped(listen: int, web: int) -> str:
    """Our template, filled in as the image does it."""
    text = TEMPLATE.read_text()
    data = Path(settings.MEDIA_ROOT).parent
    for name, value in {"LISTEN": f"127.0.0.1:{listen}", "WEB": f"127.0.0.1:{web}"}.items():
        text = text.replace(f"${{{name}}}", value)
    return text.replace("${DATA}", str(data))


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_hundred_ranged_downloads_at_once_end_whole(
    process_environment: dict[str, str], version: Version
) -> None:
    with gunicorn(process_environment, processes=2) as web:
        path = location(web.port, version)

        def resumed(number: int) -> bytes:
            """A download that broke off somewhere, and its rest."""
            at = number * len(CONTENT) // 200
            first = get(web.port, path, Range=f"bytes=0-{at}")[1]
            return first + get(web.port, path, Range=f"bytes={at + 1}-")[1]

        with ThreadPoolExecutor(200) as pool:
            wholes = list(pool.map(resumed, range(200)))
    expected = hashlib.sha256(CONTENT).digest()
    assert all(hashlib.sha256(whole).digest() == expected for whole in wholes)


@pytest.mark.django_db
def test_from_the_object_store_by_a_signed_address(
    object_store: str, anonymous: Client, alice: User
) -> None:
    version = PublishedVersionFactory(
        network=NetworkFactory(creator=alice), contents={Flavor.PORTABLE: CONTENT}
    )
    answer = anonymous.get(f"/api/download/models/{version.pk}")
    assert answer.status_code == 307
    address = answer["Location"]
    query = parse_qs(urlsplit(address).query)
    assert query["X-Amz-Expires"] == ["600"]
    assert query["X-Amz-Signature"]
    named = f'attachment; filename="{version.stem}.pt"'
    assert query["response-content-disposition"] == [named]
    ranged = Request(address, headers={"Range": "bytes=10-19"})  # noqa: S310 - our own store
    with urlopen(ranged, timeout=LONG) as part:  # noqa: S310
        assert (part.status, part.read()) == (206, CONTENT[10:20])
    with urlopen(address, timeout=LONG) as whole:  # noqa: S310
        assert whole.read() == CONTENT
        assert whole.headers["Content-Disposition"] == named
        assert whole.headers["Content-Type"] == "application/octet-stream"


@pytest.mark.django_db
def test_the_object_store_knows_a_file_by_its_bytes_alone(
    object_store: str, anonymous: Client, alice: User
) -> None:
    """Its ETag is of the whole, though the file is larger than what boto3 sends in parts."""
    content = hashlib.shake_256(b"large").digest(9 << 20)
    version = PublishedVersionFactory(
        network=NetworkFactory(creator=alice), contents={Flavor.PORTABLE: content}
    )
    address = anonymous.get(f"/api/download/models/{version.pk}")["Location"]
    with urlopen(address, timeout=LONG) as whole:  # noqa: S310 - our own store
        etag = whole.headers["ETag"]
        assert whole.headers["Accept-Ranges"] == "bytes"
        assert whole.headers["x-amz-meta-sha256"] == hashlib.sha256(content).hexdigest()
    assert etag == f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
    headers = {"Range": "bytes=5-9", "If-Match": etag}
    with urlopen(Request(address, headers=headers), timeout=LONG) as part:  # noqa: S310
        assert (part.status, part.read()) == (206, content[5:10])
