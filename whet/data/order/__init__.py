"""Which sample comes when: shuffled, packed, streamed, and collated to the batch of a step."""
