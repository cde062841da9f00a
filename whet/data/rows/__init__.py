"""From a row as a user has it to a row of `contracts`: formats detected, messages and their parts in one form."""
