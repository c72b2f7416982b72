import io
import json
import logging
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from django.conf import settings as django_settings
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import path
from pytest_django import Settings

from hub.embedded.paths import CHECKOUT
from hub.logging import hide_secrets_in, logging_settings
from hub.request_log import RequestLog
from registry.jobs import Run, enqueue
from registry.models import Job, User
from tests.hub.embedded.stack import free_port, status, until
from tests.jobs import run_waiting_jobs
from tests.registry.jobs.conftest import does

__all__ = ["does"]
PASSWORD = "correct-horse-9"
KEY = "hnh_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_"
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What the service would have written to its log so far, parsed."""
    formatter = logging_settings(debug=False, json=True)["formatters"]["structured"]
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=formatter["processors"], foreign_pre_chain=formatter["foreign_pre_chain"]
        )
    )
    root = logging.getLogger()
    root.addHandler(handler)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)


class TestSecrets:
    @pytest.mark.parametrize(
        "text",
        [
            f"GET /api/v1/models?token={KEY}&page=2",
            f"GET /api/v1/models?limit=1&token={PASSWORD}",
            f"Authorization: Bearer {KEY}",
            f"Authorization: Basic {PASSWORD}/{PASSWORD}==",
            f"used the key {KEY}.",
            f"postgresql://hyperhub:{PASSWORD}@db/hyperhub",
            f"redis://:{PASSWORD}@valkey:6379/0",
            f"connection failed: host=db password={PASSWORD} port=5432",
            f"GET /account/password/reset/key/1-{PASSWORD}/",
            f"GET /account/confirm-email/{PASSWORD}/",
            f"GET /account/first-admin/{PASSWORD}/",
            f"GET /files/17:1xyz:{PASSWORD}/style.pt",
            f"https://s3/b?X-Amz-Credential={PASSWORD}&X-Amz-Signature={PASSWORD}",
            f"GET /login/callback?code={PASSWORD}",
        ],
    )
    def test_are_cut_out_of_any_text(self, text: str) -> None:
        hidden = hide_secrets_in(text)
        assert PASSWORD not in hidden
        assert KEY.removeprefix("hnh_") not in hidden
        assert "…" in hidden

    @pytest.mark.parametrize(
        "text",
        [
            "job ended: done, 3 of 3, https://hub.example/alice/style?sort=new",
            "No such file: /var/lib/hyperhub/files/incoming/17.part",
            "A token is missing, basic information follows, code=500",
        ],
    )
    def test_other_text_is_left_alone(self, text: str) -> None:
        assert hide_secrets_in(text) == text

    def test_are_hidden_by_the_names_of_their_fields(self, lines: Lines) -> None:
        structlog.get_logger("test").info(
            "signed up",
            password=PASSWORD,
            headers={"Authorization": PASSWORD, "Accept": "text/html"},
            keys=[{"api_key": PASSWORD}],
        )
        (line,) = lines()
        assert PASSWORD not in json.dumps(line)
        assert line["headers"]["Accept"] == "text/html"

    def test_of_other_libraries_are_hidden_too(self, lines: Lines) -> None:
        logging.getLogger("gunicorn.error").error("Error handling request %s", f"/x?token={KEY}")
        (line,) = lines()
        assert line["event"] == "Error handling request /x?token=…"

    def test_in_a_traceback_are_hidden_and_locals_are_not_shown(self, lines: Lines) -> None:
        local = PASSWORD  # noqa: F841 - what a traceback with locals would print
        try:
            raise ConnectionError(f"redis://:{PASSWORD}@valkey refused")
        except ConnectionError:
            structlog.get_logger("test").exception("failed")
        (line,) = lines()
        assert "ConnectionError" in line["exception"]
        assert PASSWORD not in json.dumps(line)


class TestALine:
    def test_is_one_json_object(self, lines: Lines) -> None:
        structlog.get_logger("test").warning("two\nlines", name="Åsa", job=object())
        (line,) = lines()
        assert (line["event"], line["name"]) == ("two\nlines", "Åsa")
        assert (line["level"], line["logger"]) == ("warning", "test")
        assert "timestamp" in line


@pytest.mark.django_db
class TestTheRequest:
    def of_request(self, lines: Lines) -> dict[str, Any]:
        (line,) = [line for line in lines() if line["event"] == "request"]
        return line

    def test_has_one_line_with_what_was_asked_and_answered(
        self, anonymous: Client, lines: Lines
    ) -> None:
        anonymous.get("/robots.txt", headers={"User-Agent": "curl/8"})
        line = self.of_request(lines)
        assert (line["method"], line["path"], line["status"]) == ("GET", "/robots.txt", 200)
        assert (line["ip"], line["agent"], line["user"]) == ("127.0.0.1", "curl/8", None)
        assert line["ms"] >= 0

    def test_is_logged_without_its_query(self, anonymous: Client, lines: Lines) -> None:
        anonymous.get(f"/robots.txt?token={KEY}&q=private")
        assert "private" not in json.dumps(lines())
        assert "hnh_A" not in json.dumps(lines())

    def test_a_sign_in_leaves_no_password(self, anonymous: Client, lines: Lines) -> None:
        anonymous.post("/account/login/", {"login": "alice", "password": PASSWORD})
        assert self.of_request(lines)["path"] == "/account/login/"
        assert PASSWORD not in json.dumps(lines())

    def test_a_mails_link_is_logged_without_its_key(self, anonymous: Client, lines: Lines) -> None:
        anonymous.get("/account/confirm-email/MTY:1abc:secretpart/")
        assert self.of_request(lines)["path"] == "/account/confirm-email/…/"

    def test_names_the_user_if_the_answer_depended_on_one(
        self, alice: User, alice_client: Client, lines: Lines
    ) -> None:
        alice_client.get("/account/email/")
        assert self.of_request(lines)["user"] == alice.pk

    def test_an_error_has_its_traceback_under_the_same_id(
        self, anonymous: Client, lines: Lines, settings: Settings
    ) -> None:
        settings.ROOT_URLCONF = __name__
        anonymous.raise_request_exception = False
        response = anonymous.get("/broken", {"token": KEY})
        assert response.status_code == 500
        traceback, answer = [line for line in lines() if line["level"] == "error"]
        assert "ZeroDivisionError" in traceback["exception"]
        assert (answer["status"], answer["event"]) == (500, "request")
        assert traceback["request_id"] == answer["request_id"] == response["X-Request-ID"]
        assert "hnh_A" not in json.dumps(lines())


class TestTheRequestsId:
    def answer(self, told: str | None) -> str:
        log = RequestLog(lambda request: HttpResponse())
        headers = {} if told is None else {"X-Request-ID": told}
        return log(RequestFactory().get("/", headers=headers))["X-Request-ID"]

    def test_is_invented_and_told(self) -> None:
        assert len(self.answer(None)) == 32
        assert self.answer(None) != self.answer(None)

    def test_of_a_proxy_is_kept(self) -> None:
        assert self.answer("req-0123.abc_DEF") == "req-0123.abc_DEF"

    @pytest.mark.parametrize(
        "told", ["", "short", "x" * 65, "a b c d e f", 'x"},{"level":"x', "é" * 9]
    )
    def test_that_is_not_well_formed_is_replaced(self, told: str) -> None:
        assert self.answer(told) != told

    def test_does_not_outlive_its_request(self) -> None:
        self.answer(None)
        assert "request_id" not in structlog.contextvars.get_contextvars()

    @pytest.mark.django_db
    def test_reaches_the_job_and_the_workers_lines(
        self, does: Callable[..., str], lines: Lines
    ) -> None:
        def work(run: Run) -> None:
            structlog.get_logger("engine").info("deep inside")

        kind = does(work)

        def ask(request: HttpRequest) -> HttpResponse:
            enqueue(kind=kind, payload={}, owner=None)
            return HttpResponse()

        RequestLog(ask)(RequestFactory().get("/", headers={"X-Request-ID": "from-the-proxy"}))
        assert Job.objects.get().request_id == "from-the-proxy"
        run_waiting_jobs()
        (line,) = [line for line in lines() if line["event"] == "deep inside"]
        assert line["request_id"] == "from-the-proxy"
        assert line["job"] == str(Job.objects.get().pk)


@pytest.mark.faults
def test_the_web_process_logs_json_and_no_token(
    process_environment: dict[str, str], tmp_path: Path
) -> None:
    """Gunicorn as in service, asked for an answer, an error page and nonsense."""
    port = free_port()
    environment = {**process_environment, "WEB_BIND": f"127.0.0.1:{port}", "WEB_PROCESSES": "1"}
    log = tmp_path / "web.log"
    with log.open("wb") as output:
        web = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--config", "python:hub.gunicorn", "hub.wsgi"],
            env={**environment, "LOG_JSON": "true", "HYPERHUB_DATA": str(tmp_path)},
            cwd=CHECKOUT,
            stderr=output,
        )
    try:
        site = f"http://127.0.0.1:{port}"
        until(lambda: status(f"{site}/robots.txt?token={KEY}") == 200, "the web process")
        assert status(f"{site}/api/v1/no-such?token={KEY}") == 404
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(f"GET /?token={KEY} NONSENSE\r\n\r\n".encode())
            assert b"400" in connection.recv(1000)
    finally:
        web.terminate()
        web.wait(30)
    text = log.read_text()
    assert KEY not in text
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert {line["status"] for line in lines if line["event"] == "request"} == {200, 404}


def broken(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError


urlpatterns = [path("broken", broken)]
handler500 = "hub.errors.server_error"
assert django_settings.ROOT_URLCONF == "hub.urls"
