"""The embedded queue: whole messages or none, each taken once."""

import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from kombu import Connection

from config import filequeue


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("messages", "control"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def channel(folder: Path) -> Iterator[Any]:
    options = {
        "data_folder_in": str(folder / "messages"),
        "data_folder_out": str(folder / "messages"),
        "control_folder": str(folder / "control"),
    }
    with Connection(f"{filequeue.SCHEME}://localhost//", transport_options=options) as connection:
        yield connection.channel()


def test_messages_come_in_the_order_in_which_they_were_sent(channel: Any, folder: Path) -> None:
    for number in range(3):
        channel._put("unabridged", {"number": number})
    assert [channel._get("unabridged")["number"] for _ in range(3)] == [0, 1, 2]
    assert list((folder / "messages").iterdir()) == []
    with pytest.raises(Empty):
        channel._get("unabridged")


def test_a_half_written_message_is_dropped_and_the_next_one_taken(channel: Any, folder: Path) -> None:
    (folder / "messages" / "0_torn.unabridged.msg").write_text('{"numb')
    channel._put("unabridged", {"number": 1})
    assert channel._get("unabridged") == {"number": 1}
    with pytest.raises(Empty):
        channel._get("unabridged")


def test_a_message_that_is_being_written_is_not_seen(channel: Any, folder: Path) -> None:
    (folder / "messages" / ".0_half.new").write_text("{")
    with pytest.raises(Empty):
        channel._get("unabridged")


def test_the_queues_of_others_are_left_alone(channel: Any) -> None:
    channel._put("other", {"number": 1})
    with pytest.raises(Empty):
        channel._get("unabridged")
    assert channel._get("other") == {"number": 1}


def test_each_message_is_taken_once_by_many_readers(channel: Any) -> None:
    for number in range(60):
        channel._put("unabridged", {"number": number})
    taken: list[int] = []

    def read() -> None:
        while True:
            try:
                taken.append(channel._get("unabridged")["number"])
            except Empty:
                return

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert sorted(taken) == list(range(60))


def test_a_producer_and_a_consumer_of_the_whole_library_agree(folder: Path) -> None:
    options = {
        "data_folder_in": str(folder / "messages"),
        "data_folder_out": str(folder / "messages"),
        "control_folder": str(folder / "control"),
    }
    with Connection(f"{filequeue.SCHEME}://localhost//", transport_options=options) as connection:
        queue = connection.SimpleQueue("unabridged")
        queue.put({"run_id": 7})
        message = queue.get(timeout=2)
        assert message.payload == {"run_id": 7}
        message.ack()
        queue.close()
