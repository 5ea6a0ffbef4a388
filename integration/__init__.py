"""Tests against real programs on loopback. `make integration` installs what they need and runs them."""
