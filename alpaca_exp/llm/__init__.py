"""Models that are asked for text, behind one protocol, and the journal of their paid answers."""
