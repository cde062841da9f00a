"""What rooms hand each other: values and protocols, without logic."""
