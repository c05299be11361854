"""Trains, exports and evaluates Reverie's models, and makes its parity fixtures."""
