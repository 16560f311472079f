"""The stages of an experiment: one module, one verb, one public function each."""
