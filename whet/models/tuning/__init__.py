"""What the kinds of tuners are made of: PEFT's layers, our own autograd for them, and virtual tokens."""
