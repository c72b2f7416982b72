"""Fixtures of the domain's tests."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer
from pytest_django.fixtures import Settings


@pytest.fixture
def own_files(tmp_path: Path, settings: Settings) -> Path:
    """An empty storage that no other test writes to."""
    files = tmp_path / "files"
    settings.MEDIA_ROOT = str(files)
    settings.INCOMING_ROOT = str(files / "incoming")
    return files


@pytest.fixture
def object_store(own_files: Path, settings: Settings) -> Iterator[str]:
    """The default storage is a bucket, as with S3_BUCKET in the environment; its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    keys = {"access_key": "key", "secret_key": "secret", "endpoint_url": address}
    bucket = boto3.resource(
        "s3",
        endpoint_url=address,
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        region_name="us-east-1",
    ).create_bucket(Bucket=f"hub-{uuid.uuid4()}")  # moto remembers those of other tests
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "registry.object_storage.BucketStorage",
            "OPTIONS": {
                **keys,
                "bucket_name": bucket.name,
                "region_name": "us-east-1",
                "addressing_style": "path",
                "signature_version": "s3v4",
                "file_overwrite": True,
            },
        }
    }
    yield address
    server.stop()
