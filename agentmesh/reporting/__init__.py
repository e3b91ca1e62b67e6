"""From the events of a run to what people read: its numbers, and a report as one file of HTML."""

from agentmesh.reporting.page import html
from agentmesh.reporting.summary import summary

__all__ = ["html", "summary"]
