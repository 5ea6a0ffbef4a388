"""Choosing files of a pack in its client."""

from acquisition.domain.facts import DownloadClientPort
from acquisition.models import Download, DownloadBook


def chosen_files(download: Download) -> set[str]:
    """The files that are wanted of a pack; empty for a download that is wanted whole."""
    lists = list(DownloadBook.objects.filter(download=download).values_list("files", flat=True))
    return {path for paths in lists for path in paths} if all(lists) else set()


def choose_files(port: DownloadClientPort, ref: str, wanted: set[str]) -> None:
    """Tell the client which files to leave out. Raises Unavailable while it does not know the files."""
    below = {path.partition("/")[2] or path for path in wanted}
    files = port.files(ref)
    unwanted = [f.index for f in files if f.path not in wanted and (f.path.partition("/")[2] or f.path) not in below]
    if unwanted:
        port.select_files(ref, unwanted)
