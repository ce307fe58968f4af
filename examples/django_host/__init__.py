"""A small MIS on Django that shares data by agreement; its README says how to start it."""
