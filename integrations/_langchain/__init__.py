"""Reads the runs of LangChain and LangGraph."""
