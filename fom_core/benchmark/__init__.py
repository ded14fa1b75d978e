"""How fast this machine animates, stage by stage and as a whole, and what memory it takes."""
