"""What runs in a process of its own between agentmesh and a program.

It is started as `python -I -S` with the folder above on its path, so imports within it are relative, and nothing else
of agentmesh is imported. It starts for every program that an agent runs: of modules that take long to import (typing,
contextlib, signal, pathlib, socket) it has none, which halves the time.
"""
