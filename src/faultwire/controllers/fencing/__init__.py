"""Management controllers of hosts: read, switched and subscribed to, by Redfish."""
