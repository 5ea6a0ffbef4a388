"""The library's part of the API: a file per resource."""
