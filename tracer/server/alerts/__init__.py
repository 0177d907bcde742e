"""Alerts: rules of the operator's file, told once when they begin to hold and once when they end."""
