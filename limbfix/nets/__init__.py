"""What do limbfix's own networks look like? Plain torch modules; no training, no files, no pictures. Never imported by `import limbfix`."""
