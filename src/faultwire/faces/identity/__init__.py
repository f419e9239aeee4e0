"""The identity face: the part of Keystone v3 that clients and operators of a cloud use."""
