"""Reads the requests that clients and servers of the Model Context Protocol send each other."""
