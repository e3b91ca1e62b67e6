"""Runs of teams as files that trainers read: `export = await read(team, run_id)`, `batch(...)`, `rows_of(...)`."""

from agentmesh.learning.export.batch import Batch, Exported, batch, exported, rewards_of, split, unrewarded, unwanted
from agentmesh.learning.export.files import FORMATS, File, Form, left_out, rows_of, write
from agentmesh.learning.export.reading import read
from agentmesh.learning.export.transcripts import Call, Transcript, transcripts

__all__ = [
    "FORMATS",
    "Batch",
    "Call",
    "Exported",
    "File",
    "Form",
    "Transcript",
    "batch",
    "exported",
    "left_out",
    "read",
    "rewards_of",
    "rows_of",
    "split",
    "transcripts",
    "unrewarded",
    "unwanted",
    "write",
]
