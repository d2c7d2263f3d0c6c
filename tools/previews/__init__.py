"""What a file looks like, kind by kind: see tools/preview.py."""
