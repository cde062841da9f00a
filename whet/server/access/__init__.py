"""Who may see and do what: one token for a person's own server, accounts with roles for a team's."""
