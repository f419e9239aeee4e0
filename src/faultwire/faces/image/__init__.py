"""The image face: as much of Glance's v2 as clients of servers ask for, read-only."""
