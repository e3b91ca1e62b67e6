"""Guardrails for what happens between agents."""
