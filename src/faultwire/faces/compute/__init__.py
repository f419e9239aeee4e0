"""The compute face: Nova's API on what we know of servers, hosts and services."""
