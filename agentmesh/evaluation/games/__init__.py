"""Games: agents as players of a team, and what comes of it, measured; see docs/games.md."""

from agentmesh.evaluation.games.match import Match, Setting, play, play_all, resume, team_for
from agentmesh.evaluation.games.measures import Measure, measures
from agentmesh.evaluation.games.registry import GAMES, game_named

__all__ = ["GAMES", "Match", "Measure", "Setting", "game_named", "measures", "play", "play_all", "resume", "team_for"]
