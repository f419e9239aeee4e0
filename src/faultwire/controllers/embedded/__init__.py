"""The embedded controller: a plan becomes rows and facts of the very same commit."""
