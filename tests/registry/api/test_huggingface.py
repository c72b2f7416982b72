"""The Hugging Face endpoints of api.md: with `huggingface_hub` itself, then header by header."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from registry import counters
from registry.api_keys import create_api_key
from registry.formats.flavors import Flavor
from registry.models import Download, File, Scope, User, Version
from registry.networks import delete_network
from registry.publishing import yank_version
from tests.factories import CheckedVersionFactory, NetworkFactory, PublishedVersionFactory

CLIENT = "import json, sys; import huggingface_hub as hub; from huggingface_hub import errors\n"


@transaction.atomic
def published(creator: User, slug: str = "ink-wash", **words: Any) -> Version:
    network_words = {key: words.pop(key) for key in ("tags", "content_level") if key in words}
    network = NetworkFactory(
        creator=creator, slug=slug, name=slug.replace("-", " ").capitalize(), **network_words
    )
    version: Version = PublishedVersionFactory(network=network, **words)
    return version


def stored(file: File) -> bytes:
    assert file.blob is not None
    with default_storage.open(file.blob.key) as bytes_of_it:
        content: bytes = bytes_of_it.read()
    return content


class HuggingFaceClient:
    """`huggingface_hub` in a process of its own: it reads its environment when it is imported."""

    def __init__(self, endpoint: str, home: Path) -> None:
        self.home = home
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HF_")},
            "HF_ENDPOINT": endpoint,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }

    def __call__(self, script: str, **words: str) -> Any:
        """What the script gives to `say`, through JSON; `words` are its globals."""
        lines = [CLIENT, "say = lambda value: print(json.dumps(value, default=str))"]
        lines += [f"{name} = {value!r}" for name, value in words.items()]
        done = subprocess.run(
            [sys.executable, "-c", "\n".join([*lines, script])],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def client(live_server: LiveServer, tmp_path: Path) -> HuggingFaceClient:
    return HuggingFaceClient(live_server.url, tmp_path / "huggingface")


class TestTheClientItself:
    def test_downloads_a_file_byte_for_byte(self, client: HuggingFaceClient, alice: User) -> None:
        version = published(alice)
        primary = version.files.get(is_primary=True)
        path = client("say(hub.hf_hub_download('alice/ink-wash', name))", name=primary.name)
        assert Path(path).read_bytes() == stored(primary)
        assert counters.drain() == 1
        assert Download.objects.get().file == primary

    def test_downloads_the_whole_repository(self, client: HuggingFaceClient, alice: User) -> None:
        version = published(alice)
        folder = Path(client("say(hub.snapshot_download('alice/ink-wash'))"))
        files = {file.name: stored(file) for file in version.files.all()}
        assert len(files) == 2
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == files

    def test_names_revisions_as_main_by_name_and_by_commit(
        self, client: HuggingFaceClient, alice: User
    ) -> None:
        old = published(alice)
        new: Version = PublishedVersionFactory(network=old.network, name="v2 soft")
        said = client(
            """
api = hub.HfApi()
main = api.model_info("alice/ink-wash")
old = api.model_info("alice/ink-wash", revision="v1")
new = api.model_info("alice/ink-wash", revision="v2 soft")
again = api.model_info("alice/ink-wash", revision=old.sha)
say({
    "shas": [main.sha, new.sha, old.sha, again.sha],
    "files": [sibling.rfilename for sibling in again.siblings],
    "path": hub.hf_hub_download("alice/ink-wash", name, revision="v2 soft"),
})""",
            name=new.files.get(is_primary=True).name,
        )
        main, by_name, first, again = said["shas"]
        assert main == by_name
        assert first == again != main
        assert said["files"] == [file.name for file in old.files.all()]
        assert Path(said["path"]).read_bytes() == stored(new.files.get(is_primary=True))

    def test_knows_sizes_and_hashes_before_it_downloads(
        self, client: HuggingFaceClient, alice: User
    ) -> None:
        version = published(alice)
        said = client(
            """
