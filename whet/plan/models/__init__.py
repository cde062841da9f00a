"""Models by name: the published configs of some, and how any other's is found."""
