"""The search for a regulator: candidates ranked by every line of evidence, each with its test and its figure."""
