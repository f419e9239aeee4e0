"""Who may do what: rules as data, one module per face, decided by oslo.policy."""
