"""PostgreSQL and Redis for tests: those that are there, or our own for a while. Knows no Django."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

CLUSTERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


class NotHere(Exception):
    """Why a service cannot be had, and what would help."""


def answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def as_root() -> bool:
    return os.geteuid() == 0


def find_postgres(stack: ExitStack) -> str:
    """The address of a PostgreSQL: the one given, the one on this machine, or one of our own for a while."""
    name = f"mirabelle_{os.getpid()}"
    if given := os.environ.get("DATABASE_URL", ""):
        if not given.startswith(("postgres", "psql")):
            raise NotHere("DATABASE_URL names something else")
        return re.sub(r"/[^/]*$", f"/{name}", given)
    if answers("127.0.0.1", 5432) and _trusts("postgres://postgres@127.0.0.1:5432/postgres"):
        return f"postgres://postgres@127.0.0.1:5432/{name}"
    if CLUSTERS:
        cluster = Cluster()
        stack.callback(cluster.remove)
        cluster.start()
        return f"{cluster.url}/{name}"
    raise NotHere(
        "none answers at 127.0.0.1:5432 without a password and none is installed. "
        "apt-get install postgresql, or set DATABASE_URL"
    )


def find_redis(stack: ExitStack) -> str:
    if given := os.environ.get("REDIS_URL", ""):
        address = urlsplit(given)
        if answers(address.hostname or "127.0.0.1", address.port or 6379):
            return given
        raise NotHere(f"{address.hostname}:{address.port} does not answer")
    if RedisServer.program():
        server = RedisServer()
        stack.callback(server.stop)
        server.start()
        return server.url
    if answers("127.0.0.1", 6379):
        return "redis://127.0.0.1:6379/15"
    raise NotHere(
        "none answers at 127.0.0.1:6379 and none is installed. apt-get install redis-server, or set REDIS_URL"
    )


def _trusts(url: str) -> bool:
    import psycopg

    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


class Cluster:
    """A throw-away PostgreSQL. It refuses to run as root, so root lends it to `postgres`."""

    def __init__(self, *, durable: bool = False) -> None:
        if not CLUSTERS:
            raise NotHere("no PostgreSQL is installed")
        self.folder = Path(tempfile.mkdtemp(prefix="mirabelle-pg-"))
        self.port = free_port()
        self.url = f"postgres://postgres@127.0.0.1:{self.port}"
        self.durable = durable
        self.user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if as_root() else []
        if as_root():
            shutil.chown(self.folder, "postgres", "postgres")
        self._call("initdb", "-U", "postgres", "-A", "trust", "--no-sync")

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self.folder} -c max_connections=300"
        if not self.durable:
            options += " -F"
        self._call("pg_ctl", "-w", "-o", options, "-l", str(self.folder / "log"), "start")

    def stop(self, mode: str = "immediate") -> None:
        self._call("pg_ctl", "-w", "-m", mode, "stop")

    def remove(self) -> None:
        with suppress(NotHere):
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _call(self, program: str, *arguments: str) -> None:
        command = [*self.user, str(CLUSTERS[0] / program), "-D", str(self.folder / "data"), *arguments]
        # To a file, not a pipe: the server would keep a pipe open, and we would wait for its end.
        with tempfile.TemporaryFile() as said:
            done = subprocess.run(
                command, cwd=self.folder, stdout=said, stderr=subprocess.STDOUT, check=False
            )
            if done.returncode:
                said.seek(0)
                raise NotHere(f"{program} failed: {said.read().decode()[-300:]}")


class RedisServer:
    """A throw-away Redis that keeps nothing on disk."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    @staticmethod
    def program() -> str:
        return shutil.which("redis-server") or shutil.which("valkey-server") or ""

    def start(self) -> None:
        command = [self.program(), "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self.process = subprocess.Popen([*command, "--appendonly", "no"], stdout=subprocess.DEVNULL)
        until = time.monotonic() + 10
        while not answers("127.0.0.1", self.port):
            if time.monotonic() > until:
                raise NotHere("redis-server did not start")
            time.sleep(0.05)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
