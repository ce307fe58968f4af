"""What gives the ports their substance: one module per technology, imported only by who asks for it."""
