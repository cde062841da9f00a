"""Whether an answer in mathematics is the one that was asked for, however either is written."""
