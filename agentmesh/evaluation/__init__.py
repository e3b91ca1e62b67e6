"""How good a team is, and what its monitors see: traces read, audited, and monitors calibrated."""
