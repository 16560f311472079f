"""Data cards as pages: what the card of generated and that of curated data have in common."""
