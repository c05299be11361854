"""The engine beside PyTorch on one graphics card: the parts of `scripts/card.sh run`."""
