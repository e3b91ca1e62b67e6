"""Plain functions everywhere: as an agent, as a tool, as a model."""

from agentmesh import Agent, Reply, Request, Team, ToolCall, Topology


def word_count(text: str) -> int:
    """Count words.

    Args:
        text: What to count in.
    """
    return len(text.split())


def clean(text: str) -> str:
    """Stand on a node as an agent that is no model."""
    return " ".join(text.split())


def model(request: Request) -> str | Reply:
    """Stand in for a model: ask for the tool first, then answer with what it said."""
    last = request.messages[-1]
    if last["role"] == "tool":
        return f"The text has {last['content']} words."
    return Reply(tool_calls=(ToolCall("word_count", {"text": "four words are here"}),))


team = Team(
    agents=[clean, Agent(name="counter", model=model, tools=(word_count,))],
    topology=Topology.chain(["clean", "counter"]),
)
print(team.run_sync("  four   words are   here ").answer)
