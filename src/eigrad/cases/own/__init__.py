"""Your own network and data: which features set the samples of one query apart from those of another."""
