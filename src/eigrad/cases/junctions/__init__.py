"""Real splice sites: which positions of a window of DNA make a network call it a donor or an acceptor."""
