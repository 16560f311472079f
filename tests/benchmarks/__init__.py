"""What is measured: each module runs a peer and ours, or a proof, and ends with one JSON line."""
