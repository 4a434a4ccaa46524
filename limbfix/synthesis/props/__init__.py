"""What do hands hold and lie on? Meshes with exact distances, and how a hand is closed about them."""
