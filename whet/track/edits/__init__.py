"""What people say of a run afterwards: tags, notes, a group, pinned, archived; kept beside its log and read with it."""
