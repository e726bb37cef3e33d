"""The verbs: what a field or a mutation does. Calls db, returns rows; knows no HTTP."""
