"""Handwritten digits: what makes one digit differ from another, after Jha et al. (2020), figures 1 and 2."""
