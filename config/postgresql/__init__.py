"""Django's PostgreSQL backend, with what hot reads need besides."""
