"""The job `gap_analysis`: what exists is asked for, if wished, then the gaps are found."""

import datetime
from collections.abc import Sequence

from library.services.catalogue import refresh_catalogue
from library.services.gaps import GapResult, analyze_gaps
from scheduling.services.context import RunContext


def refresh_and_analyze(
    *,
    now: datetime.datetime,
    run: RunContext,
    series_ids: Sequence[int] | None = None,
    author_ids: Sequence[int] | None = None,
    refresh: bool = False,
) -> GapResult:
    """Analyse the given series and authors, or everything. With `refresh` the providers are asked first about what is
    given, or about what is due; a provider that fails is a warning in the run, and what was known is analysed."""
    if refresh:
        asked = refresh_catalogue(
            now=now, run=run, series_ids=series_ids, author_ids=author_ids, force=series_ids is not None
        )
        for line in [*asked.refused, *asked.errors[:20]]:
            run.warn(line)
    return analyze_gaps(now=now, run=run, series_ids=series_ids, author_ids=author_ids)
