"""How a model is made to learn: PEFT's layers and our autograd for them, virtual and new tokens, noise, groups."""
