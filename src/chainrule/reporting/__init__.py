"""Claims, run directories, figures and the pages that show them."""
