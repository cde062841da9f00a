"""What happens within one step: fetched, dealt, computed, watched, timed."""
