"""A Celery broker for one machine that needs no server: `embedded://`, one file per message.

kombu's own filesystem transport opens a file before it writes, so that a reader may take an empty one and
die; its exchange tables have the same race. Here a message appears whole, by a rename, and is taken by
another rename, which only one reader can win. Queues are bound in memory: every producer declares its queue.
"""

import json
import os
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, virtual

ALIAS = "embedded"


class Channel(virtual.Channel):
    do_restore = True

    def _folder(self, queue: str) -> Path:
        if not queue.replace("-", "").replace("_", "").replace(".", "").isalnum() or queue.startswith("."):
            raise ValueError(f"not a queue name: {queue!r}")
        folder = Path(self.connection.client.transport_options["folder"]) / queue
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _put(self, queue: str, message: dict[str, Any], **kwargs: object) -> None:
        folder = self._folder(queue)
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex}"
        unfinished = folder / f"{name}.tmp"
        unfinished.write_text(json.dumps(message))
        os.replace(unfinished, folder / f"{name}.msg")

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        for path in self._messages(queue):
            taken = path.with_suffix(f".{uuid.uuid4().hex}.taken")
            try:
                os.rename(path, taken)
            except FileNotFoundError:
                continue  # Another reader won it.
            message: dict[str, Any] = json.loads(taken.read_text())
            taken.unlink()
            return message
        raise Empty

    def _size(self, queue: str) -> int:
        return len(self._messages(queue))

    def _purge(self, queue: str) -> int:
        gone = 0
        for path in self._messages(queue):
            path.unlink(missing_ok=True)
            gone += 1
        return gone

    def _messages(self, queue: str) -> list[Path]:
        return sorted(self._folder(queue).glob("*.msg"))


class Transport(virtual.Transport):
    Channel = Channel

    default_port = None
    driver_type = "embedded"
    driver_name = "embedded"
    # Queues of this process only; messages are in files, seen by all.
    global_state = virtual.BrokerState()  # type: ignore[no-untyped-call]

    def __init__(self, client: Any, **kwargs: Any) -> None:
        super().__init__(client, **kwargs)  # type: ignore[no-untyped-call]
        self.state = self.global_state

    def driver_version(self) -> str:
        return "1"


def register() -> None:
    TRANSPORT_ALIASES[ALIAS] = f"{__name__}:Transport"
