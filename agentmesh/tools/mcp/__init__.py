"""Tools of MCP servers: connections that last as long as a run, and what the servers offer.

The package `mcp` is imported when a server is connected to, and not before.
"""

from __future__ import annotations

from agentmesh.tools.mcp.connection import Connection, ServerFault, connected
from agentmesh.tools.mcp.offers import definition_of, told_name
from agentmesh.tools.mcp.tool import Call, ServerTool

__all__ = ["Call", "Connection", "ServerFault", "ServerTool", "connected", "definition_of", "told_name"]
