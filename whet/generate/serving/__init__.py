"""Requests that come when they come: many answers in the making, one token more of each at every step."""
