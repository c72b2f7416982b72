"""docker-compose.yml without its containers: each of our commands, against real servers here."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import psycopg
import pytest
import yaml

from hub.embedded import services
from hub.embedded.paths import CHECKOUT
from hub.embedded.processes import end
from tests.hub.embedded.stack import free_port, status, until
from tests.servers import DATABASES, Servers

pytestmark = [
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.timeout(600),
]
COMPOSE = CHECKOUT / "docker-compose.yml"
OURS = ("web", "ingest", "render", "train", "notify", "beat")
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return read


@dataclass
class Deployment:
    """What compose would run, on this machine, in one folder."""

    folder: Path
    environment: dict[str, str]
    web: tuple[int, int]
    nginx: int
    processes: dict[str, "subprocess.Popen[bytes]"]

    def command(self, service: str) -> list[str]:
        program, *arguments = shlex.split(compose()["services"][service]["command"])
        found = {"python": sys.executable}.get(program) or shutil.which(
            program, path=str(Path(sys.executable).parent)
        )
        assert found, f"{program} is not installed"
        return [found, *arguments]

    def start(self, name: str, command: list[str]) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                command,
                cwd=CHECKOUT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start_nginx(self) -> None:
        """With the shipped configuration, filled in as its image does, inside Debian's frame."""
        site = (CHECKOUT / "deploy/nginx.conf.template").read_text()
        for name, value in {
            "${LISTEN}": f"127.0.0.1:{self.nginx}",
            # Docker's DNS gives both addresses for one name.
            "server ${WEB};": "".join(f"server 127.0.0.1:{port};" for port in self.web),
            "${DATA}": self.environment["HYPERHUB_DATA"],
        }.items():
            site = site.replace(name, value)
        (self.folder / "site.conf").write_text(site)
        user = "user root;" if os.geteuid() == 0 else ""
        # Debian's own places are root's.
        places = "".join(
            f"{what}_temp_path {self.folder}/{what};"
            for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (self.folder / "nginx.conf").write_text(
            f"{user} daemon off; pid {self.folder}/nginx.pid; worker_processes 1; events {{}} "
            f"http {{ include /etc/nginx/mime.types; access_log off; {places} "
            f"include {self.folder}/site.conf; }}"
        )
        assert NGINX
        log = f"{self.folder}/nginx-error.log"
        self.start(
            "nginx", [NGINX, "-p", str(self.folder), "-e", log, "-c", f"{self.folder}/nginx.conf"]
        )

    def start_everything(self) -> None:
        """Prepare, then each of our services, then nginx; back when all of it is ready."""
        prepared = subprocess.run(
            self.command("prepare"),
            cwd=CHECKOUT,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert prepared.returncode == 0, prepared.stderr
        for port in self.web:
            command = [
                word.replace("0.0.0.0:8000", f"127.0.0.1:{port}") for word in self.command("web")
            ]
            self.start(f"web-{port}", command)
        for service in OURS[1:]:
            self.start(service, self.command(service))
        self.start_nginx()

        ready = f"http://localhost:{self.nginx}/readyz"
        try:
            until(lambda: status(ready) == 200, "everything to be ready")
        except AssertionError:
            pytest.fail(self.said())

    def get(self, path: str, **headers: str) -> Any:
        url = f"http://localhost:{self.nginx}{path}"
        with urlopen(Request(url, headers=headers), timeout=30) as answer:  # noqa: S310
            return answer, answer.read()

    def said(self) -> str:
        return "\n".join(log.read_text()[-2000:] for log in self.folder.glob("*.log"))


@pytest.fixture(scope="module")
def deployment(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    if NGINX is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    folder = tmp_path_factory.mktemp("deployment")
    # Each of xdist's workers has a deployment of its own.
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    name = f"deployment_{worker}"
    with psycopg.connect(servers.database_url("postgres"), autocommit=True) as postgres:
        postgres.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        postgres.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    nginx = free_port()
    ours = {
        "HYPERHUB_DATA": str(folder / "data"),
        "DATABASE_URL": servers.database_url(name),
        "REDIS_URL": servers.redis_url(DATABASES - 1 - worker),
        "S3_BUCKET": "",
        "SECRET_KEY": "k" * 50,
        "ALLOWED_HOSTS": "localhost",
        "SITE_URL": f"http://localhost:{nginx}",
    }
    told = compose()["services"]["web"]["environment"]
    shared = {name: value for name, value in told.items() if not name.startswith("S3_")}
    base = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    deployment = Deployment(
        folder, {**base, **shared, **ours}, (free_port(), free_port()), nginx, {}
    )
    try:
        deployment.start_everything()
        yield deployment
    finally:
        for process in reversed(deployment.processes.values()):
            end(process, (signal.SIGTERM, 20))


def test_the_whole_of_it_starts_and_is_ready(deployment: Deployment) -> None:
    _, body = deployment.get("/readyz")
    parts = json.loads(body)["parts"]
    assert all(part["ok"] for part in parts.values())
    assert {f"worker {queue}" for queue in services.QUEUES} < parts.keys()


def test_pages_come_through_nginx_from_both_web_processes(deployment: Deployment) -> None:
    for _ in range(4):
        answer, body = deployment.get("/account/login/")
        assert answer.status == 200
        assert b"csrfmiddlewaretoken" in body
    for port in deployment.web:
        assert status(f"http://127.0.0.1:{port}/healthz") == 200


def test_static_files_are_sent_by_nginx_compressed_and_for_ever(deployment: Deployment) -> None:
    manifest = json.loads(
        Path(deployment.environment["HYPERHUB_DATA"], "static", "staticfiles.json").read_text()
    )
    answer, _ = deployment.get(
        f"/static/{manifest['paths']['css/base.css']}", **{"Accept-Encoding": "gzip"}
    )
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_stored_files_are_not_to_be_had_past_the_hub(deployment: Deployment) -> None:
    secret = Path(deployment.environment["HYPERHUB_DATA"], "files", "secret")
    secret.parent.mkdir(parents=True, exist_ok=True)
    secret.write_text("unpublished")

    assert status(f"http://localhost:{deployment.nginx}/protected/secret") == 404
    assert status(f"http://localhost:{deployment.nginx}/files/secret") == 404


def test_the_web_process_never_loads_torch(deployment: Deployment) -> None:
    for name, process in deployment.processes.items():
        if name.startswith("web"):
            assert "libtorch" not in Path(f"/proc/{process.pid}/maps").read_text()


def test_compose_finds_the_file_valid(tmp_path: Path) -> None:
    program = shutil.which("docker-compose")
    if program is None:
        pytest.skip("docker-compose is not installed")
    (tmp_path / "docker-compose.yml").write_text(COMPOSE.read_text())
    (tmp_path / ".env").write_text("POSTGRES_PASSWORD=x\nS3_SECRET_KEY=y\n")
    checked = subprocess.run([program, "config"], cwd=tmp_path, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    assert not checked.stderr


@pytest.mark.parametrize("queue", services.QUEUES)
def test_compose_and_the_supervisor_start_the_same_workers(queue: str) -> None:
    _, _, *ours = services.worker(queue).command
    assert shlex.split(compose()["services"][queue]["command"]) == ours


def test_every_service_has_a_health_check_or_says_why_not() -> None:
    for name, service in compose()["services"].items():
        assert "healthcheck" in service or service["build"]["target"] == "web", name
