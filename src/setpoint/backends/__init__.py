"""One file per technology; each implements a port of the core and imports nothing else of the package."""
