"""What is measured beside training: held-out figures, sample answers."""
