"""What the product last measured or saw, kept between runs: small documents beside the settings, under `state.`."""

from typing import Any

from library.models import Setting

PREFIX = "state."


def read_state(name: str) -> dict[str, Any]:
    """The document; an empty one when nothing was kept yet."""
    row = Setting.objects.filter(pk=PREFIX + name).first()
    return dict(row.value) if row and isinstance(row.value, dict) else {}


def write_state(name: str, value: dict[str, Any]) -> None:
    """Keep a document (JSON values only) in place of the older one."""
    Setting.objects.update_or_create(key=PREFIX + name, defaults={"value": value})
