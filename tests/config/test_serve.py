"""`manage.py serve`, hence `make run`: from an empty folder to a site that works, and back to nothing."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as response:
        return response.read()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_one_command_serves_and_one_signal_ends_everything(tmp_path):
    port = free_port()
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {"DATABASE_URL", "REDIS_URL"} and "DJANGO" not in name
    } | {"MIRABELLE_MODE": "demo", "DATA_DIR": str(tmp_path)}
    command = [sys.executable, "manage.py", "serve", "--port", str(port), "--workers", "1"]
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        welcome = ""
        while "Ready" not in welcome:
            line = server.stdout.readline()
            assert line, welcome
            welcome += line
        assert f"http://127.0.0.1:{port}" in welcome
        assert "membre@demo.example" in welcome
        assert get(f"http://127.0.0.1:{port}/healthz") == b"ok"
        # The demo's story was told in the past: its invoices are being made first.
        assert becomes_ready(f"http://127.0.0.1:{port}/readyz")

        second = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert second.returncode == 1
        assert f"127.0.0.1:{port} is not free" in second.stderr
        assert get(f"http://127.0.0.1:{port}/healthz") == b"ok"
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
    assert processes_with(str(tmp_path)) == []


def becomes_ready(url: str) -> bool:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            return json.loads(get(url))["ready"]
        except urllib.error.HTTPError:
            time.sleep(0.5)
    return False


def processes_with(data_dir: str) -> list[str]:
    """Command lines of processes that still run with this DATA_DIR."""
    found = []
    until = time.monotonic() + 3
    while time.monotonic() < until:
        found = [
            (entry / "cmdline").read_text()
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit() and uses(entry, data_dir)
        ]
        if not found:
            break
        time.sleep(0.1)
    return found


def uses(entry: Path, data_dir: str) -> bool:
    try:
        return f"DATA_DIR={data_dir}\0".encode() in (entry / "environ").read_bytes()
    except OSError:
        return False
