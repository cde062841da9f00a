"""From a validated config to the values that a run is made of, refused or said before anything is learned."""
