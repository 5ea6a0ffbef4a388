"""Runs of jobs, their logs, and the tally of failures."""

from scheduling.models.run import UNFINISHED, FailedAttempt, Run, RunLogEntry, RunStatus, Trigger

__all__ = ["UNFINISHED", "FailedAttempt", "Run", "RunLogEntry", "RunStatus", "Trigger"]
