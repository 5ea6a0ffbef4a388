"""The map of endpoints, and what the contract says of it."""

import csv
import re
from pathlib import Path

import pytest
from django.conf import settings

from config.api.endpoints import endpoints, markdown

BASE = Path(settings.BASE_DIR)


def test_the_documentation_is_fresh() -> None:
    kept = (BASE / "docs" / "endpoints.md").read_text()
    assert kept == markdown(), "Run `manage.py endpoints --write`."


def contract_rows() -> list[dict[str, str]]:
    place = BASE.parent / "shared" / "contract" / "endpoints.csv"
    if not place.exists():
        pytest.fail(f"The contract is expected beside the repository, in {place.relative_to(BASE.parent)}.")
    with place.open() as file:
        return list(csv.DictReader(file))


def normal(method: str, path: str) -> tuple[str, str]:
    return method, re.sub(r"{\w+}", "{}", path)


def test_every_row_of_the_contract_is_routed() -> None:
    found = {normal(e.method, e.path) for e in endpoints()}
    missing = [
        f"{row['method']} {row['path']}" for row in contract_rows() if normal(row["method"], row["path"]) not in found
    ]
    assert not missing, "\n".join(missing)


def test_agrees_with_the_contract() -> None:
    """Every row of the contract has its authentication, role, tier and status."""
    found = {normal(e.method, e.path): e for e in endpoints()}
    differences = []
    for row in contract_rows():
        endpoint = found.get(normal(row["method"], row["path"]))
        if endpoint is None:
            continue
        has = (endpoint.auth, endpoint.role, endpoint.tier, str(endpoint.success))
        wants = (row["auth"], row["role"], row["tier"], row["success"])
        if has != wants:
            differences.append(f"{row['method']} {row['path']} has {has}, the contract says {wants}")
    assert not differences, "\n".join(differences)
