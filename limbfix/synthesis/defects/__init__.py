"""How is a person made wrong on purpose? Operators on figures in rest pose, each with its benign twin."""
