"""Drawings that chapters and scripts share."""
