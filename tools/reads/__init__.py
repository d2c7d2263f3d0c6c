"""Reads: FASTQ files, their quality, their names, and pictures of them."""
