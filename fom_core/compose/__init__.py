"""After the generator: masks, colours and pasting, from painted faces to the whole picture."""
