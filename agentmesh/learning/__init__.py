"""Learning from runs: relative judging, advantages of single agents, export to trainers, populations of teams."""
