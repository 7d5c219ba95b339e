"""What charts are drawn with: a sheet of paper, rows of dots, lines over an axis, and their form inside a page."""
