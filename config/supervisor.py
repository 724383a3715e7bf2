"""Run several programs as one: they start together and end together, whatever ends the first of them."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from types import FrameType

GRACE_SECONDS = 10
POLL_SECONDS = 0.1
_PR_SET_PDEATHSIG = 1


class Supervisor:
    """Each program leads its own process group, so that what it starts can be ended with it.

    On Linux the kernel also ends the programs when the supervisor itself is killed with SIGKILL.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)
        self.programs: dict[str, subprocess.Popen[bytes]] = {}
        self.stopping = False

    def start(self, name: str, command: list[str]) -> None:
        self.programs[name] = subprocess.Popen(  # noqa: S603 - our own commands
            command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_end_with(os.getpid()) if sys.platform == "linux" else None,
        )

    def run(self, on_ready: Callable[[], bool]) -> int:
        """Wait until told to stop (0) or until a program ends by itself (1); then end them all.

        `on_ready` is called between looks until it returns true.
        """
        ready = False
        try:
            while not self.stopping:
                ready = ready or on_ready()
                if ended := self._first_ended():
                    print(f"\n{ended} ended by itself; stopping the others.", file=sys.stderr, flush=True)
                    return 1
                time.sleep(POLL_SECONDS)
            return 0
        finally:
            self._end_all()

    def listen(self) -> None:
        """Stop at SIGINT, SIGTERM and SIGHUP."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.stopping:
            self._signal_all(signal.SIGKILL)
        self.stopping = True

    def _first_ended(self) -> str | None:
        for name, program in self.programs.items():
            if program.poll() is not None:
                return f"{name} (exit code {program.returncode})"
        return None

    def _end_all(self) -> None:
        for program in self.programs.values():
            if program.poll() is None:
                program.terminate()
        until = time.monotonic() + GRACE_SECONDS
        while any(program.poll() is None for program in self.programs.values()) and time.monotonic() < until:
            time.sleep(POLL_SECONDS / 2)
        # Also for those that ended well: a killed program may have left children in its group.
        self._signal_all(signal.SIGKILL)
        for program in self.programs.values():
            program.wait()

    def _signal_all(self, number: signal.Signals) -> None:
        for program in self.programs.values():
            try:
                os.killpg(program.pid, number)
            except (ProcessLookupError, PermissionError):
                continue


def _end_with(parent: int) -> Callable[[], None]:
    """Ask the kernel, in the child, for a SIGTERM when its parent is gone."""
    libc = ctypes.CDLL(None)

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return prepare
