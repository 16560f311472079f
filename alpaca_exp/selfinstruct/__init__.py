"""Self-instruct: reading a teacher's list, the filters, the novelty of an instruction."""
