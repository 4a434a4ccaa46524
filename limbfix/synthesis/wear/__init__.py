"""What do people wear? Clothes, hair, gloves, rings and nail polish, and the colours of all that."""
