"""What the machine has: memory that runs short, graphics cards that give out, threads that are free."""
