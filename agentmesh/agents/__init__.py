"""What occupies a node: a model, a function, a program, a person."""
