"""How do people hold themselves? Sampled poses of hands, arms and whole bodies, as values that any figure can take."""
