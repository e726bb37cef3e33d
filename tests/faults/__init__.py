"""What happens to live logs when everything around them breaks, again and again."""
