"""Case studies: each a run folder, made from the library's own parts."""
