"""The tools that can be taken over: one module for each."""
