from pathlib import Path

from hub.embedded.logs import KEPT, LinkWatch, rotate


class TestRotate:
    def test_a_small_log_is_left_alone(self, tmp_path: Path) -> None:
        log = tmp_path / "web.log"
        log.write_text("short")
        rotate(log, largest=10)
        assert log.read_text() == "short"
        assert list(tmp_path.iterdir()) == [log]

    def test_a_large_one_is_put_aside_while_its_writer_goes_on(self, tmp_path: Path) -> None:
        log = tmp_path / "web.log"
        with log.open("ab", buffering=0) as writer:
            writer.write(b"x" * 20)
            rotate(log, largest=10)
            writer.write(b"after")
        assert log.read_text() == "after"
        assert (tmp_path / "web.log.1").read_text() == "x" * 20

    def test_only_so_many_are_kept(self, tmp_path: Path) -> None:
        log = tmp_path / "web.log"
        for number in range(KEPT + 3):
            log.write_text(f"{number}" * 20)
            rotate(log, largest=10)
        kept = {path.name: path.read_text()[0] for path in tmp_path.glob("web.log.*")}
        assert kept == {f"web.log.{age}": f"{KEPT + 3 - age}" for age in range(1, KEPT + 1)}


class TestLinkWatch:
    LINK = "http://localhost:8000/account/confirm-email/MQ:1xV:abc/"

    def test_a_mails_link_is_found_once(self, tmp_path: Path) -> None:
        log = tmp_path / "web.log"
        log.write_text(f"{self.LINK} from an earlier run\n{self.LINK}\n")
        watch = LinkWatch(log)
        with log.open("a") as writer:
            writer.write(f"Hello,\n\nto confirm this is correct, go to {self.LINK}\n-----\n")
        assert list(watch.new_links()) == [self.LINK]
        assert list(watch.new_links()) == []

    def test_a_line_is_waited_for_to_its_end(self, tmp_path: Path) -> None:
        log = tmp_path / "web.log"
        watch = LinkWatch(log)
        with log.open("a", buffering=1) as writer:
            writer.write(self.LINK[:30])
            writer.flush()
            assert list(watch.new_links()) == []
            writer.write(f"{self.LINK[30:]}\n")
        assert list(watch.new_links()) == [self.LINK]

    def test_requests_in_the_log_are_not_mails(self, tmp_path: Path) -> None:
        log = tmp_path / "web.log"
        watch = LinkWatch(log)
        log.write_text('{"request": "GET http://localhost/account/login/", "code": 200}\n')
        assert list(watch.new_links()) == []

    def test_a_rotated_log_is_read_from_its_new_beginning(self, tmp_path: Path) -> None:
        log = tmp_path / "web.log"
        log.write_text("x" * 500)
        watch = LinkWatch(log)
        log.write_text(f"{self.LINK}\n")
        assert list(watch.new_links()) == [self.LINK]
