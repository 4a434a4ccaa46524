"""How do figures become pixels and labels? Cameras, light, materials, and a renderer on OpenGL (EGL, no window)."""
