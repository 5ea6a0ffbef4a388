"""`/api/events/`: server-sent events (WHATWG HTML, section 9.2): what happens to downloads and runs, as it happens.

Each stream holds a thread of the server, so it ends by itself after a while and only a few may be open at once; the
reader connects again with `Last-Event-ID`, as browsers do by themselves, and misses nothing of the downloads.
"""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from acquisition.services.watching import Place, Watch, current_place, read_place
from config.api.renderers import FastJSONRenderer
from config.api.schema import READ_ERRORS, error_answers
from config.api.serializers import StrictSerializer
from config.api.viewsets import OperationsViewSet
from config.errors import UnabridgedError, ValidationError

EVENT_STREAM = "text/event-stream"
STREAMS_AT_ONCE = 4
LONGEST_SECONDS = 60
LOOK_EVERY_SECONDS = 1.0
PING_EVERY_SECONDS = 15.0
RECONNECT_MILLISECONDS = 2000
BUSY_SECONDS = 30
PLACE = r"^[0-9]{1,18}\.[0-9]{1,14}$"


class Slots:
    """How many streams this process serves at once."""

    def __init__(self, limit: int) -> None:
        self.limit, self._taken, self._guard = limit, 0, threading.Lock()

    def take(self) -> bool:
        with self._guard:
            if self._taken >= self.limit:
                return False
            self._taken += 1
            return True

    def give_back(self) -> None:
        with self._guard:
            self._taken -= 1

    @property
    def are_free(self) -> bool:
        return self._taken < self.limit


slots = Slots(STREAMS_AT_ONCE)


def message(kind: str, facts: dict[str, Any], place: Place) -> bytes:
    """One event as it goes over the wire; JSON holds no line break, so one data line is enough."""
    data = FastJSONRenderer().render(facts)
    return f"id: {place.text()}\nevent: {kind}\n".encode() + b"data: " + data + b"\n\n"


def stream(
    watch: Watch,
    *,
    seconds: float,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[bytes]:
    """The events from the watch's place on, for so many seconds. The slot is taken at the first byte and given back
    when the reader goes, so that an answer that nobody reads holds none."""
    if not slots.take():
        yield f"retry: {BUSY_SECONDS * 1000}\nevent: busy\ndata: {{}}\n\n".encode()
        return
    try:
        yield f"retry: {RECONNECT_MILLISECONDS}\n: hello\n\n".encode()
        ends, pinged = clock() + seconds, clock()
        while True:
            for kind, facts, place in watch.look(now=timezone.now()):
                yield message(kind, facts, place)
                pinged = clock()
            if clock() >= ends:
                break
            if clock() - pinged >= PING_EVERY_SECONDS:
                pinged = clock()
                yield b": ping\n\n"
            sleep(min(LOOK_EVERY_SECONDS, max(0.0, ends - clock())))
        yield f"id: {watch.place.text()}\nevent: end\ndata: {{}}\n\n".encode()
    finally:
        slots.give_back()


class EventStreamRenderer(BaseRenderer):
    """Only names the type, so that browsers may ask for it."""

    media_type = EVENT_STREAM
    format = "sse"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return FastJSONRenderer().render(data)


class EventsQuery(StrictSerializer):
    seconds = serializers.IntegerField(
        min_value=0,
        max_value=LONGEST_SECONDS,
        default=LONGEST_SECONDS,
        help_text="How long the stream stays open; 0 tells what there is and ends.",
    )
    last_event_id = serializers.RegexField(
        PLACE, max_length=40, required=False, help_text="As the header Last-Event-ID, for readers that cannot send it."
    )


class EventsViewSet(OperationsViewSet):
    """Events."""

    queries = {"list": EventsQuery}

    @property
    def is_list(self) -> bool:
        return False

    def get_renderers(self) -> list[BaseRenderer]:
        return [EventStreamRenderer()]

    @extend_schema(
        parameters=[
            EventsQuery,
            OpenApiParameter(
                "Last-Event-ID",
                {"type": "string", "pattern": PLACE},
                OpenApiParameter.HEADER,
                description="Where the last stream ended.",
            ),
        ],
        responses={
            (200, EVENT_STREAM): OpenApiResponse(
                {"description": "One event, as it stands on the wire."},
                "Events `download`, `run`, `end`, `busy`, each with an id and JSON as its data.",
            ),
            **error_answers(READ_ERRORS),
        },
    )
    def list(self, request: Request) -> StreamingHttpResponse:
        """What happens to downloads and runs, as server-sent events, from `Last-Event-ID` or from now on."""
        query, now = self.query, timezone.now()
        sent = request.headers.get("Last-Event-ID", query.get("last_event_id"))
        place = current_place(now=now) if sent is None else read_place(sent, now=now)
        if place is None:
            raise ValidationError(
                "Last-Event-ID is none of this stream; leave it out.", fields={"Last-Event-ID": "Is not known."}
            )
        if not slots.are_free:
            raise StreamsBusy(f"{slots.limit} streams are open already; try again later, or poll /api/downloads/.")
        answer = StreamingHttpResponse(stream(Watch(place), seconds=query["seconds"]), content_type=EVENT_STREAM)
        answer["Cache-Control"] = "no-cache"
        answer["X-Accel-Buffering"] = "no"
        return answer


class StreamsBusy(UnabridgedError):
    """Every stream that may be open is."""

    code = "service_unavailable"
    status = 503
    retry_after = BUSY_SECONDS
