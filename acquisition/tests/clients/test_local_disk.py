"""Why a path is missing, on a real disk."""

from pathlib import Path

import pytest

from acquisition.clients.local_disk import local_disk
from acquisition.domain.paths_map import Missing, PathMapping, explain_missing


@pytest.mark.parametrize(
    "remote, cause",
    [
        ("/downloads/Emma/01.mp3", Missing.NOT_MISSING),
        ("/downloads/emma", Missing.CASE_DIFFERS),
        ("/downloads/Persuasion", Missing.NOT_THERE),
        ("/downloads/Empty/x", Missing.ROOT_EMPTY),
        ("/absent/x", Missing.ROOT_ABSENT),
    ],
)
def test_causes(tmp_path: Path, remote: str, cause: Missing) -> None:
    (tmp_path / "Emma").mkdir()
    (tmp_path / "Emma" / "01.mp3").touch()
    (tmp_path / "Empty").mkdir()
    mappings = [PathMapping("/downloads", str(tmp_path)), PathMapping("/absent", str(tmp_path / "unmounted"))]
    assert explain_missing(remote, mappings, local_disk()).cause is cause
