"""Testing what the library asks: Audiobookshelf servers and catalogue providers. The answer is a sentence."""

import datetime

from config.errors import ExternalAPIError
from library.domain.facts import BookQuery
from library.models import Audiobookshelf, ProviderState
from library.services.providers import EMBEDDED, Asked, open_provider
from library.services.readers import open_audiobookshelf, record_contact


def check_audiobookshelf(server: Audiobookshelf) -> str:
    """Ask the server whether everything works that the product needs. Raises what the client raises."""
    client = open_audiobookshelf(server)
    try:
        health = client.check()
    except ExternalAPIError as error:
        record_contact(server, error)
        raise
    finally:
        client.close()
    record_contact(server, None)
    Audiobookshelf.objects.filter(pk=server.pk).update(version=health.version[:40])
    names = ", ".join(library.name for library in health.libraries) or "none that this user may see"
    return " ".join([f"{server.name} answers: version {health.version}; libraries: {names}.", *health.warnings])


def check_provider(state: ProviderState, *, now: datetime.datetime) -> str:
    """Ask a provider for a book that every one of them could know. Raises what the client raises."""
    asked = Asked(state, open_provider(state))
    query = BookQuery(title="Treasure Island", author="Robert Louis Stevenson")
    found = asked.ask(lambda client: client.find_books(query), now=now)
    words = f"{state.name} answers: {len(found)} editions found for a trial question."
    return f"{words} It ships with the product and needs no network." if state.name == EMBEDDED else words
