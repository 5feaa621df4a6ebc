"""Trains the network that projects begin with, on volumes that are drawn by chance; see README."""
