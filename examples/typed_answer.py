"""The answer as an object: a pydantic class says its form, and an answer of another form is asked for again."""

from pydantic import BaseModel

from agentmesh import Agent, Request, Team, Topology


class Verdict(BaseModel):
    """What the team is to return."""

    approved: bool
    reasons: list[str]


def reviewer(request: Request) -> str:
    """Forget the reasons at first."""
    asked_again = len(request.messages) > 2
    return '{"approved": true, "reasons": ["it is short"]}' if asked_again else '{"approved": true}'


team = Team(agents=[Agent(name="reviewer", model=reviewer)], topology=Topology.solo("reviewer"), answer=Verdict)
result = team.run_sync("Review the change.")
print(type(result.value).__name__, "|", result.value)
print("model calls:", result.usage.model_calls)
