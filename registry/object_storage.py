"""The default storage where it is a bucket: what an object says of itself when it is fetched.

A signed address leads to the store, whose answer has the store's own ETag; S3 lets nobody choose
it. Objects are therefore written in one piece, so that it is a digest of the bytes alone (of parts
it would change with their size), strong and the same for the same file. Our digest comes along as
`x-amz-meta-sha256`. An upload of 1 GiB fits: S3 takes 5 GiB in one piece.
"""

from typing import Any, Final

from boto3.s3.transfer import TransferConfig
from storages.backends.s3 import S3Storage

ONE_PIECE: Final = 5 << 30
BLOBS: Final = "blobs/"


class BucketStorage(S3Storage):  # type: ignore[misc]  # django-storages has no types
    def get_default_settings(self) -> dict[str, Any]:
        in_one_piece = TransferConfig(multipart_threshold=ONE_PIECE)
        return {**super().get_default_settings(), "transfer_config": in_one_piece}

    def get_object_parameters(self, name: str) -> dict[str, Any]:
        """Blobs are called by their SHA256."""
        parameters: dict[str, Any] = super().get_object_parameters(name)
        if name.startswith(BLOBS):
            parameters["Metadata"] = {"sha256": name.rpartition("/")[2]}
        return parameters
