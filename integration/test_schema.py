"""The whole schema tried by schemathesis against the product as it is served: no server error, no violation.

The same seed makes the same requests: a failure is repeated with `UNABRIDGED_FUZZ_SEED`, which is printed, and searched
for longer with `UNABRIDGED_FUZZ_EXAMPLES`. The worker does not run, so that what is queued stays where it is.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration.api_world import DRIVER, PASSWORD, base_of, driver_key, filled
from integration.product import ROOT, Product

SCHEMATHESIS = Path(sys.executable).parent / "schemathesis"
CONFIG = ROOT / "integration" / "schemathesis.toml"
LEAST_REQUESTS = 10_000
EXAMPLES = os.environ.get("UNABRIDGED_FUZZ_EXAMPLES", "1")
SEED = os.environ.get("UNABRIDGED_FUZZ_SEED", "20261122")
LONGEST_SECONDS = int(os.environ.get("UNABRIDGED_FUZZ_SECONDS", "900"))


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    with filled(tmp_path, UNABRIDGED_WEB_WORKERS="2") as product:
        product.start("--only", "web")
        yield product


def test_no_request_breaks_the_api_or_its_schema(product: Product, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = _schemathesis(product, report)
    facts = json.loads(report.read_text())
    print(done.stdout[-2000:])
    assert done.returncode == 0, f"{done.stdout[-20_000:]}\n{product.log}"
    assert _requests(facts) >= LEAST_REQUESTS
    assert "Traceback" not in product.log


def _schemathesis(product: Product, report: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "UNABRIDGED_TEST_KEY": driver_key(product),
        "UNABRIDGED_TEST_PASSWORD": PASSWORD,
        "UNABRIDGED_TEST_CALLER": str(DRIVER),
    }
    command = [
        str(SCHEMATHESIS), "--config-file", str(CONFIG), "run", f"{base_of(product)}/api/schema/?format=json",
        "--workers", "3", "--seed", SEED, "--max-examples", EXAMPLES, "--report-json-path", str(report),
    ]  # fmt: skip
    return subprocess.run(
        command, cwd=report.parent, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=LONGEST_SECONDS, check=False,
    )  # fmt: skip


def _requests(facts: Any) -> int:
    return int(facts["test_cases"]["generated"])
