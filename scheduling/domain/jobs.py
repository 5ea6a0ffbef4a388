"""The catalogue of jobs, as data. The schedules here are defaults; users change them in the admin."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Job:
    """`cron` is minute, hour, day of month, month, day of week.

    A message that waited longer than `expires_seconds` is dropped: the next one comes anyway.
    """

    name: str
    title: str
    description: str
    cron: str = ""
    every_minutes: int = 0
    expires_seconds: int = 3600


JOBS: dict[str, Job] = {
    job.name: job
    for job in (
        Job("library_import", "Read the library", "Reads what is on the shelf; moves and writes nothing.", "0 4 * * *"),
        Job("catalogue_refresh", "Refresh the catalogue", "Asks the providers what exists, paced.", "30 * * * *"),
        Job("metadata_full", "Correct all metadata", "Fills and corrects fields from the providers.", "0 2 1 * *"),
        Job("metadata_new", "Correct new metadata", "Corrects the books added in the last week.", "0 3 * * 0"),
        Job("series_completion", "Count series", "Recounts the completion of every series.", "15 1 * * 0"),
        Job("author_completion", "Count authors", "Recounts the completion of every author.", "45 1 * * 0"),
        Job("gap_analysis", "Analyse gaps", "Finds the missing books of series and authors.", "0 1 * * *"),
        Job("wanted_search", "Search for wanted books", "Searches the indexers for what is wanted.", "20 * * * *"),
        Job(
            "download_monitor",
            "Watch downloads",
            "Follows the download clients and starts imports.",
            every_minutes=1,
            expires_seconds=50,
        ),
        Job("retry_sweep", "Retry failed downloads", "Queues failed downloads whose time has come.", "40 * * * *"),
        Job("discovery_top", "Discover", "Finds the most wanted titles of the enabled genres.", "0 5 * * 1"),
        Job(
            "tracker_account",
            "Tracker account",
            "Reads ratio and points of the tracker account.",
            every_minutes=5,
            expires_seconds=240,
        ),
        Job("tracker_events", "Tracker events", "Looks for freeleech and other events.", "0 6 * * *"),
        Job("integrity_check", "Check files", "Checks that library files are there and readable.", "0 5 * * 0"),
        Job("drift_check", "Check for drift", "Compares books with what the providers say now.", "0 3 15 * *"),
        Job("feed_sync", "Read feeds", "Reads the newest releases.", every_minutes=15, expires_seconds=600),
        Job("housekeeping", "Housekeeping", "Prunes old runs and empties the recycle bin.", "30 3 * * *"),
        Job("backup", "Back up", "Saves the database and the settings.", "0 0 * * 0"),
        Job("health_check", "Check health", "Asks every service how it is.", every_minutes=10, expires_seconds=300),
    )
}
