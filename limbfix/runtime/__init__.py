"""How do limbfix's own networks run on a user's machine? Weights become an ONNX model in memory; no torch, no model file besides them."""
