"""Any networkx.DiGraph is a topology: its nodes are agents and `user`, its edges what is permitted."""

from __future__ import annotations

import networkx as nx

from agentmesh import Agent, Reply, Request, Team, ToolCall


def gossip(request: Request) -> str | Reply:
    """Try to write to everybody at once; the graph lets through what it has an edge for."""
    if request.messages[-1]["role"] == "tool":
        return "done"
    return Reply(tool_calls=(ToolCall("send_message", {"recipients": ["b", "c", "user"], "content": "psst"}),))


graph: nx.DiGraph[str] = nx.DiGraph([("user", "a"), ("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("d", "user")])
graph.add_node("d", join="all")

team = Team(
    agents=[
        Agent(name="a", model=gossip),
        *(Agent(name=name, model=lambda request: f"{request.agent} has heard") for name in "bcd"),
    ],
    topology=graph,
)
result = team.run_sync("Tell the others.")
for event in result.events:
    if event.type == "message_refused":
        print(f"refused: {event.sender} -> {event.recipient}; allowed: {', '.join(event.allowed)}")
print(result.answer)
