"""The controller of a cloud that is not ours: plans become acts that it is owed."""
