"""Where the static files are collected: named by their content, with a gzip copy beside each."""

from typing import Any

from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # untyped
    def create_compressor(self, **options: Any) -> Compressor:
        """Without Brotli, where it is installed: its best level takes a minute at first start."""
        return Compressor(use_brotli=False, **options)
