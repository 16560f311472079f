"""Published numbers with their sources, what may stand beside ours, and what an audit finds in them."""
