"""Pure: the rules of data sharing; they touch no clock, database, network or file."""
