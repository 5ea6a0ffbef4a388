"""What a health check found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not `is_essential` may be unwell without the whole being so."""

    is_well: bool
    detail: str = ""
    is_essential: bool = True
    latency_ms: float | None = None
