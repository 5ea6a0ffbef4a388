"""What health tells of the integrations, by what was last seen of them: it asks none of them itself."""

from acquisition.models import DownloadClient, Indexer
from config.findings import Finding


def check_integrations() -> Finding:
    """The enabled indexers and download clients whose last word was an error. The product lives on without them."""
    unwell = [
        f"{service.name}: {service.last_error}"
        for kind in (Indexer, DownloadClient)
        for service in kind.objects.filter(is_enabled=True).exclude(last_error_at=None)
        if service.last_ok_at is None or service.last_ok_at < service.last_error_at
    ]
    return Finding(not unwell, "; ".join(unwell)[:500], is_essential=False)
