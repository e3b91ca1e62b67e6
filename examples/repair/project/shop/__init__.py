"""A small shop whose tests do not pass yet."""
