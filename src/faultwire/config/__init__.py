"""Configuration: each package owns its Settings; this one joins them and reads the file."""
