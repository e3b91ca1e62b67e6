"""Lets the tests find the package wherever they are started from."""
