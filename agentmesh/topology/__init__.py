"""From configuration to a frozen, checked graph and its phases. The only package that imports networkx."""
