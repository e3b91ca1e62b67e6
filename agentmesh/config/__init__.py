"""The YAML language: models, loader with file:line:column errors, JSON Schema."""
