"""Faces: one application per API. A face translates and holds no logic."""
