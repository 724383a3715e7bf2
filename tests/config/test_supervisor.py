"""Whatever ends one program ends them all, and leaves no orphan."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Two programs; the second has a child of its own that ignores SIGTERM. Each writes its process id.
SCRIPT = """
import sys
from config.supervisor import Supervisor
folder = sys.argv[1]
one = f"import os, time; open('{folder}/one', 'w').write(str(os.getpid())); time.sleep(60)"
child = (
    "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    f"open('{folder}/child', 'w').write(str(os.getpid())); time.sleep(60)"
)
two = (
    f"import os, subprocess, sys; open('{folder}/two', 'w').write(str(os.getpid()));"
    f"subprocess.run([sys.executable, '-c', {child!r}])"
)
supervisor = Supervisor({})
supervisor.listen()
supervisor.start("one", [sys.executable, "-c", one])
supervisor.start("two", [sys.executable, "-c", two])
sys.exit(supervisor.run(lambda: True))
"""


def alive(pid: int) -> bool:
    """Running, and not a zombie that nobody has waited for yet."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def family(tmp_path):
    supervisor = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path)], cwd=ROOT)
    until = time.monotonic() + 15
    names = ["one", "two", "child"]
    while not all((tmp_path / name).exists() and (tmp_path / name).read_text() for name in names):
        assert time.monotonic() < until
        time.sleep(0.05)
    pids = {name: int((tmp_path / name).read_text()) for name in names}
    yield supervisor, pids
    for pid in [supervisor.pid, *pids.values()]:
        if alive(pid):
            os.kill(pid, signal.SIGKILL)
    supervisor.wait()


def all_gone(pids: dict[str, int]) -> bool:
    until = time.monotonic() + 12
    while time.monotonic() < until and any(alive(pid) for pid in pids.values()):
        time.sleep(0.05)
    return not any(alive(pid) for pid in pids.values())


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_every_program_and_what_it_started(family, number):
    supervisor, pids = family
    supervisor.send_signal(number)
    assert supervisor.wait(15) == 0
    assert all_gone(pids)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("victim", ["one", "two"])
def test_a_killed_program_takes_the_others_along(family, victim):
    supervisor, pids = family
    os.kill(pids[victim], signal.SIGKILL)
    assert supervisor.wait(15) == 1
    assert all_gone(pids)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_killing_the_supervisor_itself_ends_its_programs(family):
    supervisor, pids = family
    supervisor.kill()
    supervisor.wait()
    assert all_gone({name: pids[name] for name in ("one", "two")})
