"""`sweep`: models over a grid of settings, those of one make trained as one program."""
