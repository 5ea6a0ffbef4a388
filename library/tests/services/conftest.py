"""Switches off the catalogue that ships with the product where a test says nothing of it."""

from pathlib import Path

import pytest

from library.models import ProviderState
from library.services.providers import ensure_providers
from library.tests.audio_files import make_shelf


@pytest.fixture
def no_catalogue(db: None) -> None:
    ensure_providers()
    ProviderState.objects.update(is_enabled=False)


@pytest.fixture(scope="session")
def sample_shelf(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, object]]]:
    """The sample library on disk, with its manifest; read only."""
    root = tmp_path_factory.mktemp("sample")
    return root, make_shelf(root)
