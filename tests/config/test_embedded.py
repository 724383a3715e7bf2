"""The embedded broker under several processes at once: every message whole, none lost, none twice."""

import multiprocessing
import os
import time
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection

from config import embedded

WRITERS, READERS, EACH = 3, 3, 200


def open_channel(folder: str):
    embedded.register()
    return Connection("embedded://", transport_options={"folder": folder}).channel()


def write(folder: str, writer: int) -> None:
    channel = open_channel(folder)
    for number in range(EACH):
        channel._put("celery", {"body": f"{writer}-{number}" + "x" * 5000})


def read(folder: str, found) -> None:
    channel, until = open_channel(folder), time.monotonic() + 20
    while time.monotonic() < until:
        try:
            found.put(channel._get("celery")["body"].rstrip("x"))
        except Empty:
            time.sleep(0.002)
        if (Path(folder) / "stop").exists() and not channel._size("celery"):
            return


def test_readers_and_writers_in_many_processes_lose_and_double_nothing(tmp_path):
    fork = multiprocessing.get_context("spawn")
    found = fork.Queue()
    writers = [fork.Process(target=write, args=(str(tmp_path), number)) for number in range(WRITERS)]
    readers = [fork.Process(target=read, args=(str(tmp_path), found)) for _ in range(READERS)]
    for process in [*readers, *writers]:
        process.start()
    bodies = [found.get(timeout=30) for _ in range(WRITERS * EACH)]
    (tmp_path / "stop").touch()
    for process in [*readers, *writers]:
        process.join(20)
        assert process.exitcode == 0
    assert sorted(bodies) == sorted(
        f"{writer}-{number}" for writer in range(WRITERS) for number in range(EACH)
    )
    assert found.empty()


def test_messages_come_in_the_order_they_were_sent(tmp_path):
    channel = open_channel(str(tmp_path))
    for number in range(5):
        channel._put("celery", {"body": number})
    assert [channel._get("celery")["body"] for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(Empty):
        channel._get("celery")


def test_a_message_that_is_being_written_is_not_seen(tmp_path):
    channel = open_channel(str(tmp_path))
    channel._put("celery", {"body": 1})
    [message] = (tmp_path / "celery").iterdir()
    os.rename(message, message.with_suffix(".tmp"))
    with pytest.raises(Empty):
        channel._get("celery")
    assert channel._size("celery") == 0


def test_purging_counts_what_it_removed(tmp_path):
    channel = open_channel(str(tmp_path))
    channel._put("celery", {"body": 1})
    channel._put("other", {"body": 2})
    assert channel._purge("celery") == 1
    assert channel._size("other") == 1


@pytest.mark.parametrize("name", ["../celery", "", ".hidden", "a/b"])
def test_a_queue_name_cannot_leave_the_folder(tmp_path, name):
    with pytest.raises(ValueError, match="queue name"):
        open_channel(str(tmp_path))._put(name, {})


def test_celery_sends_and_receives_through_it(tmp_path):
    from celery import Celery

    embedded.register()
    app = Celery("t", broker="embedded://", set_as_current=False)
    app.conf.broker_transport_options = {"folder": str(tmp_path)}
    app.send_task("some.task", ignore_result=True)
    with app.connection_for_read() as connection:
        queue = app.amqp.queues["celery"].bind(connection.default_channel)
        queue.declare()
        assert queue.get(no_ack=True).headers["task"] == "some.task"
