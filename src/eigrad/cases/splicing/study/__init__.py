"""The splicing study: what makes exons more included in one condition, by every path and baseline."""
