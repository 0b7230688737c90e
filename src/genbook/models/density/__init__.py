"""Densities in closed form or fitted by counting and expectation-maximisation."""
