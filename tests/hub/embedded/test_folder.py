import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from hub.embedded.binaries import Account, server_account
from hub.embedded.errors import DataFolderBusy, DiskFull, FolderUnusable
from hub.embedded.folder import ChildRecord, FolderLock, make_fit, started_at
from hub.embedded.paths import DataFolder
from tests.hub.embedded.stack import new_folder

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a disk, or changes the user")


@pytest.fixture
def data() -> Iterator[DataFolder]:
    data = DataFolder(new_folder())
    yield data
    shutil.rmtree(data.root.parent)


@pytest.fixture
def account() -> Account | None:
    return server_account()


class TestMakeFit:
    def test_a_new_folder_lets_nobody_else_in(
        self, data: DataFolder, account: Account | None
    ) -> None:
        make_fit(data, account)

        # As root, Postgres' user passes through to its own folder; it cannot look around.
        assert data.root.stat().st_mode & 0o777 == (0o711 if account else 0o700)
        assert data.files.stat().st_mode & 0o077 == 0
        assert data.logs.stat().st_mode & 0o077 == 0

    def test_an_existing_folders_mode_is_left_alone(
        self, data: DataFolder, account: Account | None
    ) -> None:
        data.root.mkdir(mode=0o755)
        make_fit(data, account)
        assert data.root.stat().st_mode & 0o777 == 0o755

    def test_a_path_too_long_for_a_socket_is_refused_before_anything_is_made(
        self, data: DataFolder, account: Account | None
    ) -> None:
        deep = DataFolder(data.root / ("x" * 100))
        with pytest.raises(FolderUnusable, match="too long"):
            make_fit(deep, account)
        assert not deep.root.exists()

    def test_a_file_in_its_place_is_refused(
        self, data: DataFolder, account: Account | None
    ) -> None:
        data.root.write_text("mine")
        with pytest.raises(FolderUnusable, match="cannot be written"):
            make_fit(data, account)
        assert data.root.read_text() == "mine"

    @as_root
    def test_a_folder_that_the_servers_user_cannot_enter_is_refused_and_not_opened(
        self, data: DataFolder, account: Account | None
    ) -> None:
        data.root.parent.chmod(0o700)
        with pytest.raises(FolderUnusable, match="may not enter"):
            make_fit(data, account)
        assert data.root.parent.stat().st_mode & 0o777 == 0o700

    @as_root
    def test_a_full_disk_is_a_sentence(self, data: DataFolder, account: Account | None) -> None:
        data.root.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", data.root])
        if mounted.returncode != 0:
            pytest.skip("no disk can be mounted here")
        try:
            with pytest.raises(DiskFull, match="Free some space"):
                make_fit(data, account)
            with (data.root / "fill").open("wb") as filler, pytest.raises(OSError, match="space"):
                filler.write(b"\0" * (9 << 20))
                filler.flush()
            with pytest.raises(DiskFull, match="Free some space"):
                make_fit(data, account)
            assert not data.postgres.exists()
        finally:
            subprocess.run(["umount", data.root], check=True)


class TestFolderLock:
    def test_the_second_one_is_refused_with_the_firsts_pid_and_address(
        self, data: DataFolder, account: Account | None
    ) -> None:
        make_fit(data, account)
        first = FolderLock(data, "http://localhost:1234")

        with pytest.raises(DataFolderBusy) as refused:
            FolderLock(data, "http://localhost:9999")

        assert refused.value.pid == os.getpid()
        assert "http://localhost:1234" in str(refused.value)
        del first

    def test_a_killed_ones_children_are_known_to_the_next(
        self, data: DataFolder, account: Account | None
    ) -> None:
        make_fit(data, account)
        child = ChildRecord("web", os.getpid(), started_at(os.getpid()))
        first = FolderLock(data, "")
        first.record([child])
        del first

        assert FolderLock(data, "").left_behind == [child]

    def test_a_reused_process_id_is_not_the_child(self) -> None:
        assert ChildRecord("web", os.getpid(), started_at(os.getpid())).is_alive
        assert not ChildRecord("web", os.getpid(), "another time").is_alive

    def test_a_garbled_lock_file_is_no_obstacle(
        self, data: DataFolder, account: Account | None
    ) -> None:
        make_fit(data, account)
        data.lock.write_text('{"pid": 12')
        assert FolderLock(data, "").left_behind == []
