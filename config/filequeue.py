"""The embedded queue: kombu's file-system transport, made safe against crashes and readers that are too quick.

kombu 5.7 writes a message in place: a reader may find it empty and ends the worker with an error, and a crash leaves
half a message behind. Here a message appears by a rename, is taken by a rename, and one that cannot be read is dropped
with a warning (a lost message loses nothing: the next sweep finds the work). Bindings are declared by every process for
itself, so the exchange files, which a crash could leave half-written too, are not used; there is no fan-out.
"""

import json
import logging
import os
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem, virtual

logger = logging.getLogger(__name__)
SCHEME = "files"


class Channel(filesystem.Channel):
    supports_fanout = False

    def get_table(self, exchange: str) -> Any:
        return virtual.Channel.get_table(self, exchange)

    def _queue_bind(self, *args: Any, **kwargs: Any) -> None:
        """Nothing on disk: see the head of this module."""

    def _delete(self, queue: str, *args: Any, **kwargs: Any) -> None:
        virtual.Channel._delete(self, queue, *args, **kwargs)

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]
        folder = Path(self.data_folder_out)
        name = f"{time.time_ns()}_{uuid.uuid4()}"
        waiting = folder / f".{name}.new"
        waiting.write_bytes(json.dumps(payload).encode())
        waiting.rename(folder / f"{name}.{queue}.msg")

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        folder = Path(self.data_folder_in)
        suffix = f".{queue}.msg"
        for name in sorted(name for name in os.listdir(folder) if name.endswith(suffix)):  # noqa: PTH208 (names)
            taken = folder / f".{name}.taken"
            try:
                (folder / name).rename(taken)
                content = taken.read_bytes()
                taken.unlink()
                return json.loads(content)
            except FileNotFoundError:
                continue  # somebody else took it
            except ValueError:
                logger.warning("A message in the queue cannot be read and is dropped: %s", name)
        raise Empty


class Transport(filesystem.Transport):
    Channel = Channel
    polling_interval = 0.25


TRANSPORT_ALIASES[SCHEME] = "config.filequeue:Transport"
