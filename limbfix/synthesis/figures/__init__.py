"""What is a made person? Body data, subdivision, a figure that operators may edit, and its pose."""
