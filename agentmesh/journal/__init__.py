"""The journal: every event of every run, kept so that nothing is lost and nothing is paid for twice."""

from agentmesh.journal.base import Journal, Log, RunRecord, RunStatus, hold, hold_open, let_go, open_journal

__all__ = ["Journal", "Log", "RunRecord", "RunStatus", "hold", "hold_open", "let_go", "open_journal"]
