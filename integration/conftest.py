"""What the tests against real programs share: empty installations to copy, and one swarm."""

from collections.abc import Iterator, Mapping

import pytest

from integration.product import Product
from integration.swarm import OpenSwarm, open_swarm


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Product]]:
    """An empty installation on each database."""
    made = {kind: Product(tmp_path_factory.mktemp(f"empty-{kind}"), kind=kind) for kind in ("sqlite", "postgres")}
    for product in made.values():
        product.rest()
    yield made
    for product in made.values():
        product.close()


@pytest.fixture(scope="session")
def open_seeds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSwarm]:
    with open_swarm(tmp_path_factory.mktemp("seeds")) as swarm:
        yield swarm