api = hub.HfApi()
info = api.model_info("alice/ink-wash", files_metadata=True)
say({
    "names": api.list_repo_files("alice/ink-wash"),
    "tree": [[f.path, f.size, f.lfs.sha256] for f in api.list_repo_tree("alice/ink-wash")],
    "info": [[s.rfilename, s.size, s.lfs.sha256] for s in info.siblings],
})"""
        )
        files = [[file.name, file.size, file.sha256] for file in version.files.all()]
        assert said == {"names": [name for name, _, _ in files], "tree": files, "info": files}

    def test_tells_what_is_missing_by_its_kind(
        self, client: HuggingFaceClient, alice: User
    ) -> None:
        version = published(alice)
        said = client(
            """
def kind_of_error(*asked, **words):
    try:
        hub.hf_hub_download(*asked, **words)
    except Exception as error:
        return type(error).__name__
api = hub.HfApi()
say({
    "errors": [
        kind_of_error("alice/nothing", name),
        kind_of_error("alice/ink-wash", name, revision="v9"),
        kind_of_error("alice/ink-wash", name, revision="0" * 40),
        kind_of_error("alice/ink-wash", "README.md"),
    ],
    "repo": [api.repo_exists(each) for each in ("alice/ink-wash", "alice/nothing", "gpt2")],
    "file": [api.file_exists("alice/ink-wash", each) for each in (name, "config.json")],
    "revision": [api.revision_exists("alice/ink-wash", each) for each in ("main", "v9")],
})""",
            name=version.files.get(is_primary=True).name,
        )
        assert said == {
            "errors": [
                "RepositoryNotFoundError",
                "RevisionNotFoundError",
                "RevisionNotFoundError",
                "RemoteEntryNotFoundError",
            ],
            "repo": [True, False, False],
            "file": [True, False],
            "revision": [True, False],
        }

    def test_lists_searches_and_follows_pages(
        self, client: HuggingFaceClient, alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("registry.api.huggingface.MAX_LIMIT", 2)
        for slug in ("ink-wash", "ink-lines", "oil"):
            published(alice, slug, tags=["ink"] if "ink" in slug else [])
        published(bob, "chalk")
        published(bob, "dark", content_level="explicit")
        said = client(
            """
ids = lambda **asked: [model.id for model in hub.HfApi().list_models(**asked)]
say({
    "all": ids(),
    "oldest last": ids(sort="created_at"),
    "three": ids(limit=3),
    "alice's": ids(author="alice"),
    "found": ids(search="ink-wash"),
    "tagged": ids(filter="ink"),
    "none": ids(search="watercolour"),
})"""
        )
        everything = ["bob/chalk", "alice/oil", "alice/ink-lines", "alice/ink-wash"]
        assert said == {
            "all": everything,
            "oldest last": everything,
            "three": everything[:3],
            "alice's": everything[1:],
            "found": ["alice/ink-wash"],
            "tagged": ["alice/ink-lines", "alice/ink-wash"],
            "none": [],
        }

    def test_works_with_a_key_of_ours(self, client: HuggingFaceClient, alice: User) -> None:
        version = published(alice)
        key = create_api_key(user=alice, name="laptop", scopes=[Scope.READ], expires_at=None)[1]
        primary = version.files.get(is_primary=True)
        path = client(
            "say(hub.hf_hub_download('alice/ink-wash', name, token=key))",
            name=primary.name,
            key=key,
        )
        assert Path(path).read_bytes() == stored(primary)

    def test_goes_on_where_a_connection_broke(
        self, live_server: LiveServer, tmp_path: Path, alice: User
    ) -> None:
        # The client writes down 10 MiB at a time.
        content = os.urandom(12 << 20)
        version = published(alice, contents={Flavor.PORTABLE: content})
        with BreakingProxy(live_server.url, after=11 << 20) as proxy:
            client = HuggingFaceClient(proxy.url, tmp_path)
            path = client(
                "say(hub.hf_hub_download('alice/ink-wash', name))", name=f"{version.stem}.pt"
            )
        assert Path(path).read_bytes() == content
        assert proxy.breaks == 1
        # Had it begun again, the first 11 MiB would have come twice.
        assert proxy.passed < len(content) + (4 << 20)

    def test_a_deleted_network_is_disabled(self, client: HuggingFaceClient, alice: User) -> None:
        version = published(alice)
        name = version.files.get(is_primary=True).name
        delete_network(network=version.network, by=alice, reason="I made a better one.")
        said = client(
            """
