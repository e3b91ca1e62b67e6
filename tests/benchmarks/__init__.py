"""What a run costs beside the bare requests that it consists of. Start with `make bench`."""
