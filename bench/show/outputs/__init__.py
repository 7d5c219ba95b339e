"""What a reader gets: the page, Markdown, a comment, the terminal."""