info = hub.HfApi().model_info("alice/ink-wash")
try:
    hub.get_hf_file_metadata(hub.hf_hub_url("alice/ink-wash", name))
except errors.DisabledRepoError as error:
    say([info.disabled, info.siblings, error.response.status_code])""",
            name=name,
        )
        assert said == [True, [], 410]


class BreakingProxy:
    """Passes bytes on to a server, and breaks one connection after so many bytes of answer."""

    def __init__(self, target: str, *, after: int) -> None:
        host, _, port = target.removeprefix("http://").rpartition(":")
        self._target = (host, int(port))
        self._after = after
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.breaks = 0
        self.passed = 0

    def __enter__(self) -> "BreakingProxy":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                ours, _ = self._listener.accept()
            except OSError:
                return
            theirs = socket.create_connection(self._target)
            threading.Thread(target=self._up, args=(ours, theirs), daemon=True).start()
            threading.Thread(target=self._down, args=(theirs, ours), daemon=True).start()

    def _up(self, ours: socket.socket, theirs: socket.socket) -> None:
        for data in _received(ours):
            theirs.sendall(data)
        _end(theirs)

    def _down(self, theirs: socket.socket, ours: socket.socket) -> None:
        here = 0
        for data in _received(theirs):
            here += len(data)
            self.passed += len(data)
            if not self.breaks and here > self._after:
                self.breaks += 1
                break
            ours.sendall(data)
        _end(ours)
        _end(theirs)


def _received(connection: socket.socket) -> Iterator[bytes]:
    try:
        while data := connection.recv(1 << 16):
            yield data
    except OSError:
        return


def _end(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


@pytest.mark.django_db
class TestHeaders:
    def test_a_head_says_everything_without_a_redirect(
        self, anonymous: Client, alice: User
    ) -> None:
        file = published(alice).files.get(is_primary=True)
        answer = anonymous.head(f"/alice/ink-wash/resolve/main/{file.name}")
        assert answer.status_code == 200
        assert answer["Content-Length"] == answer["X-Linked-Size"] == str(file.size)
        assert answer["ETag"] == answer["X-Linked-Etag"] == f'"{file.sha256}"'
        assert answer["Accept-Ranges"] == "bytes"
        assert answer["Content-Type"] == "application/octet-stream"
        assert len(answer["X-Repo-Commit"]) == 40
        assert counters.drain() == 0

    def test_a_get_leads_to_the_bytes_and_takes_ranges_along(
        self, anonymous: Client, alice: User
    ) -> None:
        file = published(alice).files.get(is_primary=True)
        head = anonymous.head(f"/alice/ink-wash/resolve/main/{file.name}")
        answer = anonymous.get(f"/alice/ink-wash/resolve/main/{file.name}")
        assert answer.status_code == 307
        for name in ("X-Repo-Commit", "X-Linked-Etag", "X-Linked-Size"):
            assert answer[name] == head[name]
        location = answer["Location"].removeprefix("http://testserver")
        part: Any = anonymous.get(location, headers={"Range": "bytes=5-"})
        assert part.status_code == 206
        assert b"".join(part.streaming_content) == stored(file)[5:]
        assert counters.drain() == 1

    def test_no_xet(self, anonymous: Client, alice: User) -> None:
        file = published(alice).files.get(is_primary=True)
        for answer in (
            anonymous.head(f"/alice/ink-wash/resolve/main/{file.name}"),
            anonymous.get(f"/alice/ink-wash/resolve/main/{file.name}"),
            anonymous.get("/api/models/alice/ink-wash/tree/main?recursive=true"),
        ):
            assert not [name for name in answer.headers if name.lower().startswith("x-xet")]

    @pytest.mark.parametrize(
        ("address", "code"),
        [
            ("/alice/ink-wash/resolve/main/nothing.pt", "EntryNotFound"),
            ("/alice/ink-wash/resolve/v9/nothing.pt", "RevisionNotFound"),
            ("/alice/nothing/resolve/main/nothing.pt", "RepoNotFound"),
            ("/alice/%00/resolve/main/nothing.pt", "RepoNotFound"),
            ("/api/models/alice/nothing", "RepoNotFound"),
            ("/api/models/alice/ink-wash/revision/v9", "RevisionNotFound"),
            ("/api/models/alice/ink-wash/tree/v9", "RevisionNotFound"),
            ("/api/models/alice/ink-wash/tree/main/folder", "EntryNotFound"),
        ],
    )
    @pytest.mark.parametrize("method", ["get", "head"])
    def test_what_is_missing(
        self, anonymous: Client, alice: User, method: str, address: str, code: str
    ) -> None:
        published(alice)
        answer = getattr(anonymous, method)(address)
        assert answer.status_code == 404
        assert answer["X-Error-Code"] == code
        assert ("X-Repo-Commit" in answer) == (code == "EntryNotFound")

    def test_the_end_of_a_list_has_no_link(self, anonymous: Client, alice: User) -> None:
        published(alice, "ink-wash")
        published(alice, "oil")
        first = anonymous.get("/api/models?limit=1&author=alice")
        assert first["Link"].endswith('>; rel="next"')
        following = first["Link"].removeprefix("<").partition(">")[0]
        last = anonymous.get(following)
        assert [item["id"] for item in first.json() + last.json()] == [
            "alice/oil",
            "alice/ink-wash",
        ]
        assert "Link" not in last

    def test_a_longer_list_takes_no_more_queries(
        self, anonymous: Client, alice: User, django_assert_num_queries: Any
    ) -> None:
        published(alice, "ink-wash", tags=["ink"])
        with CaptureQueriesContext(connection) as one:
            anonymous.get("/api/models")
        for slug in ("oil", "chalk"):
            published(alice, slug, tags=["ink", slug])
        with django_assert_num_queries(len(one)):
            assert len(anonymous.get("/api/models").json()) == 3

    def test_values_that_are_not_taken_are_named(self, anonymous: Client) -> None:
        answer = anonymous.get("/api/models?sort=trendingScore")
        assert answer.status_code == 400
        [issue] = answer.json()["error"]["issues"]
        assert issue["options"] == ["lastModified", "createdAt", "downloads", "likes"]

    def test_object_ids_are_those_that_git_would_give(self, anonymous: Client, alice: User) -> None:
        file = published(alice).files.get(is_primary=True)
        entry = anonymous.get("/api/models/alice/ink-wash/tree/main").json()[0]
        pointer = (
            "version https://git-lfs.github.com/spec/v1\n"
            f"oid sha256:{file.sha256}\nsize {file.size}\n"
        ).encode()
        assert entry["lfs"]["pointerSize"] == len(pointer)
        git = b"blob %d\0%b" % (len(pointer), pointer)
        assert entry["oid"] == hashlib.sha1(git, usedforsecurity=False).hexdigest()


@pytest.mark.django_db
class TestWhoSeesWhat:
    def test_drafts_are_no_commits_even_for_their_owner(
        self, anonymous: Client, alice_client: Client, alice: User
    ) -> None:
        draft = CheckedVersionFactory(network=NetworkFactory(creator=alice, slug="ink-wash"))
        address = "/api/models/alice/ink-wash"
        assert anonymous.get(address)["X-Error-Code"] == "RepoNotFound"
        assert alice_client.get(address)["X-Error-Code"] == "RevisionNotFound"
        by_name = alice_client.get(f"{address}/revision/{draft.name}")
        assert by_name["X-Error-Code"] == "RevisionNotFound"

    def test_withdrawn_versions_are_found_by_name_and_are_not_main(
        self, anonymous: Client, alice: User
    ) -> None:
        version = published(alice)
        commit = anonymous.get("/api/models/alice/ink-wash").json()["sha"]
        yank_version(version=version, reason="Too strong.", by=alice)
        assert anonymous.get("/api/models/alice/ink-wash")["X-Error-Code"] == "RevisionNotFound"
        for revision in ("v1", commit):
            found = anonymous.get(f"/api/models/alice/ink-wash/revision/{revision}")
            assert found.json()["sha"] == commit
        assert anonymous.get("/api/models").json() == []

    def test_nothing_of_a_blocked_creator(self, anonymous: Client, alice: User) -> None:
        published(alice)
        User.objects.filter(pk=alice.pk).update(blocked_at=timezone.now())
        assert anonymous.get("/api/models/alice/ink-wash")["X-Error-Code"] == "RepoNotFound"
