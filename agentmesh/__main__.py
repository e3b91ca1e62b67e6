"""`python -m agentmesh` is the command `agentmesh`."""

from agentmesh.cli import main

if __name__ == "__main__":
    main()
