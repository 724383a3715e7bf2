"""`manage.py serve`: everything that `make run` starts, under one supervisor."""

import os
import socket
import sys
import time
import urllib.error
import urllib.request
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connection

from config.demo.people import DIRECT_KEY, KEY, MEMBER, MERCHANT, NEWCOMER, OPERATOR, PASSWORD, STAFF
from config.demo.places import CARD_TO_REGISTER, NAMED_CARD_TO_REGISTER, SURNAME
from config.prepare import prepare
from config.supervisor import Supervisor

WELCOME = f"""
  Mirabelle: {{url}}

  Sign in (password: {PASSWORD})       Sign up with a key
    {MEMBER:22s} a member           {KEY:12s} the CSE approves
    {NEWCOMER:22s} not yet approved   {DIRECT_KEY:12s} approved at once
    {STAFF:22s} CSE staff          Codes of their second factor:
    {MERCHANT:22s} a merchant         {{url}}/sandbox/totp/
    {OPERATOR:22s} operator

  Cinema cards to register: {CARD_TO_REGISTER}; and {NAMED_CARD_TO_REGISTER}, named {SURNAME}

  Mails, text messages and the bank: {{url}}/sandbox/   Administration: {{url}}/admin/
  Ready in {{seconds:.1f}} s. Ctrl+C stops everything.
"""


class Command(BaseCommand):
    help = "Prepare what is missing, then run the web server, the Celery worker and beat until stopped."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--workers", type=int, default=2, help="web processes")

    def handle(self, *args: Any, **options: Any) -> None:
        self.began = time.monotonic()
        self.host, self.port = options["host"], options["port"]
        self.url = f"http://{'127.0.0.1' if self.host in ('0.0.0.0', '::') else self.host}:{self.port}"  # noqa: S104
        self._refuse_busy_port()
        try:
            prepare(lambda text: self.stdout.write(text))
        except OperationalError as error:
            raise CommandError(f"The database does not answer: {error}") from error
        connection.close()
        sys.exit(self._supervise(options["workers"]))

    def _refuse_busy_port(self) -> None:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError as error:
                raise CommandError(
                    f"{self.host}:{self.port} is not free ({error.strerror}). Mirabelle may already be "
                    f"running there; otherwise choose another port: make run PORT={self.port + 1}"
                ) from error

    def _supervise(self, workers: int) -> int:
        supervisor = Supervisor({"SITE_URL": self.url, "PYTHONUNBUFFERED": "1", **os.environ})
        supervisor.listen()
        celery = [sys.executable, "-m", "celery", "--quiet", "-A", "config"]
        supervisor.start("web", self._web(workers))
        supervisor.start("worker", [*celery, "worker", "--without-gossip", "--without-mingle"])
        supervisor.start("beat", [*celery, "beat", "--pidfile="])
        return supervisor.run(self._welcome_when_ready)

    def _web(self, workers: int) -> list[str]:
        return [
            *(sys.executable, "-m", "granian", "--interface", "wsgi", "config.wsgi:application"),
            *("--host", self.host, "--port", str(self.port), "--workers", str(workers)),
            *("--blocking-threads", "4", "--no-ws", "--log-level", "warning"),
            *("--workers-kill-timeout", "5"),
        ]

    def _welcome_when_ready(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}/healthz", timeout=2).close()  # noqa: S310 - our own address
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
        seconds = time.monotonic() - self.began
        text = WELCOME if settings.SANDBOX else "Mirabelle: {url} (ready in {seconds:.1f} s)"
        self.stdout.write(text.format(url=self.url, seconds=seconds))
        self.stdout.flush()
        return True
