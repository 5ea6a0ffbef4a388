"""Testing indexers and download clients. The answer is a sentence; a fault is raised in the client's words."""

import datetime

from acquisition.domain.facts import SearchQuery
from acquisition.models import DownloadClient, Indexer
from acquisition.services.ports import ask, keep_capabilities, open_client, open_indexer


def check_indexer(indexer: Indexer, *, now: datetime.datetime) -> str:
    """Read what it can do and its newest releases."""
    client = open_indexer(indexer)
    facts = ask(indexer, client.capabilities, now=now)
    newest = ask(indexer, lambda: client.search(SearchQuery(limit=10)), now=now)
    keep_capabilities(indexer, facts, now=now)
    Indexer.objects.filter(pk=indexer.pk).update(last_error="")
    fields = f"searches books by {', '.join(facts.book_params)}" if facts.book_params else "searches by free text"
    server = f" ({facts.server})" if facts.server else ""
    return f"{indexer.name}{server} answers; it {fields}; {len(newest)} of its newest releases were read."


def check_client(client: DownloadClient, *, now: datetime.datetime) -> str:
    """Sign in, and read its version, folder and free space."""
    health = ask(client, lambda: open_client(client).check(), now=now)
    DownloadClient.objects.filter(pk=client.pk).update(version=health.version[:60], last_error="")
    words = [f"{client.name} answers" + (f": version {health.version}" if health.version else "") + "."]
    if health.save_path:
        words.append(f"It saves to {health.save_path}.")
    if health.free_bytes is not None:
        words.append(f"{health.free_bytes / 1e9:.1f} GB are free.")
    return " ".join([*words, *health.warnings])
