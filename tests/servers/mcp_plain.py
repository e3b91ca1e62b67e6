"""An MCP server without any library, which starts at once and can misbehave. Speaks over standard streams.

`python mcp_plain.py [TOOLS.json]`: the file holds its tools, if they are to be others than those that it carries out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

NO_ARGUMENTS = {"type": "object", "properties": {}}
TOOLS = [
    {"name": name, "description": f"Do it: {name}.", "inputSchema": NO_ARGUMENTS}
    for name in ("die", "variables", "hang", "refuse", "echo", "child", "picture")
]


def called(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    failed, text = False, ""
    blocks: list[dict[str, Any]] = []
    match name:
        case "die":
            os._exit(3)
        case "hang":
            time.sleep(60)
        case "refuse":
            failed, text = True, "not today"
        case "variables":
            text = json.dumps(dict(os.environ))
        case "child":
            text = str(subprocess.Popen(["sleep", "60"]).pid)
        case "picture":
            text, blocks = "seen", [{"type": "image", "data": "aaaa", "mimeType": "image/png"}]
        case _:
            text = json.dumps(arguments)
    return {"content": [{"type": "text", "text": text}, *blocks], "isError": failed}


def answered(request: dict[str, Any], tools: list[dict[str, Any]]) -> dict[str, Any]:
    match request["method"]:
        case "initialize":
            version = request["params"]["protocolVersion"]
            capabilities: dict[str, Any] = {"tools": {}}
            server = {"name": "plain", "version": "1"}
            return {"result": {"protocolVersion": version, "capabilities": capabilities, "serverInfo": server}}
        case "tools/list":
            return {"result": {"tools": tools}}
        case "tools/call":
            return {"result": called(request["params"]["name"], request["params"].get("arguments") or {})}
        case _:
            return {"error": {"code": -32601, "message": "Method not found"}}


def main() -> None:
    tools = json.loads(Path(sys.argv[1]).read_text()) if len(sys.argv) > 1 else TOOLS
    print("a greeting that is no message", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if "id" in request:
            print(json.dumps({"jsonrpc": "2.0", "id": request["id"], **answered(request, tools)}), flush=True)


if __name__ == "__main__":
    main()
