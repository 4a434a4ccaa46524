"""limbfix: the anatomy gate after the render."""
