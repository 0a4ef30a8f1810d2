"""The measuring programme behind scripts/bench: servers in turn on one bed, the same clients, the same files."""
