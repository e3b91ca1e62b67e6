"""Teams of LLM agents on a declared, enforced topology, watched by monitors."""

__version__ = "0.1.0"
