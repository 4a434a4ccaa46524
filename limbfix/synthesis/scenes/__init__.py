"""What happens in a picture? People, what they do, what they hold, and from where they are seen."""
