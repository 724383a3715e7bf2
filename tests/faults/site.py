"""A real site for a while: its own PostgreSQL, Redis, web server, worker and beat, on free ports."""

import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from tests.services import Cluster, RedisServer, free_port

ROOT = Path(__file__).resolve().parents[2]
CELERY = [sys.executable, "-m", "celery", "--quiet", "-A", "config"]


class Site:
    """`restarts` counts how often the worker was found dead and started again, as any supervisor would."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mirabelle-faults-"))
        self.points = self.folder / "points"
        self.points.mkdir()
        self.log = (self.folder / "log").open("ab")
        self.postgres, self.redis = Cluster(durable=True), RedisServer()
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.restarts = 0
        self.programs: dict[str, subprocess.Popen[bytes]] = {}
        self.commands = {
            "web": [
                *(sys.executable, "-m", "granian", "--interface", "wsgi", "config.wsgi:application"),
                *("--port", str(port), "--workers", "1", "--blocking-threads", "4", "--log-level", "warning"),
            ],
            "worker": [sys.executable, "-m", "tests.faults.worker", str(self.points)],
            "beat": [*CELERY, "beat", "--pidfile="],
        }
        os.environ |= {
            "MIRABELLE_MODE": "demo",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": f"{self.postgres.url}/postgres",
            "REDIS_URL": self.redis.url,
            "DATA_DIR": str(self.folder),
            "SITE_URL": self.url,
            "SANDBOX_CONFIRM_AFTER": "1",
            "PAYMENT_POLL_AFTER": "5",
            "ISSUE_DELAY_MIN": "1",
            "ISSUE_DELAY_MAX": "3",
        }

    def open(self) -> None:
        self.postgres.start()
        self.redis.start()
        for command in (["migrate", "-v0"], ["createcachetable"], ["collectstatic", "--noinput", "-v0"]):
            subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, check=True)
        for name in self.commands:
            self.start(name)
        until = time.monotonic() + 60
        while not self._is_up():
            assert time.monotonic() < until, "the web server did not start"
            time.sleep(0.2)

    def start(self, name: str) -> None:
        self.programs[name] = subprocess.Popen(
            self.commands[name], cwd=ROOT, stdout=self.log, stderr=self.log, start_new_session=True
        )

    def look_after(self) -> None:
        """Start again what has died, as a container platform does."""
        for name, program in self.programs.items():
            if program.poll() is not None:
                self.restarts += name == "worker"
                self.start(name)

    def close(self) -> None:
        for program in self.programs.values():
            program.terminate()
        for program in self.programs.values():
            try:
                program.wait(10)
            except subprocess.TimeoutExpired:
                program.kill()
        self.redis.stop()
        self.postgres.remove()

    def _is_up(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}/healthz", timeout=2).close()
        except OSError:
            return False
        return True
