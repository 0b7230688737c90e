"""Reinforcement learning on small tables, checked against exact values."""
