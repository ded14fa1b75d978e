"""How an animated picture looks, in numbers: beside its own movement, and beside the truth where there is one."""
