"""Learning from the model's own answers: who is asked, what was answered, and the steps that come of it."""
