"""Reward functions, and the grader that runs them."""
