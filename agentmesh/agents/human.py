"""An agent that is a person."""

from __future__ import annotations

from dataclasses import dataclass

from agentmesh.agents.base import Said, Turn
from agentmesh.events import MessageDelivered


@dataclass
class HumanAgent:
    """Shows its inbox to the person in charge and takes the answer as its reply."""

    instructions: str = ""

    def fork(self) -> HumanAgent:
        """It remembers nothing."""
        return self

    async def act(self, turn: Turn) -> Said:
        """One question, one answer. Raises: AgentError if nobody can answer."""
        view = turn.view
        shown = [self.instructions] if self.instructions else []
        for item in view.inbox:
            sender = item.sender if isinstance(item, MessageDelivered) else "the run"
            # Further lines are set in, so that none of them can pass for a message of somebody else.
            shown.append(f"{sender}: " + "\n  ".join(item.content.splitlines()))
        shown.append(f"Your reply goes to: {', '.join(view.recipients) or 'nobody'}")
        return Said(await turn.ask("\n\n".join(shown)))
