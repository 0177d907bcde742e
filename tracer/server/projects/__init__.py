"""A server of several projects: a store for each, keys, limits, and routes for administrators."""
