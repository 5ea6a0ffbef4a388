"""The library in the admin: what is on the shelf, what exists, and what is missing."""

from library.admin import books, catalogue, gaps, people, runs, series, settings, shelf

__all__ = ["books", "catalogue", "gaps", "people", "runs", "series", "settings", "shelf"]
