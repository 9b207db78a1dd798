"""What few bits cost and what they save: metric, size and bit operations at several widths."""
