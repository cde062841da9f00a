"""One model over several processes of this machine, as whoever answers with it sees it: as one model."""
