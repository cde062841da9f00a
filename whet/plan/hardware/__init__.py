"""Hardware as data: what each card has, where the figure comes from, and what this machine has."""
