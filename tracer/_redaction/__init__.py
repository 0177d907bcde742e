"""Removes secrets from every record before it is written."""
