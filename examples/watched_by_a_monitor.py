"""A blocking monitor stops a run before a secret leaves its sender."""

from agentmesh import Agent, Event, Finding, MonitorConfig, Team, Topology


def secrets(event: Event) -> Finding | None:
    """Look at every message before it is delivered."""
    if event.type == "message_proposed" and "hunter2" in event.content and event.sender != "user":
        return Finding(label="secret", agents=(event.sender,), evidence=(event.id,), why="a password in a message")
    return None


team = Team(
    agents=[
        Agent(name="writer", model=lambda request: "the password is hunter2"),
        Agent(name="reader", model=lambda request: "thank you"),
    ],
    topology=Topology.chain(["writer", "reader"]),
    monitors={"secrets": (secrets, MonitorConfig(blocking=True, interventions=("halt",)))},
)
result = team.run_sync("Write to the reader.")
print(result.outcome, "|", result.reason)
print("delivered:", [event.recipient for event in result.events if event.type == "message_delivered"])
