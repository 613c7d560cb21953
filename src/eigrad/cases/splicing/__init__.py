"""The splicing code: from tables of exon inclusion and a genome to the features that regulate it."""
