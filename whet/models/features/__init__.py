"""What touches the forward passes of a model while it is trained, one file each."""
