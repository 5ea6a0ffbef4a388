"""What is checked of a torrent before a client sees it: that it is the one that was offered, and holds no programs."""

from acquisition.clients.torrent_payload import read_payload
from acquisition.domain.facts import Payload
from acquisition.domain.faults import OTHER_TORRENT
from acquisition.domain.hazards import find_programs, programs_sentence
from acquisition.domain.torrents import normalise_infohash, parse_torrent
from acquisition.models import Download
from acquisition.services.choosing import chosen_files
from config.errors import Rejected


def vet(download: Download, payload: Payload) -> tuple[str, ...]:
    """The ids under which a client may hold it; none for direct files.

    Rejected when it is no torrent (bad_torrent), another one than its indexer stated (other_torrent), or when a file
    that would be fetched is a program (dangerous_files).
    """
    if not (payload.torrent or payload.magnet_url):
        return ()
    refs = read_payload(payload, service="The release").refs
    _check_stated(download, refs)
    if payload.torrent:
        _check_files(download, payload.torrent)
    return refs


def _check_stated(download: Download, refs: tuple[str, ...]) -> None:
    """An indexer may state a hybrid torrent by either hash, and a v2 hash whole or by its first 20 bytes."""
    release = download.release
    said = release.infohash if release else ""
    stated = normalise_infohash(said) or normalise_infohash(said[:40])
    if release is None or not stated or stated in refs:
        return
    # The stated hash may be that of somebody's honest torrent: only what really lies there is remembered.
    download.infohash = refs[0]
    Download.objects.filter(pk=download.pk).update(infohash=refs[0])
    raise Rejected(
        f"Behind its link is another torrent than the one that {release.indexer.name} states.",
        service=release.indexer.name,
        code=OTHER_TORRENT,
    )


def _check_files(download: Download, torrent: bytes) -> None:
    wanted = chosen_files(download)
    paths = [file.path for file in parse_torrent(torrent).files if not wanted or file.path in wanted]
    if programs := find_programs(paths):
        raise Rejected(programs_sentence(programs), service="The release", code="dangerous_files")
