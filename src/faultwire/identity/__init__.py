"""Who speaks: users, projects and roles, their passwords and tokens, and bound credentials."""
