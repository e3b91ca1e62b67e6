"""A team from its file: load, run, look at what passed between the agents."""

from pathlib import Path

from agentmesh import Team

team = Team.from_yaml(Path(__file__).parents[1] / "topologies" / "hierarchy.yaml")
print("at most", team.bounds.turns, "turns and", team.bounds.messages, "messages")

result = team.run_sync("What is (12*7)+(45-6)*3?", seed=1)
for event in result.events:
    if event.type == "message_delivered":
        print(f"{event.sender:>10} -> {event.recipient:<10} {event.content.splitlines()[0]}")
print(result.outcome, "|", result.answer)
