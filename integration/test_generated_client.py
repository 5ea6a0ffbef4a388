"""A client made by openapi-python-client from the served schema: no warning, good types, and it works."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.api_world import PASSWORD, base_of, filled
from integration.product import ROOT, Product

BIN = Path(sys.executable).parent
STORY = ROOT / "integration" / "client_story.py"
CONFIG = """
project_name_override: unabridged-client
package_name_override: unabridged_client
content_type_overrides:
  application/x-ndjson: application/octet-stream
"""


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with filled(tmp_path_factory.mktemp("client")) as product:
        product.start()
        base_of(product)
        yield product


@pytest.fixture(scope="module")
def package(product: Product, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds the generated package."""
    folder = tmp_path_factory.mktemp("generated")
    (folder / "config.yml").write_text(CONFIG)
    url = f"{base_of(product)}/api/schema/"
    command = [str(BIN / "openapi-python-client"), "generate", "--url", url, "--config", "config.yml"]
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"  # it puts its output in form with ruff
    done = _run([*command, "--output-path", "client", "--fail-on-warning"], folder, PATH=path)
    assert done.returncode == 0, done.stdout
    assert "warning" not in done.stdout.lower(), done.stdout
    return folder / "client"


def test_its_types_hold(package: Path) -> None:
    cache = str(package / ".mypy_cache")
    command = [sys.executable, "-m", "mypy", "--config-file=", "--strict", "--cache-dir", cache]
    done = _run([*command, "unabridged_client", str(STORY)], package, MYPYPATH=str(package))
    assert done.returncode == 0, done.stdout[-3000:]


def test_it_signs_in_pages_queues_and_follows(product: Product, package: Path) -> None:
    count = str(product.one("select count(*) from library_book where status = 'active'"))
    command = [sys.executable, str(STORY), base_of(product), "admin", PASSWORD, count]
    done = _run(command, package, PYTHONPATH=str(package))
    assert done.returncode == 0, f"{done.stdout}\n{product.log}"


def _run(command: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=300, check=False,
    )  # fmt: skip
