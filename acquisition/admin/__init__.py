"""Acquisition in the admin: sources, releases, downloads, what the library's pages gain by it, and the front page."""

from acquisition.admin import (
    dashboard,
    downloads,
    explaining,
    library_pages,
    notices,
    profiles,
    releases,
    renaming,
    sources,
)

__all__ = [
    "dashboard",
    "downloads",
    "explaining",
    "library_pages",
    "notices",
    "profiles",
    "releases",
    "renaming",
    "sources",
]
