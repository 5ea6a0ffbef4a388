"""Which function does which job. Apps register theirs in their `tasks` module; scheduling knows only names."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from scheduling.services.context import RunContext

Handler = Callable[[RunContext], Mapping[str, Any] | None]
H = TypeVar("H", bound=Handler)

HANDLERS: dict[str, Handler] = {}


def job(name: str) -> Callable[[H], H]:
    """Register a function as the handler of a job. It gets the run and returns the run's result."""

    def register(handler: H) -> H:
        HANDLERS[name] = handler
        return handler

    return register
