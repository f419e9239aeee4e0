"""The alarming face: event alarms in Aodh's shape (`/alarming`, clients append v2)."""
