"""A server with real decoding, keys and small limits, shared by the tests that throw things at it."""

from __future__ import annotations

import pytest
from serve_runs import BLOBS, KEY, served

SETTINGS = 'keys_file = "keys.txt"\nmax_upload_bytes = 200000\nmax_batch = 3\nupload_seconds = 1.5'


@pytest.fixture(scope="session")
def guarded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "keys.txt").write_text(f"# clients\n\ntester:{KEY}\nother:another-key-of-a-test-0123\n")
    with served(program=BLOBS, folder=folder, settings=SETTINGS) as server:
        yield server
